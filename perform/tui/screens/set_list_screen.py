"""The set list: jump to songs of the set, reorder, rename and remove them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from perform.core.messages.control_messages import BindingOptions
from perform.stage.commands import Go
from perform.tui.keys import KEYS
from perform.tui.page_keys import SET_LIST
from perform.tui.screen_frame import ScreenFrame
from perform.tui.screens.dialog import Dialog, DialogText
from perform.tui.widgets.line_widget import LineWidget
from perform.tui.widgets.song_list import SongList

if TYPE_CHECKING:
    from perform.tui.app import Instrument

_TAKEN = {one for key in SET_LIST for one in key.keys.split(",")}  # keys that mean something else here


class SetListScreen(Dialog[None]):
    """The dialog of the set list; the keys of "Songs" and "Stage" work in it, so it may stay open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(key.binding() for key in SET_LIST),
        *(key.binding() for key in KEYS if key.group in ("Songs", "Stage") and key.keys not in _TAKEN),
    ]

    def __init__(self, frame: ScreenFrame) -> None:
        super().__init__()
        self._frame = frame
        self._new = 0  # number of a song that has been added and is not in the list yet; 0: none
        self._list = SongList("songs", frame.armed or frame.songs.now)

    def compose(self) -> ComposeResult:
        """A title and the list."""
        with Vertical():
            yield DialogText(self._title(self._frame), classes="title")
            yield self._list

    @property
    def instrument(self) -> Instrument:
        """The app, typed as the instrument."""
        return cast("Instrument", self.app)

    def on_mount(self) -> None:
        """Draw at once."""
        self.show(self._frame)

    def show(self, frame: ScreenFrame) -> None:
        """Draw a frame."""
        if self._title(frame) != self._title(self._frame):
            self.query_one(".title", DialogText).show(self._title(frame))
        self._frame = frame
        if 0 < self._new <= len(frame.songs.lines):
            self._list.marked, self._new = self._new, 0
        self._list.show(frame)

    def mark_new(self, song: int) -> None:
        """Mark a song that has been added, as soon as the list has it."""
        self._new = song

    @staticmethod
    def _title(frame: ScreenFrame) -> str:
        changed = "   * unsaved: ctrl+s saves it" if frame.songs.changed else ""
        return f"Set {frame.status.set}{changed}"

    @property
    def marked(self) -> int:
        """Number of the marked song."""
        return self._list.marked

    def action_mark(self, steps: int) -> None:
        """Move the mark."""
        self.action_mark_song(min(max(self._list.marked + steps, 1), len(self._frame.songs.lines)))

    def action_mark_song(self, song: int) -> None:
        """Mark a song."""
        self._list.marked = song
        self._list.show(self._frame)

    def action_arm(self) -> None:
        """Arm the marked song; if it is armed already, go."""
        if self._ready():
            self.dismiss()
            self.instrument.action_go()

    def action_go_now(self) -> None:
        """Go at once; the first press only arms and shows how long its models will take."""
        if self._ready():
            self.dismiss()
            self.instrument.stage_line.ask(Go(now=True), self.instrument.notice_answer("go:"))

    def _ready(self) -> bool:
        """Whether the marked song is armed; arm it if not."""
        frame = self.instrument.read_frame()
        if self._list.marked == frame.armed:
            return True
        if frame.songs.lines:
            self.instrument.arm(self._list.marked)
        return False

    def action_shift(self, steps: int) -> None:
        """Move the marked song; the mark moves with it."""
        song = self._list.marked
        if 1 <= song + steps <= len(self._frame.songs.lines):
            self.instrument.move_song(song, song + steps)
            self.action_mark_song(song + steps)

    def action_learn(self) -> None:
        """Learn a pad that goes to the marked song."""
        self.instrument.learn("song/jump", BindingOptions(value=float(self._list.marked)))
        self.dismiss()

    def action_rename(self) -> None:
        """Rename the marked song."""
        self.instrument.action_rename_song(self._list.marked)

    def action_remove(self) -> None:
        """Remove the marked song from the set."""
        self.instrument.remove_song(self._list.marked)

    async def on_line_widget_grabbed(self, message: LineWidget.Grabbed) -> None:
        """Run the action of a clicked line or key."""
        if message.hit.action:
            await self.instrument.run_action(message.hit.action, self)
