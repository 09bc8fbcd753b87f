"""The screen as an app: one frame 25 times a second, the line to the stage, and what opens above the decks.

It may die at any time: all it holds that is heard is in the table. It never waits for the stage.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from perform.core import params
from perform.core.arena_layout import LIVE, LOADING
from perform.core.errors import PerformError
from perform.core.params import SOURCES
from perform.stage.commands import (
    KeepLastMinutes,
    Learn,
    Load,
    SaveMapping,
    SetWord,
    StartRecording,
    StopRecording,
    Unlearn,
    Unload,
    UseFile,
    UseMapping,
    UseMatrix,
)
from perform.tui import themes
from perform.tui.keys import ALWAYS, KEYS, LATENTS, SET_LIST
from perform.tui.paint import time as time_text
from perform.tui.parameter_rows import name
from perform.tui.scene_keys import SceneKeys
from perform.tui.screens.deck_file_choosers import MatrixChooser, SoundChooser
from perform.tui.screens.help_screen import HelpScreen
from perform.tui.screens.latent_screen import LatentScreen
from perform.tui.screens.leave_dialog import LeaveDialog
from perform.tui.screens.mapping_chooser import MappingChooser, mappings
from perform.tui.screens.model_browser import UNLOAD, ModelBrowser
from perform.tui.screens.naming import FILE, Name
from perform.tui.screens.play_screen import PlayScreen
from perform.tui.screens.set_list_screen import SetListScreen
from perform.tui.screens.value_entry import ValueEntry
from perform.tui.song_keys import SongKeys
from perform.tui.stage_line import StageLink

FRAMES = 25  #: frames a second


class Instrument(SongKeys, SceneKeys):
    """The instrument on a terminal. Exits with "stop" or "leave"."""

    TITLE = "perform"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(k.keys, k.action.removeprefix("app."), k.words, show=False, id=k.id, priority=True)
        for k in ALWAYS
    ]

    def __init__(self, client: StageLink, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(client, clock)
        self._play = PlayScreen()
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = themes.THEMES[0].name

    def get_default_screen(self) -> Screen[None]:
        """The screen that plays."""
        return self._play

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Inks of themes that know nothing of this app."""
        return themes.inks(self.current_theme)

    def on_mount(self) -> None:
        """Begin."""
        self.line.start()
        self.set_interval(1 / FRAMES, self.tick)

    def on_unmount(self) -> None:
        """Leave nothing behind in the stage."""
        if self.view.learning:
            self.line.ask(Learn(""))
        self.line.stop()

    # -- frames

    def tick(self) -> None:
        """[ui] One frame: hear what the stage answered, look, draw."""
        while self.line.outcomes:
            outcome = self.line.outcomes.popleft()
            if isinstance(outcome, PerformError):
                self.view.arming = 0
                self.notice(f"▲ {outcome}")
            else:
                done, answer = outcome
                done(answer)
        self.view.gone = self.line.gone is not None
        self.view.silence = self.line.silence()
        frame = self.look()
        played = self.played
        for screen in self.screen_stack:
            if screen is played or isinstance(screen, SetListScreen):
                screen.show(frame)

    @property
    def played(self) -> PlayScreen:
        """The screen that lies under every dialog: the decks, or the latents of one; the other is hidden."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, PlayScreen))

    # -- the stage

    def action_panic(self) -> None:
        """Let everything go; twice: silence."""
        if self.twice("panic"):
            params.set_value(self.table, "master/mute", 1)
            self.notice("master muted; M lets it sound again")
            return
        params.trigger(self.table, "panic")
        self.notice("panic: all let go; ! again within 2 s mutes the master")

    def action_master_mute(self) -> None:
        """Mute the master, or lift it."""
        if self.view.learning:
            self.learn("master/mute")
            return
        muted = params.set_value(
            self.table, "master/mute", 0 if self.table[params.slot("master/mute")] else 1
        )
        self.notice("master muted; M lets it sound again" if muted else "master sounds again")

    def action_input(self) -> None:
        """Let the input in, which takes two presses, or shut it out."""
        if self.instead("input/open"):
            return
        if self.table[params.slot("input/open")]:
            params.set_value(self.table, "input/open", 0)
            self.notice("input closed")
        elif self.twice("input"):
            params.set_value(self.table, "input/open", 1)
            self.notice("input open; I closes it")
        else:
            self.notice("a microphone near its loudspeakers howls: I again within 2 s opens the input")

    def action_record(self) -> None:
        """Record; stopping takes two presses."""
        if self.instead("take/record"):
            return
        if not self.look().recording:
            self.line.ask(StartRecording(), self.said("recording to"))
        elif self.twice("record"):
            self.line.ask(StopRecording(), self.said("take closed:"))
        else:
            self.notice("recording goes on; r again within 2 s stops it")

    def action_mark(self) -> None:
        """A marker in the take."""
        if self.instead("take/mark"):
            return
        params.trigger(self.table, "take/mark")
        frame = self.look()
        if frame.recording:
            seconds = frame.master("take/frames") / max(1.0, frame.master("rate"))
            self.notice(f"marker at {time_text(seconds)}")
        else:
            self.notice("marker; no take runs: R keeps it with the last minutes")

    def action_keep(self) -> None:
        """What was played a moment ago becomes a take, though nothing was recording."""
        if not self.instead("take/keep"):
            self.notice("keeping the last minutes as a take")
            self.line.ask(KeepLastMinutes(), self.said("kept:"))

    # -- control

    def action_learn(self) -> None:
        """Learn the selected parameter, and whatever is selected next, until esc."""
        self.learn(self.look().selected.address)

    def action_stop_learning(self) -> None:
        """Enough; a prefix that waits is let go too."""
        if self.look().prefix:
            self.prefix("")
            self.notice("")
        if self.view.learning:
            self.view.learning = ""
            self.line.ask(Learn(""))

    def action_unlearn(self) -> None:
        """Forget the controls of the selected parameter, or of the one being learned."""
        address = self.view.learning or self.look().selected.address
        self.line.ask(Unlearn(address), lambda _: self.notice(f"{name(address)} forgets its controls"))

    def action_mapping(self) -> None:
        """Choose a mapping."""
        names = mappings()
        if not names:
            self.notice("there are no mappings yet; l learns one, S saves it")
            return

        self.question(
            MappingChooser(names, self.frame.status.mapping),
            lambda chosen: self.line.ask(UseMapping(chosen), lambda _: self.notice(f"mapping {chosen}")),
        )

    def action_save_mapping(self) -> None:
        """Save the mapping in use."""
        current, hint = self.frame.status.mapping, "enter saves it among your own mappings"
        self.question(
            Name("Save the mapping in use as", current, hint, FILE),
            lambda chosen: self.line.ask(SaveMapping(chosen), self.said("mapping saved:")),
        )

    # -- dialogs

    def action_browse(self, deck: int = 0) -> None:
        """Choose a model for a deck, the focused one where none is named."""
        deck = deck or self.look().focus
        loaded = self.frame.deck(deck).model or ("the model" if self.frame.in_use(deck) else "")

        self.question(
            ModelBrowser(deck, loaded),
            lambda chosen: self.line.ask(Unload(deck) if chosen == UNLOAD else Load(deck, chosen)),
        )

    def action_material(self, deck: int = 0) -> None:
        """Choose what a deck's source needs: where it follows another deck a matrix, else a sound file."""
        deck = deck or self.look().focus
        words, source = self.frame.deck(deck), SOURCES[int(self.frame.value(deck, "source"))]
        if source == "deck":
            self.question(
                MatrixChooser(deck, words.matrix), lambda chosen: self.line.ask(UseMatrix(deck, chosen))
            )
        else:
            self.question(
                SoundChooser(deck, words.file, plays=source == "file"),
                lambda chosen: self.line.ask(UseFile(deck, chosen)),
            )

    def action_latents(self) -> None:
        """The latents of the deck in focus, as long as they are wanted."""
        if not isinstance(self.played, LatentScreen):
            self.push_screen(LatentScreen())

    def action_value(self) -> None:
        """Type a value for the selected parameter."""
        selected = self.look().selected

        def answered(value: float | str) -> None:
            if isinstance(value, str):
                self.line.ask(SetWord(selected.address, value))
            else:
                params.set_value(self.table, selected.address, value)

        if not selected.spec.action:
            self.question(ValueEntry(selected, self.frame.table[selected.slot]), answered)

    def action_help(self) -> None:
        """All keys."""
        self.push_screen(HelpScreen())

    def action_help_quit(self) -> None:
        """ctrl+c, which ends other programs."""
        self.notice("ctrl+q leaves")

    async def action_quit(self) -> None:
        """Leave; ask what becomes of the sound where there is any."""
        frame = self.look()
        if self.line.gone is not None:
            self.exit("leave")
            return
        live = any(frame.meter(d, "state") in (LOADING, LIVE) for d in range(1, params.DECKS + 1))
        changed = frame.songs.changed
        if not live and not frame.recording and not changed:
            self.exit("stop")
        elif not isinstance(self.screen, LeaveDialog):
            self.question(LeaveDialog(live, frame.recording, changed), self.exit)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: every action, and the theme."""
        for key in (*ALWAYS, *KEYS):
            if key.action not in ("app.command_palette", "app.stop_learning"):
                yield SystemCommand(key.words, key.shown, self._later(key.action, self._play))
        for key in SET_LIST:
            if isinstance(screen, SetListScreen) or key.action.startswith("app."):
                yield SystemCommand(
                    key.words, f"{key.shown} in the set list", self._later(key.action, screen)
                )
        if isinstance(self.played, LatentScreen):
            for key in LATENTS:
                shown = f"{key.shown} in the latents"
                yield SystemCommand(key.words, shown, self._later(key.action, self.played))
        yield SystemCommand("theme", "colours of the screen", self.action_change_theme)

    def _later(self, action: str, owner: Screen[Any]) -> Callable[[], object]:
        """Run a screen's action once the palette is gone."""
        return lambda: self.call_next(self.run_action, action, owner)


