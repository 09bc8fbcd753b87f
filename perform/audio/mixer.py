"""The mixer: its block function reads, fades, sums, limits, meters and records all decks.

It reads the arena's ring buffers, parameters and lanes. Live play and offline rendering use the same code.
"""

from __future__ import annotations

import itertools
import json
import math
import time

import numpy as np
import numpy.typing as npt

from perform.audio.cue_bus import CueBus
from perform.audio.guard import MAX_BLOCK, DcBlocker, Limiter, Signal, cap
from perform.audio.level_followers import LevelFollowers
from perform.audio.live_input import LiveInput, dry_wet
from perform.audio.strip import RAMP_S, Strip, ramp
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import (
    DECK_METER,
    HELD,
    INPUT,
    LANE,
    LANES,
    METER_SLOTS,
    NAMES,
    PRE,
    STEMS,
    lanes_of,
)
from perform.core.base_log import BaseWriter
from perform.core.event_log import RING_READ, EventWriter, RingReadEvent
from perform.core.modulation import Modulation, mask
from perform.core.modulators import moment
from perform.core.params import DECKS, SLOTS
from perform.core.ring_buffers import Audio
from perform.core.table_reader import TableReader

PANIC_FADE_S = 0.020  #: full scale to silence on panic
PANIC_HOLD_S = 0.3  #: silence after a panic, while the decoders reset
WAIT_S = 2.0  #: longest wait for a late deck when `patient`

_PULLED = METER_SLOTS["pulled"]
_PEAK_FALL_PER_S = 10.0 ** (-20.0 / 20.0)  # peak meters fall 20 dB per second


