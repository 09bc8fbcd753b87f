"""What one frame of the screen shows: one copy of the table and the meters, the last status, the view."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from perform.core import params
from perform.core.arena_layout import DECK_METER, LIVE, METER_SLOTS, Meters
from perform.core.params import DECKS
from perform.stage.status import DeckStatus, SceneStatus, SongsStatus, Status
from perform.tui.latent_history import LatentPast
from perform.tui.parameter_rows import STAGE_ROWS, ParameterRow, Side, deck_rows
from perform.tui.parameter_rows import row as row_of

EMPTY_STATUS = Status("", (DeckStatus(),) * DECKS, "", (), "", "", (), "", "", "", "", ())
LOOP_GLYPHS = {"recording": "●", "looping": "↻", "stopped": "■"}
EXCLUDED = "⊘"
_CALM = 5  #: frames a printed number stands still for, so that it can be read
_DECK_METERS = {d: METER_SLOTS[f"deck/{d}/state"] for d in range(1, DECKS + 1)}
_DECK_SLOTS: dict[int, int] = {d: params.slots(d).start for d in range(1, DECKS + 1)}
_OFFSET = {a.removeprefix("deck/1/"): i for i, a in enumerate(params.ADDRESSES[params.slots(1)])}
_LATE = [METER_SLOTS[f"deck/{d}/late"] for d in range(1, DECKS + 1)]
_INPUT_OPEN = params.slot("input/open")
_FOCUS = params.slot("focus")


@dataclass
class ScreenView:
    """What this screen alone knows: cursors, a notice, learning. Nothing here is heard."""

    selected: dict[int, str] = field(default_factory=dict)  #: deck -> address under its cursor
    top: dict[int, int] = field(default_factory=dict)  #: deck -> first row its panel shows
    side: Side = "bias"
    axes: dict[int, tuple[int, int]] = field(default_factory=dict)  #: deck -> latents of its pad, x and y
    near: bool = False  #: pads span where the corpus lives, not the whole range
    arming: int = 0  #: song that the stage was asked to arm and has not yet answered for
    prefix: str = ""  #: what the next of F2 to F9 does to its scene
    prefix_until: float = 0.0
    learning: str = ""  #: address that the next control is mapped to, or ""
    learn_asked: bool = False  #: the stage waits for that control, or has had it
    notice: str = ""
    notice_until: float = 0.0
    gone: bool = False
    silence: float = 0.0  #: seconds the stage has owed an answer for
    xruns: float = -1.0  #: last count of dropouts seen; -1 before the first
    xrun_at: float = -1.0  #: when it last grew
    frames_at: float = 0.0  #: when the mixer was last seen to move
    frames: float = -1.0


@dataclass(frozen=True, slots=True)
class ScreenFrame:
    """One moment. `meters` are for bars, `calm` for printed numbers: the worst of the last few frames."""

    table: list[float]
    meters: list[float]
    calm: list[float]
    status: Status
    view: ScreenView
    now: float
    controls: dict[str, str]  #: address -> "nanoKONTROL2 1:CC16"
    scenes: dict[int, SceneStatus]  #: those that are stored, by number
    marks: dict[str, str]  #: address -> glyphs: "↻" its gesture loops, "⊘" scenes leave it alone
    past: LatentPast

    @property
    def focus(self) -> int:
        """The deck that has the focus."""
        return int(params.SPEC_AT[_FOCUS].clamp(self.table[_FOCUS]))

    def value(self, deck: int, key: str) -> float:
        """A deck's number."""
        return self.table[_DECK_SLOTS[deck] + _OFFSET[key]]

    def meter(self, deck: int, name: str) -> float:
        """A deck's meter."""
        return self.meters[_DECK_METERS[deck] + DECK_METER[name]]

    def steady(self, deck: int, name: str) -> float:
        """A deck's meter, for print."""
        return self.calm[_DECK_METERS[deck] + DECK_METER[name]]

    def master(self, name: str) -> float:
        """A meter of the whole stage."""
        return self.meters[METER_SLOTS[name]]

    def steady_master(self, name: str) -> float:
        """A meter of the whole stage, for print."""
        return self.calm[METER_SLOTS[name]]

    def deck(self, deck: int) -> DeckStatus:
        """What stands on a deck."""
        return self.status.decks[deck - 1]

    def in_use(self, deck: int) -> bool:
        """Whether a deck holds something, or tries to, or failed to."""
        return bool(self.meter(deck, "state") or self.deck(deck).model or self.deck(deck).error)

    def material(self, deck: int) -> str:
        """What a deck's source plays or goes by; "" where it needs nothing."""
        words = self.deck(deck)
        by = {"file": words.file or "no file", "deck": words.matrix or "by variance"}
        return by.get(params.SOURCES[int(self.value(deck, "source"))], "")

    def given(self, deck: int, latent: int) -> float | None:
        """What a deck's source gives a latent; None where it does not play, or the hand alone does."""
        if self.meter(deck, "state") != LIVE or not self.value(deck, "source"):
            return None
        return self.meter(deck, f"in/{latent}")

    def rows(self, deck: int) -> tuple[ParameterRow, ...]:
        """The rows of a deck."""
        words, source = self.deck(deck), params.SOURCES[int(self.value(deck, "source"))]
        attributes = tuple((a, words.words.get(str(i), ())) for i, a in enumerate(words.attributes, 1))
        return deck_rows(deck, words.latents, self.view.side, attributes, words.actions, source)

    def row(self, address: str) -> ParameterRow:
        """The row of an address, as its deck has it."""
        own = self.rows(int(address.split("/")[1])) if address.startswith("deck/") else ()
        return next((one for one in own if one.address == address), None) or row_of(address)

    def cursor(self, deck: int) -> int:
        """Index of a deck's cursor in its rows and STAGE_ROWS behind them."""
        wanted = self.view.selected.get(deck, "")
        for i, row in enumerate((*self.rows(deck), *STAGE_ROWS)):
            if row.address == wanted:
                return i
        return 0

    @property
    def listening(self) -> bool:
        """The input is open, or some deck's source."""
        wanted = params.SOURCES.index("input")
        return bool(self.table[_INPUT_OPEN]) or any(
            self.value(deck, "source") == wanted for deck in range(1, DECKS + 1)
        )

    @property
    def selected(self) -> ParameterRow:
        """The row under the cursor of the deck in focus."""
        return (*self.rows(self.focus), *STAGE_ROWS)[self.cursor(self.focus)]

    def control(self, address: str) -> str:
        """The control mapped to an address: "nanoKONTROL2 1:CC16", or ""."""
        return self.controls.get(address, "")

    @property
    def songs(self) -> SongsStatus:
        """Where the set is."""
        return self.status.songs

    @property
    def armed(self) -> int:
        """Number of the song that is NEXT, or was asked to be; 0 for none."""
        return self.view.arming or self.songs.next

    def song(self, number: int) -> str:
        """Name of a song, "song 7" where there is none."""
        lines = self.songs.lines
        return lines[number - 1].name if 1 <= number <= len(lines) else f"song {number}"

    def scene(self, number: int) -> str:
        """Key and name of a scene: "F3 fog"."""
        name = self.scenes[number].name if number in self.scenes else ""
        return f"F{number + 1} {name}".rstrip()

    @property
    def prefix(self) -> str:
        """What the next of F2 to F9 does to its scene, "" where it recalls it."""
        return self.view.prefix if self.now < self.view.prefix_until else ""

    @property
    def recording(self) -> bool:
        """Whether a take runs."""
        return self.master("take/on") > 0 or bool(self.status.take)

    @property
    def dropouts(self) -> float:
        """Underflows of the device and blocks that a deck had nothing for, since the stage began."""
        return self.master("xruns") + sum(self.meters[i] for i in _LATE)