def run(client: StageLink, log: Path | None = None) -> str:
    """Play until the player leaves; returns "stop" or "leave".

    What libraries print on descriptor 2 goes to `log`, not onto the screen. A stage that ended meanwhile
    raises its StageGone.
    """
    for exported in ("COLUMNS", "LINES"):  # would stand in for the terminal's own size for ever
        os.environ.pop(exported, None)
    with _own_terminal(log):
        app = Instrument(client)
        choice = app.run()
    if app.line.gone is not None:
        raise app.line.gone
    if app.return_code:
        raise PerformError(
            "the screen failed; the stage plays on",
            where=str(log or "screen"),
            hint="`perform attach` comes back, `perform stop` ends it",
        )
    return choice or "leave"


@contextmanager
def _own_terminal(log: Path | None) -> Iterator[None]:
    """Textual draws on a duplicate of descriptor 2, which itself points to the log meanwhile."""
    if log is None:
        yield
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    before, terminal = sys.__stderr__, os.dup(2)
    with log.open("ab") as sink, os.fdopen(os.dup(terminal), "w", encoding="utf-8") as screen:
        os.dup2(sink.fileno(), 2)
        sys.__stderr__ = screen  # type: ignore[misc]
        try:
            yield
        finally:
            sys.__stderr__ = before  # type: ignore[misc]
            os.dup2(terminal, 2)
            os.close(terminal)
