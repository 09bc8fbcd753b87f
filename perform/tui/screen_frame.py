"""One frame of the screen: a copy of table and meters, the last status, the state of this screen."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import DECK_METER, LIVE, METER_SLOTS
from perform.core.frame_time import FrameTime
from perform.core.knob_ranges import KnobRanges
from perform.core.messages.control_messages import BindingOptions
from perform.core.params import DECKS, Spec
from perform.stage.status import DeckStatus, SceneStatus, SongsStatus, Status, TouchStatus
from perform.tui.heard_values import HeardValues
from perform.tui.parameter_rows import CUE_ROWS, STAGE_ROWS, LatentParameter, ParameterRow, deck_rows
from perform.tui.parameter_rows import row as row_of
from perform.tui.trace_history import TraceHistory

EMPTY_STATUS = Status("", (DeckStatus(),) * DECKS, "", (), "", "", (), "", TouchStatus(), "", "", ())
LOOP_GLYPHS = {"recording": "●", "looping": "↻", "stopped": "■"}
EXCLUDED = "⊘"
MODULATED = "∿"
_PRINT_EVERY = 5  #: frames between two updates of a printed number, so that it can be read
_DECK_METERS = {d: METER_SLOTS[f"deck/{d}/state"] for d in range(1, DECKS + 1)}
_DECK_SLOTS: dict[int, int] = {d: params.slots(d).start for d in range(1, DECKS + 1)}
_OFFSET = {a.removeprefix("deck/1/"): i for i, a in enumerate(params.ADDRESSES[params.slots(1)])}
_LATE = [METER_SLOTS[f"deck/{d}/late"] for d in range(1, DECKS + 1)]
_INPUT_OPEN = params.slot("input/open")
_FOCUS = params.slot("focus")


@dataclass
class ScreenState:
    """What only this screen knows: cursors, a notice, learning. Nothing here changes the sound."""

    selected: dict[int, str] = field(default_factory=dict)  #: deck -> address that its cursor is on
    top: dict[int, int] = field(default_factory=dict)  #: deck -> first row its panel shows
    latent_parameter: LatentParameter = "bias"  #: which parameter of each latent the rows show
    axes: dict[int, tuple[int, int]] = field(default_factory=dict)  #: deck -> latents of its pad, x and y
    macro_pad: bool = False  #: pads move two macros, not two latents
    macro_axes: tuple[int, int] = (0, 1)  #: indices of these macros, x and y
    zoomed: bool = False  #: pads show another range than that of the knobs, see `perform.tui.axes`
    arming: int = 0  #: song that the stage was asked to arm, until it answers
    prefix: str = ""  #: action of the next F2 to F9 on its scene
    prefix_until: float = 0.0
    learning: str = ""  #: address that the next control is mapped to, or ""
    learn_options: BindingOptions = field(default_factory=BindingOptions)  #: how that control is to move it
    learn_confirmed: bool = False  #: the stage has confirmed that it is learning
    notice: str = ""
    notice_until: float = 0.0
    gone: bool = False  #: the stage has ended
    silence: float = 0.0  #: seconds since the oldest command without an answer
    dropouts: float = -1.0  #: last count of dropouts; -1 before the first frame
    dropout_at: float = -1.0  #: time of the last dropout; -1: none
    frames_at: float = 0.0  #: time at which the mixer last counted up
    frames: float = -1.0  #: the mixer's last count


@dataclass(frozen=True, slots=True)
class ScreenFrame:
    """One moment of table, meters and status.

    meters  : for bars
    printed : meters for printed numbers: the worst of the last few frames, so that they can be read
    """

    table: list[float]
    meters: list[float]
    printed: list[float]
    status: Status
    view: ScreenState
    now: float
    controls: dict[str, str]  #: address -> "nanoKONTROL2 1:CC16"
    scenes: dict[int, SceneStatus]  #: the stored scenes, by number
    marks: dict[str, str]  #: address -> glyphs: "↻" a gesture loops, "⊘" excluded from scenes, "∿" modulated
    traces: TraceHistory
    beat: float  #: the beat that plays now
    hardware: dict[int, float]  #: slot -> value at which the control stands, if the parameter is elsewhere
    knobs: KnobRanges
    modulated: dict[int, float]  #: slot -> value with modulation, of the parameters that are modulated

    @property
    def focus(self) -> int:
        """The deck with the focus."""
        return int(params.SPEC_AT[_FOCUS].clamp(self.table[_FOCUS]))

    def value(self, deck: int, key: str) -> float:
        """A parameter of a deck."""
        return self.table[_DECK_SLOTS[deck] + _OFFSET[key]]

    def meter(self, deck: int, name: str) -> float:
        """A meter of a deck."""
        return self.meters[_DECK_METERS[deck] + DECK_METER[name]]

    def printed_meter(self, deck: int, name: str) -> float:
        """A meter of a deck, for printing."""
        return self.printed[_DECK_METERS[deck] + DECK_METER[name]]

    def stage_meter(self, name: str) -> float:
        """A meter of the whole stage."""
        return self.meters[METER_SLOTS[name]]

    def printed_stage_meter(self, name: str) -> float:
        """A meter of the whole stage, for printing."""
        return self.printed[METER_SLOTS[name]]

    def deck(self, deck: int) -> DeckStatus:
        """The status of a deck."""
        return self.status.decks[deck - 1]

    def in_use(self, deck: int) -> bool:
        """Whether a deck has a model, loads one, or failed to."""
        return bool(self.meter(deck, "state") or self.deck(deck).model or self.deck(deck).error)

    def source_file(self, deck: int) -> str:
        """Sound file or matrix of a deck's source; "" for a source without one."""
        status = self.deck(deck)
        files = {"file": status.file or "no file", "deck": status.matrix or "by variance"}
        return files.get(params.SOURCES[int(self.value(deck, "source"))], "")

    def source_value(self, deck: int, latent: int) -> float | None:
        """Value that a deck's source gives a latent; None if the deck is not live or its source is hand."""
        if self.meter(deck, "state") != LIVE or not self.value(deck, "source"):
            return None
        return self.meter(deck, f"in/{latent}")

    def rows(self, deck: int) -> tuple[ParameterRow, ...]:
        """The rows of a deck."""
        status, source = self.deck(deck), params.SOURCES[int(self.value(deck, "source"))]
        attributes = tuple((a, status.texts.get(str(i), ())) for i, a in enumerate(status.attributes, 1))
        return deck_rows(
            deck,
            status.latents,
            self.view.latent_parameter,
            attributes,
            status.actions,
            source,
            self._modulators(deck),
            status.labels,
        )

    def _modulators(self, deck: int) -> tuple[str, ...]:
        """The modulators that move parameters of a deck, or parameters of no deck."""
        head = f"deck/{deck}/"
        rows = self.status.modulation
        moving = (m.source for m in rows if m.address.startswith(head) or not m.address.startswith("deck/"))
        return tuple(sorted(set(moving)))

    @property
    def uses_macros(self) -> bool:
        """Whether the song uses macros."""
        status = self.status
        return bool(status.examples) or any(m.source.startswith("macro") for m in status.modulation)

    def modulators_of(self, address: str) -> list[str]:
        """The modulators that move a parameter."""
        return [m.source for m in self.status.modulation if m.address == address]

    def row(self, address: str) -> ParameterRow:
        """The row of an address; a deck's row knows the attributes of its model."""
        rows = self.rows(int(address.split("/")[1])) if address.startswith("deck/") else ()
        return next((one for one in rows if one.address == address), None) or row_of(address)

    def knob(self, row: ParameterRow) -> Spec:
        """The range of a row's bar: that of its knob, so of the model for a latent."""
        low, high = self.knobs.of(row.slot)
        if row.attribute or row.spec.action or (low, high) == (row.spec.low, row.spec.high):
            return row.spec
        return _ranged(row.slot, low, high)

    def effect(self, deck: int, latent: int) -> float:
        """dB that a latent moves the sound; NaN if nobody has measured it."""
        return self.knobs.effect(deck, latent) if 0 <= latent < params.LATENTS else math.nan

    def cursor(self, deck: int) -> int:
        """Index of a deck's cursor in its rows, followed by those of the stage."""
        wanted = self.view.selected.get(deck, "")
        for i, row in enumerate((*self.rows(deck), *self.stage_rows)):
            if row.address == wanted:
                return i
        return 0

    @property
    def has_cue(self) -> bool:
        """Whether the cue has outputs."""
        return self.stage_meter("cue/on") > 0

    @property
    def stage_rows(self) -> tuple[ParameterRow, ...]:
        """The rows below those of a deck."""
        return (*STAGE_ROWS, *(CUE_ROWS if self.has_cue else ()))

    @property
    def shows_input(self) -> bool:
        """Whether the input is open, or is the source of a deck."""
        wanted = params.SOURCES.index("input")
        return bool(self.table[_INPUT_OPEN]) or any(
            self.value(deck, "source") == wanted for deck in range(1, DECKS + 1)
        )

    @property
    def selected(self) -> ParameterRow:
        """The row under the cursor of the deck in focus."""
        return (*self.rows(self.focus), *self.stage_rows)[self.cursor(self.focus)]

    def control(self, address: str) -> str:
        """The control mapped to an address: "nanoKONTROL2 1:CC16", or ""."""
        return self.controls.get(address, "")

    @property
    def songs(self) -> SongsStatus:
        """The songs of the set: current, armed, names."""
        return self.status.songs

    @property
    def armed(self) -> int:
        """Number of the armed song, also before the stage confirms it; 0 for none."""
        return self.view.arming or self.songs.next

    def song(self, number: int) -> str:
        """Name of a song; "song 7" if the set has no song 7."""
        lines = self.songs.lines
        return lines[number - 1].name if 1 <= number <= len(lines) else f"song {number}"

    @property
    def playing_song(self) -> str:
        """Name of the song that plays, which may belong to another set."""
        return self.songs.name or self.song(self.songs.now)

    def scene(self, number: int) -> str:
        """Key and name of a scene: "F3 fog"."""
        name = self.scenes[number].name if number in self.scenes else ""
        return f"F{number + 1} {name}".rstrip()

    @property
    def prefix(self) -> str:
        """Action of the next F2 to F9 on its scene; "" for recall."""
        return self.view.prefix if self.now < self.view.prefix_until else ""

    @property
    def recording(self) -> bool:
        """Whether a take is being recorded."""
        return self.stage_meter("take/on") > 0 or bool(self.status.take)

    @property
    def dropouts(self) -> float:
        """Dropouts since the stage started: xruns of the device plus late blocks of all decks."""
        return self.stage_meter("xruns") + sum(self.meters[i] for i in _LATE)


