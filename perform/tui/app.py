"""The screen as a Textual app: 25 frames per second, the actions of the stage, the dialogs.

It may die at any time: all sound comes from the parameter table. It never waits for the stage.
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
    SetText,
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
from perform.tui.screens.naming import FILE, NameDialog
from perform.tui.screens.play_screen import PlayScreen
from perform.tui.screens.set_list_screen import SetListScreen
from perform.tui.screens.value_entry import ValueEntry
from perform.tui.song_keys import SongKeys
from perform.tui.stage_line import StageLink

FRAMES = 25  #: frames per second


class Instrument(SongKeys, SceneKeys):
    """The instrument on a terminal. Exits with "stop" or "leave"."""

    TITLE = "perform"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(k.keys, k.action.removeprefix("app."), k.description, show=False, id=k.id, priority=True)
        for k in ALWAYS
    ]

    def __init__(self, client: StageLink, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(client, clock)
        self._play = PlayScreen()
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = themes.THEMES[0].name

    def get_default_screen(self) -> Screen[None]:
        """The screen with all decks."""
        return self._play

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Values of $ink-* for Textual's own themes."""
        return themes.inks(self.current_theme)

    def on_mount(self) -> None:
        """Connect to the stage and start the frame timer."""
        self.stage_line.start()
        self.set_interval(1 / FRAMES, self.tick)

    def on_unmount(self) -> None:
        """Stop learning and disconnect."""
        if self.view.learning:
            self.stage_line.ask(Learn(""))
        self.stage_line.stop()

    # -- frames

    def tick(self) -> None:
        """[ui] One frame: handle the stage's answers, read the meters, draw."""
        while self.stage_line.outcomes:
            outcome = self.stage_line.outcomes.popleft()
            if isinstance(outcome, PerformError):
                self.view.arming = 0
                self.show_notice(f"▲ {outcome}")
            else:
                done, answer = outcome
                done(answer)
        self.view.gone = self.stage_line.gone is not None
        self.view.silence = self.stage_line.silence()
        frame = self.read_frame()
        visible = self.play_screen
        for screen in self.screen_stack:
            if screen is visible or isinstance(screen, SetListScreen):
                screen.show(frame)

    @property
    def play_screen(self) -> PlayScreen:
        """The screen below every dialog: all decks, or the latents of one deck."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, PlayScreen))

    # -- the stage

    def action_panic(self) -> None:
        """Panic; a second press mutes the master."""
        if self.is_second_press("panic"):
            params.set_value(self.table, "master/mute", 1)
            self.show_notice("master muted; M unmutes")
            return
        params.trigger(self.table, "panic")
        self.show_notice("panic; press ! again within 2 s to mute the master")

    def action_master_mute(self) -> None:
        """Mute or unmute the master."""
        if self.view.learning:
            self.learn("master/mute")
            return
        muted = params.set_value(
            self.table, "master/mute", 0 if self.table[params.slot("master/mute")] else 1
        )
        self.show_notice("master muted; M unmutes" if muted else "master unmuted")

    def action_input(self) -> None:
        """Close the input; opening it takes two presses."""
        if self.learn_instead("input/open"):
            return
        if self.table[params.slot("input/open")]:
            params.set_value(self.table, "input/open", 0)
            self.show_notice("input closed")
        elif self.is_second_press("input"):
            params.set_value(self.table, "input/open", 1)
            self.show_notice("input open; press I to close it")
        else:
            self.show_notice(
                "a microphone near the loudspeakers feeds back; press I again within 2 s to open the input"
            )

    def action_record(self) -> None:
        """Start recording; stopping takes two presses."""
        if self.learn_instead("take/record"):
            return
        if not self.read_frame().recording:
            self.stage_line.ask(StartRecording(), self.notice_answer("recording to"))
        elif self.is_second_press("record"):
            self.stage_line.ask(StopRecording(), self.notice_answer("recorded:"))
        else:
            self.show_notice("still recording; press r again within 2 s to stop")

    def action_mark(self) -> None:
        """Put a marker into the take."""
        if self.learn_instead("take/mark"):
            return
        params.trigger(self.table, "take/mark")
        frame = self.read_frame()
        if frame.recording:
            seconds = frame.stage_meter("take/frames") / max(1.0, frame.stage_meter("rate"))
            self.show_notice(f"marker at {time_text(seconds)}")
        else:
            self.show_notice("marker set, but nothing is recording: R keeps the last minutes with it")

    def action_keep(self) -> None:
        """Save the last minutes as a take."""
        if not self.learn_instead("take/keep"):
            self.show_notice("saving the last minutes as a take")
            self.stage_line.ask(KeepLastMinutes(), self.notice_answer("saved:"))

    # -- control

    def action_learn(self) -> None:
        """Learn a control for the selected parameter, then for each one selected, until esc."""
        self.learn(self.read_frame().selected.address)

    def action_stop_learning(self) -> None:
        """Stop learning and cancel a waiting prefix key."""
        if self.read_frame().prefix:
            self.set_prefix("")
            self.show_notice("")
        if self.view.learning:
            self.view.learning = ""
            self.stage_line.ask(Learn(""))

    def action_unlearn(self) -> None:
        """Remove all controls of the selected parameter, or of the one being learned."""
        address = self.view.learning or self.read_frame().selected.address
        self.stage_line.ask(
            Unlearn(address), lambda _: self.show_notice(f"{name(address)}: controls removed")
        )

    def action_mapping(self) -> None:
        """Choose a mapping."""
        names = mappings()
        if not names:
            self.show_notice("no mappings yet: learn controls with l, then save with S")
            return

        self.open_dialog(
            MappingChooser(names, self.frame.status.mapping),
            lambda chosen: self.stage_line.ask(
                UseMapping(chosen), lambda _: self.show_notice(f"mapping {chosen}")
            ),
        )

    def action_save_mapping(self) -> None:
        """Save the mapping in use."""
        current, hint = self.frame.status.mapping, "enter saves to your own mappings"
        self.open_dialog(
            NameDialog("Save the current mapping as", current, hint, FILE),
            lambda chosen: self.stage_line.ask(SaveMapping(chosen), self.notice_answer("mapping saved:")),
        )

    # -- dialogs

    def action_browse(self, deck: int = 0) -> None:
        """Choose a model for a deck; 0: the deck with the focus."""
        deck = deck or self.read_frame().focus
        loaded = self.frame.deck(deck).model or ("the model" if self.frame.in_use(deck) else "")

        self.open_dialog(
            ModelBrowser(deck, loaded),
            lambda chosen: self.stage_line.ask(Unload(deck) if chosen == UNLOAD else Load(deck, chosen)),
        )

    def action_material(self, deck: int = 0) -> None:
        """Choose a matrix for a deck that follows another deck, else a sound file."""
        deck = deck or self.read_frame().focus
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

    def action_latents(self) -> None:
        """Show the latents of the deck in focus."""
        if not isinstance(self.play_screen, LatentScreen):
            self.push_screen(LatentScreen())

    def action_value(self) -> None:
        """Type a value for the selected parameter."""
        selected = self.read_frame().selected

        def answered(value: float | str) -> None:
            if isinstance(value, str):
                self.stage_line.ask(SetText(selected.address, value))
            else:
                params.set_value(self.table, selected.address, value)

        if not selected.spec.action:
            self.open_dialog(ValueEntry(selected, self.frame.table[selected.slot]), answered)

    def action_help(self) -> None:
        """Show all keys."""
        self.push_screen(HelpScreen())

    def action_help_quit(self) -> None:
        """Tell that ctrl+c does not leave."""
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
        """The command palette: every action, and the theme."""
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
        yield SystemCommand("theme", "change the colours", self.action_change_theme)

    def _later(self, action: str, owner: Screen[Any]) -> Callable[[], object]:
        """Run a screen's action after the palette has closed."""
        return lambda: self.call_next(self.run_action, action, owner)


def run(client: StageLink, log: Path | None = None) -> str:
    """Play until the player leaves; returns "stop" or "leave".

    Output of libraries on descriptor 2 goes to `log`, not onto the screen. Raises StageGone if the stage
    ended.
    """
    for exported in ("COLUMNS", "LINES"):  # they would override the terminal's real size
        os.environ.pop(exported, None)
    with _own_terminal(log):
        app = Instrument(client)
        choice = app.run()
    if app.stage_line.gone is not None:
        raise app.stage_line.gone
    if app.return_code:
        raise PerformError(
            "the screen failed; the stage keeps playing",
            where=str(log or "screen"),
            hint="`perform attach` opens the screen again, `perform stop` ends the stage",
        )
    return choice or "leave"


@contextmanager
def _own_terminal(log: Path | None) -> Iterator[None]:
    """Let Textual draw on a duplicate of descriptor 2 while descriptor 2 points to the log."""
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