class Mixer:
    """[audio] Mixes all decks to the master.

    rate    : frames per second
    patient : wait for a late deck instead of fading it out (offline, or a server that runs ahead of time)
    opening : (gain at the start, seconds from that gain to full gain)
    missed  : frames just before the start that no mixer filled, for the log
    """

    def __init__(
        self,
        arena: Arena,
        rate: float,
        *,
        patient: bool = False,
        opening: tuple[float, float] = (0.0, 0.02),
        missed: int = 0,
    ) -> None:
        self._arena, self._rate, self._patient = arena, rate, patient
        self._strips = {
            d: [Strip(arena.rings[lane], arena.deck_meters(d), rate) for lane in lanes_of(d)]
            for d in range(1, DECKS + 1)
        }
        self._deck_peaks = {
            d: arena.deck_meters(d)[DECK_METER["peak/l"] : DECK_METER["peak/r"] + 1] for d in self._strips
        }
        self._dc, self._limiter = DcBlocker(rate), Limiter(rate)
        self._step: Signal = (np.arange(1, MAX_BLOCK + 1) / (RAMP_S * rate))[:, None]
        self._reader, self._started = TableReader(arena), False
        self._modulation = Modulation(mask(_PARAMETERS))
        self._values = self._reader.values  # with modulation
        self._modulated = self._values.copy()
        self._followers = LevelFollowers(arena.meters, rate)
        self._parameters = np.zeros(0)  # the values from which the gains below were computed
        self._master = np.zeros(1)
        self._master_target = np.zeros(1)
        self._ceiling = 0.0
        self._open, rise_s = opening  # gain after a start or a panic: falls at once, rises slowly
        self._rise = 1.0 / (rise_s * rate)
        self._has_sounded = False
        self._panics = arena.table[SLOTS["panic"]]
        self._panic_left = 0  # frames of silence left after a panic
        details = json.dumps({"opening": opening, "missed": missed}).encode()
        self._events = EventWriter(arena.event_logs[LANES], MIXER_SLOTS, rate, details)
        self._bases = BaseWriter(arena.event_logs[LANES])
        self._tracks_on, self._tracks = METER_SLOTS["tracks/on"], 0.0
        self._silence = np.zeros((MAX_BLOCK, 2), np.float32)
        self._cue, self._has_cue = CueBus(rate), False
        self._input = LiveInput(arena, rate)
        arena.set_meter("delay", self.delay)
        arena.set_meter("pulls", 0)

    def fill(self, out: Audio, came: Audio | None = None) -> None:
        """[audio] Mix len(out) frames into `out`, and write them to history buffers and meters.

        out  : (n, 2) for the master; or (n, 4), then the last two channels get the cue
        came : (n, 1 or 2) live input of the same frames
        """
        for at in range(0, len(out), MAX_BLOCK):
            part = out[at : at + MAX_BLOCK]
            block = self._silence[: len(part)] if came is None else came[at : at + MAX_BLOCK]
            self._fill(part, np.broadcast_to(block, (len(part), 2)))

    def _fill(self, both: Audio, came: Audio) -> None:
        out, n = both[:, :2], len(both)
        self._has_cue = both.shape[1] > 2
        self._tracks = float(self._arena.meters[self._tracks_on])  # read once: a block has all tracks or none
        self._read_parameters()
        at, table = self._arena.history.written, self._values[: len(SLOTS)]
        all_logged = self._events.write_values(at, self._values, still=self._is_settled())
        self._bases.write(at, self._modulation.slots, self._reader.table, every=all_logged)
        self._followers.input(self._input(came, table))  # first: encoders need it early
        if self._patient:
            self._wait_for_decks(n)
        if self._has_cue:
            self._cue.begin(n, table)
        mix = self._sum_decks(n)
        self._followers.end_block(n, self._reader.table)
        mix += self._input.dry(n, table, int(self._reader.lanes[:, LANE["behind"]].max()))
        mix = self._dc(mix)
        mix, opening = self._fade_master(mix)
        if self._has_cue:
            both[:, 2:] = self._cue.end(mix, opening, self._step[:n])
        if self._tracks:
            self._arena.tracks[PRE].write_ahead(mix.astype(np.float32), self.delay)
            self._arena.tracks[INPUT].write_ahead(came)
        out[:] = cap(self._limiter(mix, self._ceiling), self._ceiling)
        self._log_ring_reads(every=all_logged)
        self._arena.history.write(out)
        self._mark_track_start()
        self._meter(out)

    def _read_parameters(self) -> None:
        """Read the table once per block; compute new targets only when one of the mixer's values changed."""
        if not self._read_values() and self._started:
            return
        parameters = self._values[MIXER_SLOTS]
        if np.array_equal(parameters, self._parameters):
            return
        self._parameters = parameters
        table = self._values[: len(SLOTS)]
        soloed = any(table[SLOTS[f"deck/{d}/solo"]] for d in self._strips)
        angle = table[SLOTS["xfade"]] * math.pi / 2
        sides = (math.cos(angle), 1.0, math.sin(angle))  # equal power; a deck on no side is not faded
        wet = dry_wet(table)[1]
        for (d, strips), (gain, pan, mute, solo, side) in zip(
            self._strips.items(), table[_DECK_SLOTS], strict=True
        ):
            level = params.gain(gain) * sides[int(side)]
            level *= not mute and (not soloed or solo)
            # balance: the middle changes nothing, an end silences the other side
            turn = pan * math.pi / 2
            balance = np.array([math.cos(max(turn, 0.0)), math.cos(max(-turn, 0.0))])
            for strip, lane in zip(strips, lanes_of(d), strict=True):
                row = self._reader.lanes[lane]
                self._set_strip(strip, row, level * (wet if row[LANE["behind"]] else 1.0) * balance)
        self._master_target = np.array(
            [params.gain(table[SLOTS["master/gain"]]) * (not table[SLOTS["master/mute"]])]
        )
        self._ceiling = params.gain(table[SLOTS["master/ceiling"]])
        if table[SLOTS["panic"]] != self._panics:
            self._panics, self._panic_left = table[SLOTS["panic"]], round(PANIC_HOLD_S * self._rate)
            self._rise = 1.0 / self._rate  # back up over one second
        self._started = True

    def _read_values(self) -> bool:
        """Read the shared values and modulate them for this block; False if nothing can have changed."""
        reader = self._reader
        changed = reader.update() or self._values is self._modulated
        self._modulation.use(reader.rows)
        self._followers.use(reader.rows)
        self._values = reader.values
        if not len(self._modulation.slots):
            return changed
        frame, meters = self._arena.history.written, self._arena.meters
        np.copyto(self._modulated, reader.values)
        now = moment(frame, reader.beat_line, reader.table, reader.phases, meters)
        self._modulated[self._modulation.slots] = self._modulation.modulated(now)
        self._values = self._modulated
        return True

    def _set_strip(self, strip: Strip, lane: npt.NDArray[np.float64], level: npt.NDArray[np.float64]) -> None:
        """Set a strip's targets from its row of the lane table; a held lane keeps its gain."""
        strip.held = lane[LANE["mode"]] == HELD
        if not strip.held:
            strip.trim = 10.0 ** (lane[LANE["trim"]] / 20.0)
            strip.target = level * strip.trim
        strip.open, strip.fade_s = float(lane[LANE["gate"]]), float(lane[LANE["fade"]])
        live = bool(lane[LANE["live"]])
        if live and not strip.live:
            strip.begin(0.0 if self._started else strip.open)  # a new mixer finds some gates open already
        strip.live = live

    def _mark_track_start(self) -> None:
        """Write the meter `tracks/from`: the frame from which all tracks are complete, 0 if they are off."""
        meters, seen = self._arena.meters, METER_SLOTS["tracks/seen"]
        if meters[seen] != self._tracks:
            meters[METER_SLOTS["tracks/from"]] = self._arena.history.written if self._tracks else 0.0
            meters[seen] = self._tracks  # last: the recorder waits for it

    def _is_settled(self) -> bool:
        """Whether no fade and no panic is running, so that the log of a take may begin here."""
        risen = self._open == 1.0 and not self._panic_left
        return risen and all(strip.settled for strip in itertools.chain(*self._strips.values()))

    def _log_ring_reads(self, *, every: bool) -> None:
        """Log which frames of the ring buffers this block holds, for lanes that did not continue as expected.

        every : log all continuous lanes too
        """
        for deck, strips in self._strips.items():
            for lane, strip in zip(lanes_of(deck), strips, strict=True):
                if not strip.as_expected or (every and strip.continuous):
                    event = RingReadEvent(lane, *strip.last_read, strip.continuous)
                    self._events.write(RING_READ, self._arena.history.written, event.pack())
                    strip.as_expected = True

    def _wait_for_decks(self, n: int) -> None:
        """Wait until every live lane has n frames, for at most WAIT_S."""
        deadline = time.monotonic() + WAIT_S
        for strip in itertools.chain(*self._strips.values()):
            while strip.live and strip.open and strip.ring.fill < n and time.monotonic() < deadline:
                time.sleep(0.0001)

    def _sum_decks(self, n: int) -> Signal:
        """The sum of all decks, (n, 2): reads and fades each lane, meters and records each deck."""
        mix: Signal = np.zeros((n, 2))
        meters = self._arena.meters
        tracks = self._arena.tracks if self._tracks else None
        self._arena.ring_reads.begin_write()
        for deck, strips in self._strips.items():
            voices = [self._play_strip(deck, strip, n) for strip in strips if not strip.idle]
            peaks = self._deck_peaks[deck]
            if not voices:
                peaks[:] = 0.0
                if tracks:
                    tracks[STEMS[deck - 1]].write_ahead(self._silence[:n], self.delay)
                continue
            voice = sum(voices[1:], voices[0])
            if tracks:  # delayed as much as the limiter delays the master
                tracks[STEMS[deck - 1]].write_ahead(voice.astype(np.float32), self.delay)
            mix += voice
            self._followers.deck(deck, voice)
            self._hold_peaks(peaks, voice)
        meters[_PULLED] = self._arena.history.written + n
        self._arena.ring_reads.end_write()
        return mix

    def _play_strip(self, deck: int, strip: Strip, n: int) -> Signal:
        """One lane of a deck, after its fader: (n, 2)."""
        x = strip.read(n)
        voice = strip.fade(x, self._step[:n])
        if self._has_cue:
            self._cue.add(deck, strip, x, self._step[:n])
        return voice

    def _fade_master(self, mix: Signal) -> tuple[Signal, Signal | float]:
        """Apply the master fader, and the gain of start and panic: (n, 2) -> (n, 2), that gain."""
        master = ramp(self._master, self._master_target, self._step[: len(mix)])
        self._master = master[-1].copy()
        opening = self._opening(len(mix), bool(mix.any()))
        return mix * master * opening, opening

    def _opening(self, n: int, sounding: bool) -> Signal | float:
        """Gain of a start (a slow rise) and of a panic (a fast fall, silence, a slow rise).

        The rise of a start begins with the first sound.
        """
        panicking = self._panic_left > 0
        self._has_sounded = self._has_sounded or sounding
        if not self._has_sounded:
            return self._open
        self._panic_left = max(0, self._panic_left - n)
        if not panicking and self._open == 1.0:
            return 1.0
        step = -1.0 / (PANIC_FADE_S * self._rate) if panicking else self._rise
        gain: Signal = np.clip(self._open + step * np.arange(1, n + 1), 0.0, 1.0)[:, None]
        self._open = float(gain[-1, 0])
        return gain

    def _hold_peaks(self, meters: npt.NDArray[np.float64], x: npt.NDArray[np.floating]) -> None:
        meters[:] = np.maximum(np.max(np.abs(x), axis=0), meters * _PEAK_FALL_PER_S ** (len(x) / self._rate))

    def _meter(self, out: Audio) -> None:
        meters = self._arena.meters
        self._hold_peaks(meters[METER_SLOTS["peak/l"] : METER_SLOTS["peak/r"] + 1], out)
        reduction = -20.0 * math.log10(1.0 - min(self._limiter.reduction, 0.999))
        fallen = meters[METER_SLOTS["reduction"]] - 20.0 * len(out) / self._rate
        meters[METER_SLOTS["reduction"]] = max(reduction, fallen, 0.0)
        meters[METER_SLOTS["frames"]] += len(out)

    @property
    def delay(self) -> int:
        """Frames of delay from the decks to the output."""
        return self._limiter.delay


_DECK_SLOTS = np.array(  # (DECKS, 5)
    [[SLOTS[f"deck/{d}/{k}"] for k in ("gain", "pan", "mute", "solo", "side")] for d in range(1, DECKS + 1)]
)
#: slots of all values that the mixer reads, and the beat line, which it only logs
MIXER_SLOTS = np.array(
    [*_DECK_SLOTS.flat]
    + [SLOTS[k] for k in ("xfade", "master/gain", "master/mute", "master/ceiling", "panic")]
    + [slot for address, slot in SLOTS.items() if address.startswith("input/")]
    + [i for i, name in enumerate(NAMES) if name.startswith(("lane/", "beat/"))]
)
_PARAMETERS = [slot for slot in MIXER_SLOTS.tolist() if slot < len(SLOTS)]