class FrameReader:
    """Reads frames from shared memory; keeps traces, printed numbers and times of dropouts between frames."""

    def __init__(self, arena: Arena, view: ScreenState) -> None:
        self._table, self._meters, self._hardware = arena.table, arena.meters, arena.hardware
        self._knobs, self.view = arena.knobs, view
        self._arena, self._time = arena, FrameTime(arena)
        self._heard = HeardValues(arena)
        self._worst = arena.meters.copy()
        self._printed: list[float] = []
        self._count = 0
        self._status = EMPTY_STATUS
        self._scenes: dict[int, SceneStatus] = {}
        self._marks: dict[str, str] = {}
        self._traces = TraceHistory()
        self._controls: dict[str, str] = {}
        self._controls_of: tuple[Status, float] = (EMPTY_STATUS, 0.0)

    def read(self, status: Status | None, now: float) -> ScreenFrame:
        """[ui] Read one frame."""
        meters = np.nan_to_num(self._meters, posinf=0.0, neginf=0.0)  # a copy; the screen must survive a NaN
        if self.view.gone:  # the last values in shared memory are no longer true
            meters[:] = 0.0
            self._worst[:] = 0.0
        np.maximum(self._worst, meters, out=self._worst)
        if self._count % _PRINT_EVERY == 0:
            self._printed = self._worst.tolist()
            self._worst = meters.copy()
        self._count += 1
        if status is not None and status != self._status:
            self._status = status
            self._scenes = {scene.number: scene for scene in status.scenes}
            self._marks = _marks(status)
        self._traces.sample(now, self._table, meters)
        table = np.nan_to_num(self._table, posinf=0.0, neginf=0.0).tolist()
        frame = ScreenFrame(
            table,
            meters.tolist(),
            self._printed,
            self._status,
            self.view,
            now,
            self._mapped(table[_FOCUS]),
            self._scenes,
            self._marks,
            self._traces,
            self._beat(now),
            self._apart(),
            self._knobs,
            self._heard.read(),
        )
        view, count = self.view, frame.dropouts
        if view.dropouts >= 0 and count > view.dropouts:
            view.dropout_at = now
        view.dropouts = count
        if frame.stage_meter("frames") != view.frames:
            view.frames, view.frames_at = frame.stage_meter("frames"), now
        return frame

    def _beat(self, now: float) -> float:
        """The beat that plays now; 0 if the meters are broken: the screen must survive a NaN."""
        try:
            beat = self._arena.beat_line.beat_at(self._time.frame_at(now))
        except (ValueError, OverflowError):
            return 0.0
        return beat if math.isfinite(beat) else 0.0

    def _apart(self) -> dict[int, float]:
        """Where the controls stand whose parameters are elsewhere."""
        at = np.flatnonzero((self._hardware != self._table) & np.isfinite(self._hardware))
        return dict(zip(at.tolist(), self._hardware[at].tolist(), strict=True))

    def _mapped(self, focus: float) -> dict[str, str]:
        """The control mapped to each address; `focus/...` is the deck with the focus."""
        if self._controls_of[0] is not self._status or self._controls_of[1] != focus:
            deck = f"deck/{focus:.0f}/"
            bindings = self._status.bindings
            focused = {
                deck + b.address.removeprefix("focus/"): b.control
                for b in reversed(bindings)  # the first of several is shown
                if b.address.startswith("focus/")
            }
            # a control mapped to this deck comes before one that follows the focus
            self._controls = focused | {b.address: b.control for b in bindings}
            self._controls_of = (self._status, focus)
        return self._controls


@lru_cache(256)
def _ranged(slot: int, low: float, high: float) -> Spec:
    return replace(params.SPEC_AT[slot], low=low, high=high)


def _marks(status: Status) -> dict[str, str]:
    marks = {loop.address: LOOP_GLYPHS.get(loop.state, "■") for loop in status.loops}
    marks |= {address: marks.get(address, "") + EXCLUDED for address in status.excluded}
    moved = {row.address for row in status.modulation}
    return marks | {address: marks.get(address, "") + MODULATED for address in moved}


def loop_text(frame: ScreenFrame, address: str) -> str:
    """`↻ looping 4.0 s`; "" if there is no loop."""
    for loop in frame.status.loops:
        if loop.address == address:
            length = f" {loop.seconds:.1f} s" if loop.seconds else ""  # unknown while recording
            return f"{LOOP_GLYPHS.get(loop.state, '■')} {loop.state}{length}"
    return ""


def level(amplitude: float) -> float:
    """Amplitude to dB; -inf for silence."""
    return 20.0 * math.log10(amplitude) if amplitude > 1e-6 else -math.inf