class FrameCamera:
    """Takes one frame after the other of an arena, and keeps what only time shows."""

    def __init__(self, table: params.Table, meters: Meters, view: ScreenView) -> None:
        self._table, self._meters, self.view = table, meters, view
        self._worst = meters.copy()
        self._calm: list[float] = []
        self._count = 0
        self._status = EMPTY_STATUS
        self._scenes: dict[int, SceneStatus] = {}
        self._marks: dict[str, str] = {}
        self._past = LatentPast()
        self._controls: dict[str, str] = {}
        self._controls_of: tuple[Status, float] = (EMPTY_STATUS, 0.0)

    def take(self, status: Status | None, now: float) -> ScreenFrame:
        """[ui] The frame of this moment."""
        meters = np.nan_to_num(
            self._meters, posinf=0.0, neginf=0.0
        )  # a copy; a broken meter must not break the screen
        np.maximum(self._worst, meters, out=self._worst)
        if self._count % _CALM == 0:
            self._calm = self._worst.tolist()
            self._worst = meters.copy()
        self._count += 1
        if status is not None and status != self._status:
            self._status = status
            self._scenes = {scene.number: scene for scene in status.scenes}
            self._marks = _marks(status)
        self._past.note(now, self._table, meters)
        table = np.nan_to_num(self._table, posinf=0.0, neginf=0.0).tolist()
        frame = ScreenFrame(
            table,
            meters.tolist(),
            self._calm,
            self._status,
            self.view,
            now,
            self._mapped(table[_FOCUS]),
            self._scenes,
            self._marks,
            self._past,
        )
        view, count = self.view, frame.dropouts
        if view.xruns >= 0 and count > view.xruns:
            view.xrun_at = now
        view.xruns = count
        if frame.master("frames") != view.frames:
            view.frames, view.frames_at = frame.master("frames"), now
        return frame

    def _mapped(self, focus: float) -> dict[str, str]:
        """The control of each address; those of the focus are those of the deck that has it."""
        if self._controls_of[0] is not self._status or self._controls_of[1] != focus:
            own = f"deck/{focus:.0f}/"
            binds = self._status.binds
            focused = {
                own + b.address.removeprefix("focus/"): b.control
                for b in reversed(binds)  # the first of several is shown
                if b.address.startswith("focus/")
            }
            # what was mapped to this very address, learnt for it most likely, before what follows the focus
            self._controls = focused | {b.address: b.control for b in binds}
            self._controls_of = (self._status, focus)
        return self._controls


def _marks(status: Status) -> dict[str, str]:
    marks = {loop.address: LOOP_GLYPHS.get(loop.state, "■") for loop in status.loops}
    return marks | {address: marks.get(address, "") + EXCLUDED for address in status.excluded}


def loop_words(frame: ScreenFrame, address: str) -> str:
    """`↻ looping 4.0 s`, "" where there is no loop."""
    for loop in frame.status.loops:
        if loop.address == address:
            length = f" {loop.seconds:.1f} s" if loop.seconds else ""  # none yet while it is recorded
            return f"{LOOP_GLYPHS.get(loop.state, '■')} {loop.state}{length}"
    return ""


def level(amplitude: float) -> float:
    """Peak as decibel, -inf for silence."""
    return 20.0 * math.log10(amplitude) if amplitude > 1e-6 else -math.inf
