"""One frame of the screen: a copy of table and meters, the last status, the state of this screen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

from perform.core import params
from perform.core.arena_layout import DECK_METER, LIVE, METER_SLOTS
from perform.core.knob_ranges import KnobRanges
from perform.core.params import DECKS
from perform.core.spec import Spec
from perform.stage.status import DeckStatus, InsertStatus, SceneStatus, SongsStatus, Status
from perform.tui.corpus_clouds import CorpusClouds
from perform.tui.deck_watch import DeckWatch
from perform.tui.load_history import LoadHistory
from perform.tui.parameter_rows import CUE_ROWS, STAGE_ROWS, ParameterRow, deck_rows, insert_rows
from perform.tui.parameter_rows import row as row_of
from perform.tui.screen_state import ScreenState
from perform.tui.song_times import SongTimes
from perform.tui.sound_meters import SoundMeters
from perform.tui.trace_history import TraceHistory

LOOP_GLYPHS = {"recording": "●", "looping": "↻", "stopped": "■"}
EXCLUDED = "⊘"
MODULATED = "∿"
ACTIVE_S = 0.6  #: seconds for which a device that sent counts as active
_DECK_METERS = {d: METER_SLOTS[f"deck/{d}/state"] for d in range(1, DECKS + 1)}
_DECK_SLOTS: dict[int, int] = {d: params.slots(d).start for d in range(1, DECKS + 1)}
_OFFSET = {a.removeprefix("deck/1/"): i for i, a in enumerate(params.ADDRESSES[params.slots(1)])}
_LATE = [METER_SLOTS[f"deck/{d}/late"] for d in range(1, DECKS + 1)]
_INPUT_OPEN = params.slot("input/open")
_FOCUS = params.slot("focus")


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
    hardware: dict[int, float]  #: slot -> value at the control's position, if the parameter has another
    placed: dict[int, float]  #: slot -> value at the control's position, if it has moved
    knobs: KnobRanges
    modulated: dict[int, float]  #: slot -> value with modulation, of the parameters that are modulated
    clouds: CorpusClouds
    sound: SoundMeters
    loads: LoadHistory
    times: SongTimes
    watch: DeckWatch
    active: dict[str, float]  #: device -> time at which one of its controls moved
    changes: int  #: counts up when a parameter, a control or the state of this screen changes
    used: list[int]  #: the decks that have a model, load one, or failed to

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
        return deck in self.used

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
            self._insert_rows(deck),
        )

    def insert(self, insert: int) -> InsertStatus | None:
        """The status of an insert, 0 the master's and N deck N's; None without a module."""
        inserts = self.status.inserts
        return inserts[insert] if insert < len(inserts) else None

    def insert_text(self, insert: int) -> str:
        """`→ swap 31 ms`, `→ swap ↻` while it loads, `→ ▲ swap` if it has failed; "" without a module."""
        status = self.insert(insert)
        if status is None or not status.model:
            return ""
        if status.plays:
            return f"→ {status.model} {1000 * status.delay:.0f}{'' if status.delay_known else '+'} ms"
        return f"→ ▲ {status.model}" if status.error else f"→ {status.model} ↻"

    def _insert_rows(self, insert: int) -> tuple[ParameterRow, ...]:
        status = self.insert(insert)
        if status is None or not status.model:
            return ()
        attributes = tuple((a, status.texts.get(str(i), ())) for i, a in enumerate(status.attributes, 1))
        return insert_rows(insert, attributes, status.actions)

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
        """The row of an address; it knows the attributes of a module."""
        rows = self.rows(int(address.split("/")[1])) if address.startswith("deck/") else self.stage_rows
        return next((one for one in rows if one.address == address), None) or row_of(address)

    def knob(self, row: ParameterRow) -> Spec:
        """The range of a row's bar: the range of its knob, which for a latent is the model's."""
        low, high = self.knobs.of(row.slot)
        if row.attribute or row.spec.action or (low, high) == (row.spec.low, row.spec.high):
            return row.spec
        return _ranged(row.slot, low, high)

    def effect(self, deck: int, latent: int) -> float:
        """dB that a latent moves the sound; NaN if not measured."""
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
        return (*STAGE_ROWS, *(CUE_ROWS if self.has_cue else ()), *self._insert_rows(0))

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
        rows, wanted = self.rows(self.focus), self.view.selected.get(self.focus, "")
        return next((row for row in (*rows, *self.stage_rows) if row.address == wanted), rows[0])

    def is_active(self, port: str) -> bool:
        """Whether a control of a MIDI port has just moved."""
        return any(self.now - at < ACTIVE_S for device, at in self.active.items() if port.startswith(device))

    @property
    def controllers_wanted(self) -> bool:
        """Whether a controller has played: without one, no MIDI is no problem."""
        return bool(self.status.touched.control)

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

    def song_length(self, number: int) -> float:
        """Seconds that a song is expected to last; 0 if it names none."""
        lines = self.songs.lines
        return lines[number - 1].length if 1 <= number <= len(lines) else 0.0

    def song_load(self, number: int) -> float:
        """The predicted load of a song, 1 leaves no time; 0 if it is not known."""
        lines = self.songs.lines
        return lines[number - 1].load if 1 <= number <= len(lines) else 0.0

    def song_notes(self, number: int) -> str:
        """The notes of a song."""
        lines = self.songs.lines
        return lines[number - 1].notes if 1 <= number <= len(lines) else ""

    @property
    def playing_song(self) -> str:
        """Name of the song that plays, which may belong to another set."""
        return self.songs.name or self.song(self.songs.now)

    def scene(self, number: int) -> str:
        """Key and name of a scene: "F3 fog"."""
        name = self.scenes[number].name if number in self.scenes else ""
        return f"F{number + 1} {name}".rstrip()

    @property
    def notice(self) -> str:
        """The notice, while it is shown."""
        return self.view.notice if self.now < self.view.notice_until else ""

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


@lru_cache(256)
def _ranged(slot: int, low: float, high: float) -> Spec:
    return replace(params.SPEC_AT[slot], low=low, high=high)


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
