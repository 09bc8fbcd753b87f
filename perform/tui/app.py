"""The screen as a Textual app: 25 frames per second, and the keys that open dialogs.

It may crash at any time: the sound needs only the parameter table. It never waits for the stage.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import Theme

from perform.core import params
from perform.core.arena_layout import LIVE, LOADING
from perform.core.params import SOURCES
from perform.core.spec import MODULE_DEFAULT
from perform.library.background_fetch import BackgroundFetches
from perform.stage.commands import (
    Learn,
    Load,
    SetText,
    Unload,
    UseFile,
    UseMatrix,
)
from perform.tui import themes
from perform.tui.beat_keys import BeatKeys
from perform.tui.control_keys import ControlKeys
from perform.tui.insert_keys import InsertKeys
from perform.tui.keys import ALWAYS, KEYS
from perform.tui.layout_keys import LayoutKeys
from perform.tui.method_imports import MethodImports
from perform.tui.modulation_keys import ModulationKeys
from perform.tui.page_keys import LATENTS, SET_LIST
from perform.tui.parameter_rows import ParameterRow
from perform.tui.scene_keys import SceneKeys
from perform.tui.screens.deck_file_choosers import MatrixChooser, SoundChooser
from perform.tui.screens.help_screen import HelpScreen
from perform.tui.screens.latent_screen import LatentScreen
from perform.tui.screens.leave_dialog import LeaveDialog
from perform.tui.screens.model_browser import METHOD, UNLOAD, ModelBrowser
from perform.tui.screens.play_screen import PlayScreen
from perform.tui.screens.set_list_screen import SetListScreen
from perform.tui.screens.value_entry import ValueEntry
from perform.tui.song_keys import SongKeys
from perform.tui.stage_keys import StageKeys
from perform.tui.stage_line import Refusal, StageLink
from perform.tui.widgets.side_column import side_width

FRAMES = 25  #: frames per second
WELCOME = "new here? ? shows all keys   o loads a model   drag a ● by mouse   ^q leaves"
_NO_KEY = "none"  #: no terminal sends it; Textual takes "" for the default
WELCOME_S = 20.0  #: seconds for which a new player sees it


class Instrument(
    SongKeys, SceneKeys, BeatKeys, StageKeys, ControlKeys, ModulationKeys, LayoutKeys, InsertKeys
):
    """The instrument on a terminal. Exits with "stop" or "leave"."""

    TITLE = "perform"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(k.keys, k.action.removeprefix("app."), k.description, show=False, id=k.id, priority=True)
        for k in ALWAYS
    ]

    def __init__(
        self,
        client: StageLink,
        clock: Callable[[], float] = time.monotonic,
        theme: str | None = None,
        on_theme: Callable[[str], None] | None = None,
        own_keys: Mapping[str, str] | None = None,
        any_size: bool = False,
        welcome: bool = False,
    ) -> None:
        """Connect the screen to a stage.

        theme    : name of the colours; None: the first of `themes.THEMES`
        on_theme : called with the name of the colours that the player chose
        own_keys : the player's keys: id of an action -> its keys, "" for none
        welcome  : the player sees the screen for the first time
        any_size : show the stage layout where the decks have no room, as on a phone in a browser
        """
        super().__init__(client, clock)
        self._play = PlayScreen()
        for known in themes.THEMES:
            self.register_theme(known)
        self._unknown_theme = "" if theme is None or theme in self.available_themes else theme
        self.theme = theme if theme in self.available_themes else themes.THEMES[0].name
        self._on_theme = on_theme
        self._own_keys, self._any_size, self._welcome = own_keys or {}, any_size, welcome
        self._fetches, self._methods = BackgroundFetches(), MethodImports()
        self.set_keymap({name: keys or _NO_KEY for name, keys in self._own_keys.items()})

    def get_default_screen(self) -> Screen[None]:
        """The screen with all decks."""
        return self._play

    def get_theme(self, theme_name: str) -> Theme | None:
        """A theme by its name, in colours that can be read."""
        theme = super().get_theme(theme_name)
        return None if theme is None else themes.legible(theme)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Values of $ink-* for the themes that come with Textual."""
        return themes.inks(self.current_theme)

    def on_mount(self) -> None:
        """Connect to the stage and start the frame timer."""
        if self._on_theme is not None:
            on_theme = self._on_theme
            self.theme_changed_signal.subscribe(self, lambda theme: on_theme(theme.name))
        if self._welcome:
            self.show_notice(WELCOME, WELCOME_S)
        if self._unknown_theme:
            known = ", ".join(sorted(self.available_themes))
            self.show_notice(f"▲ no theme is called {self._unknown_theme!r}: there are {known}")
        self.stage_line.start()
        self.set_interval(1 / FRAMES, self.tick)

    def on_resize(self) -> None:
        """Fit the layout to a phone's screen, also when it is turned."""
        if self._any_size:
            self.call_after_refresh(self.fit_layout)

    def on_unmount(self) -> None:
        """Stop learning, downloads and imports, and disconnect."""
        self._methods.stop()
        self._fetches.stop()
        if self.view.learning:
            self.stage_line.ask(Learn(""))
        self.stage_line.stop()

    # -- frames

    def tick(self) -> None:
        """[ui] One frame: handle the stage's answers, read the meters, draw."""
        if not any(isinstance(screen, PlayScreen) for screen in self.screen_stack):
            return  # the app is closing: its screens are gone, and its timer is not
        while self.stage_line.outcomes:
            outcome = self.stage_line.outcomes.popleft()
            if isinstance(outcome, Refusal):
                outcome.undo()
                self.show_notice(f"▲ {outcome.error}")
            else:
                done, answer = outcome
                done(answer)
        if news := self._fetches.news():
            self.show_notice(news)
        self.view.gone = self.stage_line.gone is not None
        self.view.silence = self.stage_line.silence()
        self.follow_located(self.read_frame())
        frame = self.frame
        if (self.view.locate or side_width(self.size.width)) and self.stage_line.status is not None:
            self.list_controls(frame)
        visible = self.play_screen
        for screen in self.screen_stack:
            if screen is visible or isinstance(screen, SetListScreen):
                screen.show(frame)

    @property
    def play_screen(self) -> PlayScreen:
        """The screen below every dialog: all decks, or the latents of one deck."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, PlayScreen))

    # -- dialogs

    def action_browse(self, deck: int = 0) -> None:
        """Choose a model for a deck; 0: the deck with the focus."""
        deck = deck or self.read_frame().focus
        loaded = self.frame.deck(deck).model or ("the model" if self.frame.in_use(deck) else "")

        self.open_dialog(
            ModelBrowser(deck, loaded, self._fetches, made=self.frame.deck(deck).made),
            lambda chosen: self._load(deck, chosen),
        )

    def _load(self, deck: int, chosen: str) -> None:
        if chosen.startswith(METHOD):
            self._play_method(deck, chosen.removeprefix(METHOD))
            return
        self.stage_line.ask(
            Unload(deck) if chosen == UNLOAD else Load(deck, chosen),
            lambda answer: self.show_notice(answer.note) if answer.note else None,
        )

    def _play_method(self, deck: int, method: str) -> None:
        """Load the module that a deck plays with another method; measure this method if it is new."""
        made = self.frame.deck(deck).made

        def ready(name: str) -> None:
            if self.read_frame().deck(deck).made == made:
                self._load(deck, name)
            else:
                self.show_notice(f"{name} is in your library: o loads it")

        self.show_notice(f"deck {deck}: measuring the method {method}")
        self._methods.begin(self, Path(made), method, ready, lambda error: self.show_notice(f"▲ {error}"))

    def action_deck_file(self, deck: int = 0) -> None:
        """Choose a sound for the selected buffer, a matrix for a deck that follows another, or a file."""
        selected = self.read_frame().selected
        if not deck and selected.attribute and selected.attribute.kind == "buffer":
            self._choose_buffer(selected)
            return
        deck = deck or self.frame.focus
        status, source = self.frame.deck(deck), SOURCES[int(self.frame.value(deck, "source"))]
        if source == "deck":
            self.open_dialog(
                MatrixChooser(deck, status.matrix),
                lambda chosen: self.stage_line.ask(UseMatrix(deck, chosen)),
            )
        else:
            self.open_dialog(
                SoundChooser(deck, status.file, plays=source == "file"),
                lambda chosen: self.stage_line.ask(UseFile(deck, chosen)),
            )

    def _choose_buffer(self, row: ParameterRow) -> None:
        """Choose a sound file for a buffer of the module."""
        name = row.attribute.text(self.frame.table[row.slot], row.texts) if row.attribute else ""
        current = name if name in row.texts else ""

        def chosen(sound: str) -> None:
            if sound:
                self.stage_line.ask(SetText(row.address, sound))
            else:
                params.set_value(self.table, row.address, MODULE_DEFAULT)

        self.open_dialog(SoundChooser(self.frame.focus, current, plays=True), chosen)

    def action_value(self) -> None:
        """Type a value for the selected parameter; while learning, how the control is to move it."""
        selected = self.read_frame().selected

        def answered(value: float | str) -> None:
            if isinstance(value, str):
                self.stage_line.ask(SetText(selected.address, value))
            else:
                params.set_value(self.table, selected.address, value)

        if self.view.learning:
            self.learn_with_options(selected)
        elif not selected.spec.action:
            self.open_dialog(ValueEntry(selected, self.frame.table[selected.slot]), answered)

    def action_help(self) -> None:
        """Show all keys."""
        self.push_screen(HelpScreen(self._own_keys))

    def action_help_quit(self) -> None:
        """Show that ctrl+q leaves, not ctrl+c."""
        self.show_notice("press ctrl+q to leave")

    async def action_quit(self) -> None:
        """Leave; ask first while something plays, records, or is not saved."""
        frame = self.read_frame()
        if self.stage_line.gone is not None:
            self.exit("leave")
            return
        live = any(frame.meter(d, "state") in (LOADING, LIVE) for d in range(1, params.DECKS + 1))
        changed = frame.songs.changed
        if not live and not frame.recording and not changed:
            self.exit("stop")
        elif not isinstance(self.screen, LeaveDialog):
            self.open_dialog(LeaveDialog(live, frame.recording, changed), self.exit)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette: every action, parameters of the deck in focus and of the stage, the theme."""
        for key in (*ALWAYS, *KEYS):
            if key.action not in ("app.command_palette", "app.stop_learning"):
                yield SystemCommand(key.description, key.shown, self._later(key.action, self._play))
        for key in SET_LIST:
            if isinstance(screen, SetListScreen) or key.action.startswith("app."):
                yield SystemCommand(
                    key.description, f"{key.shown} in the set list", self._later(key.action, screen)
                )
        if isinstance(self.play_screen, LatentScreen):
            for key in LATENTS:
                shown = f"{key.shown} in the latents"
                yield SystemCommand(key.description, shown, self._later(key.action, self.play_screen))
        for row in (*self.frame.rows(self.frame.focus), *self.frame.stage_rows):
            shown = row.long(self.frame.table[row.slot])
            yield SystemCommand(row.name, shown, partial(self._select_and_enter, row.address))
        yield SystemCommand("theme", "change the colours", self.action_change_theme)

    def _select_and_enter(self, address: str) -> None:
        """Put the cursor on a parameter, and ask for its value once the palette has closed."""
        self.view.selected[self.frame.focus] = address
        self._later("app.value", self._play)()

    def _later(self, action: str, owner: Screen[Any]) -> Callable[[], object]:
        """A callback that runs a screen's action once the palette has closed."""
        return lambda: self.call_next(self.run_action, action, owner)
