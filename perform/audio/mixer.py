"""The mixer: its block function reads, fades, sums, limits, meters and records all decks.

It reads the arena's ring buffers, parameters and lanes. Live play and offline rendering use the same code.
"""

from __future__ import annotations

import json
import math

import numpy as np
import numpy.typing as npt

from perform.audio.cue_bus import CueBus
from perform.audio.deck_sum import DeckSum
from perform.audio.guard import MAX_BLOCK, DcBlocker, Limiter, Signal, by_blocks, cap, peak
from perform.audio.insert_strip import InsertStrip
from perform.audio.level_followers import LevelFollowers
from perform.audio.live_input import LiveInput, dry_wet
from perform.audio.strip import RAMP_S, Strip, ramp
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import HELD, INPUT, LANE, LANES, METER_SLOTS, NAMES, PRE, lanes_of
from perform.core.base_log import BaseWriter
from perform.core.event_log import EventWriter
from perform.core.modulation import Modulation, mask
from perform.core.modulators import moment
from perform.core.params import DECKS, SLOTS, Table
from perform.core.ring_buffers import Audio
from perform.core.table_reader import TableReader

PANIC_FADE_S = 0.020  #: full scale to silence on panic
PANIC_HOLD_S = 0.3  #: silence after a panic, while the decoders reset
DECAY_S = 8.0  #: so long after the last sound, DC blocker and limiter output zeros

_PEAK = slice(METER_SLOTS["peak/l"], METER_SLOTS["peak/r"] + 1)
_REDUCTION, _FRAMES = METER_SLOTS["reduction"], METER_SLOTS["frames"]
_TRACKS_ON, _TRACKS_SEEN, _TRACKS_FROM = (METER_SLOTS[f"tracks/{name}"] for name in ("on", "seen", "from"))
_PEAK_FALL_PER_S = 10.0 ** (-20.0 / 20.0)  # peak meters fall 20 dB per second


class Mixer:
    """[audio] Mixes all decks to the master.

    rate    : frames per second
    patient : wait for a late deck instead of fading it out (offline, or a server that runs ahead of time)
    opening : (gain at the start, seconds from that gain to full gain)
    missed  : frames just before the start that no mixer filled, for the log
    block   : while it `rests`, a longer block is rounded as several of this length
    """

    def __init__(
        self,
        arena: Arena,
        rate: float,
        *,
        patient: bool = False,
        opening: tuple[float, float] = (0.0, 0.02),
        missed: int = 0,
        block: int = MAX_BLOCK,
    ) -> None:
        self._arena, self._rate, self._patient, self._block = arena, rate, patient, block
        self._dc, self._limiter = DcBlocker(rate), Limiter(rate)
        self._step: Signal = (np.arange(1, MAX_BLOCK + 1) / (RAMP_S * rate))[:, None]
        self._reader, self._started = TableReader(arena), False
        self._modulation = Modulation(mask(_PARAMETERS))
        self._values = self._reader.values  # with modulation
        self._modulated = self._values.copy()
        self._followers = LevelFollowers(arena.meters, rate)
        self._decks = DeckSum(arena, rate, self.delay, self._followers)
        self._master_insert, self._has_inserts = InsertStrip(0, arena, rate), False
        self._parameters = b""  # the values from which the gains below were computed
        self._behind = 0  # frames from the live input to the decks that encode it
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
        self._tracks = 0.0
        self._silence = np.zeros((MAX_BLOCK, 2), np.float32)
        self._decay = self._silent_for = round(DECAY_S * rate)  # frames; nothing has sounded yet
        self._cue = CueBus(rate)
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
            self._fill(
                part, None if came is None else np.broadcast_to(came[at : at + MAX_BLOCK], (len(part), 2))
            )

    def _fill(self, both: Audio, came: Audio | None) -> None:
        out, n, meters = both[:, :2], len(both), self._arena.meters
        cue = self._cue if both.shape[1] > 2 else None
        self._tracks = float(meters[_TRACKS_ON])  # read once: a block has all tracks or none
        changed = self._read_parameters()
        at, table = self._arena.history.written, self._values[: len(SLOTS)]
        all_logged = self._log_values(at, changed=changed)
        self._followers.input(self._input(came, n, table))  # first: encoders need it early
        if self._patient:
            self._decks.wait(n, self._master_insert)
        if cue:
            cue.begin(n, table)
        dry = self._input.dry(n, table, self._behind)
        if dry is None and not cue and self.is_silent:
            self._fill_silence(out)
            return
        step, fall = self._step[:n], _PEAK_FALL_PER_S ** (n / self._rate)
        mix = self._decks(n, step, fall, tracks=bool(self._tracks), cue=cue)
        self._followers.end_block(n, self._reader.table)
        if dry is not None:
            mix += dry
        silent = (dry is None and self._decks.silent) or not self._has_sounded
        self._silent_for = self._silent_for + n if silent else 0
        mix = by_blocks(self._dc, mix, self._block)
        if not self._master_insert.idle:
            mix = self._master_insert(mix, step)
        mix, opening = self._fade_master(mix)
        if cue:
            both[:, 2:] = cue.end(mix, opening, step)
        if self._tracks:
            self._arena.tracks[PRE].write_ahead(mix.astype(np.float32), self.delay)
            self._arena.tracks[INPUT].write_ahead(self._silence[:n] if came is None else came)
        out[:] = by_blocks(self._limited, mix, self._block)
        self._decks.log_reads(self._events, at, self._master_insert, every=all_logged)
        self._arena.history.write(out)
        self._mark_track_start()
        self._meter(out, fall)

    @property
    def is_silent(self) -> bool:
        """Whether nothing sounds, fades or is recorded as tracks, so that the next block can be silence."""
        still = self._started and self._decks.silent and self._master_insert.idle and not self._tracks
        still = still and self._silent_for >= self._decay and self._master[0] == self._master_target[0]
        return still and not self._panic_left and (self._open == 1.0 or not self._has_sounded)

    def _fill_silence(self, out: Audio) -> None:
        """Output what the rest of `_fill` would, for a block without sound."""
        n, meters = len(out), self._arena.meters
        self._followers.end_block(n, self._reader.table)
        self._decks.skip(n)
        out[:] = 0.0
        self._arena.history.write(out)
        self._mark_track_start()
        meters[_PEAK] = meters[_REDUCTION] = 0.0
        meters[_FRAMES] += n

    def _limited(self, mix: Signal) -> Audio:
        return cap(self._limiter(mix, self._ceiling), self._ceiling)

    def _log_values(self, at: int, *, changed: bool) -> bool:
        """Log the values that changed; True if all of them were logged."""
        is_due = self._events.is_due(at)
        if not changed and not is_due:
            return False
        all_logged = self._events.write_values(at, self._values, still=is_due and self._is_settled())
        self._bases.write(at, self._modulation.slots, self._reader.table, every=all_logged)
        return all_logged

    def _read_parameters(self) -> bool:
        """Read the table once per block; compute new targets only when one of the mixer's values changed.

        False if no value can have changed.
        """
        if not self._read_values() and self._started:
            return False
        parameters = self._values[MIXER_SLOTS].tobytes()
        if parameters == self._parameters:
            return True
        self._parameters = parameters
        table, lanes = self._values[: len(SLOTS)], self._reader.lanes
        sides = _deck_gains(table)
        wet = dry_wet(table)[1]
        for strip in self._decks.strips:
            row = lanes[strip.lane]
            self._set_strip(strip, row, sides[strip.deck - 1] * (wet if row[LANE["behind"]] else 1.0))
        self._decks.find_strips()
        self._behind = int(lanes[:, LANE["behind"]].max())
        if lanes[LANES:, LANE["live"]].any() or self._has_inserts:
            self._set_inserts(sides, wet)
        self._master_target = np.array(
            [params.gain(table[SLOTS["master/gain"]]) * (not table[SLOTS["master/mute"]])]
        )
        self._ceiling = params.gain(table[SLOTS["master/ceiling"]])
        if table[SLOTS["panic"]] != self._panics:
            self._panics, self._panic_left = table[SLOTS["panic"]], round(PANIC_HOLD_S * self._rate)
            self._rise = 1.0 / self._rate  # back up over one second
        self._started = True
        return True

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
            strip.aim(level * strip.trim)
        strip.open, strip.fade_s = float(lane[LANE["gate"]]), float(lane[LANE["fade"]])
        live = bool(lane[LANE["live"]])
        if live and not strip.live:
            strip.begin(0.0 if self._started else strip.open)  # a new mixer finds some gates open already
        strip.live = live

    def _set_inserts(self, sides: Signal, wet: float) -> None:
        """Set the targets of all inserts, and the delay of the dry input behind them.

        sides : gains of the decks;  wet : of those that encode the live input
        """
        lanes, inserts = self._reader.lanes, self._decks.inserts
        self._set_insert(self._master_insert, 0, sides, wet)
        for deck, insert in inserts.items():
            self._set_insert(insert, deck, sides, wet)
            behind = max(lanes[lane, LANE["behind"]] for lane in lanes_of(deck))
            self._behind = max(self._behind, int(behind and behind + insert.delay))
        self._decks.find_inserts()
        self._has_inserts = not all(one.idle for one in (self._master_insert, *inserts.values()))

    def _set_insert(self, insert: InsertStrip, deck: int, sides: Signal, wet: float) -> None:
        """Set an insert's targets, and those of its deck's fader; 0 is the master's."""
        lanes, was_idle = self._reader.lanes, insert.idle
        amount = float(self._values[SLOTS[f"{params.insert_head(deck)}/wet"]])
        insert.use(lanes[insert.lane], amount, started=self._started)
        if not deck:
            return
        strips = [strip for strip in self._decks.strips if strip.deck == deck]
        encodes = any(strip.open and lanes[strip.lane, LANE["behind"]] for strip in strips)
        insert.fader.aim(sides[deck - 1] * (wet if encodes else 1.0))
        if was_idle and not insert.idle:
            playing = [strip.level for strip in strips if strip.live and not strip.held]
            insert.fader.begin(playing[0] if self._started and playing else sides[deck - 1])

    def _mark_track_start(self) -> None:
        """Write the meter `tracks/from`: the frame from which all tracks are complete, 0 if they are off."""
        meters = self._arena.meters
        if meters[_TRACKS_SEEN] != self._tracks:
            meters[_TRACKS_FROM] = self._arena.history.written if self._tracks else 0.0
            meters[_TRACKS_SEEN] = self._tracks  # last: the recorder waits for it

    @property
    def rests(self) -> bool:
        """Whether no gain moves and nothing is modulated: then a block may have any length."""
        still = self._started and self._master[0] == self._master_target[0] and self._open == 1.0
        still = still and self._decks.rests and self._master_insert.idle
        return still and not self._panic_left and not len(self._modulation.slots)

    def _is_settled(self) -> bool:
        """Whether no fade and no panic is running, so that the log of a take may begin here."""
        settled = self._decks.settled and self._master_insert.settled
        return settled and self._open == 1.0 and not self._panic_left

    def _fade_master(self, mix: Signal) -> tuple[Signal, Signal | float]:
        """Apply the master fader, and the gain of start and panic: (n, 2) -> (n, 2), that gain."""
        opening = self._opening(len(mix), mix)
        master: Signal = self._master
        if master[0] != self._master_target[0]:
            master = ramp(self._master, self._master_target, self._step[: len(mix)])
            self._master = master[-1].copy()
        return mix * master * opening, opening

    def _opening(self, n: int, mix: Signal) -> Signal | float:
        """Gain of a start (a slow rise) and of a panic (a fast fall, silence, a slow rise).

        The rise of a start begins with the first sound.
        """
        panicking = self._panic_left > 0
        if not self._has_sounded:
            if not mix.any():
                return self._open
            self._has_sounded, self._silent_for = True, 0
        self._panic_left = max(0, self._panic_left - n)
        if not panicking and self._open == 1.0:
            return 1.0
        step = -1.0 / (PANIC_FADE_S * self._rate) if panicking else self._rise
        gain: Signal = np.clip(self._open + step * np.arange(1, n + 1), 0.0, 1.0)[:, None]
        self._open = float(gain[-1, 0])
        return gain

    def _meter(self, out: Audio, fall: float) -> None:
        meters = self._arena.meters
        meters[_PEAK] = np.maximum(peak(out), meters[_PEAK] * fall)
        reduction = -20.0 * math.log10(1.0 - min(self._limiter.reduction, 0.999))
        fallen = meters[_REDUCTION] - 20.0 * len(out) / self._rate
        meters[_REDUCTION] = max(reduction, fallen, 0.0)
        meters[_FRAMES] += len(out)

    @property
    def delay(self) -> int:
        """Frames of delay from the decks to the output."""
        return self._limiter.delay


def _deck_gains(table: Table) -> Signal:
    """Gains (DECKS, 2) left and right: fader, pan, mute, solo and crossfader."""
    angle = table[SLOTS["xfade"]] * math.pi / 2
    sides = (math.cos(angle), 1.0, math.sin(angle))  # equal power; a deck on no side is not faded
    values = table[_DECK_SLOTS]
    soloed = values[:, 3].any()
    gains = []
    for gain, pan, mute, solo, side in values:
        level = params.gain(gain) * sides[int(side)]
        level *= not mute and (not soloed or solo)
        # balance: the middle changes nothing, an end silences the other side
        turn = pan * math.pi / 2
        gains.append((level * math.cos(max(turn, 0.0)), level * math.cos(max(-turn, 0.0))))
    return np.array(gains)


_DECK_SLOTS = np.array(  # (DECKS, 5)
    [[SLOTS[f"deck/{d}/{k}"] for k in ("gain", "pan", "mute", "solo", "side")] for d in range(1, DECKS + 1)]
)
#: slots of all values that the mixer reads, and the beat line, which it only logs
MIXER_SLOTS = np.array(
    [*_DECK_SLOTS.flat]
    + [SLOTS[k] for k in ("xfade", "master/gain", "master/mute", "master/ceiling", "panic")]
    + [slot for address, slot in SLOTS.items() if address.startswith("input/")]
    + [slot for address, slot in SLOTS.items() if address.endswith("/insert/wet")]
    + [i for i, name in enumerate(NAMES) if name.startswith(("lane/", "beat/"))]
)
_PARAMETERS = [slot for slot in MIXER_SLOTS.tolist() if slot < len(SLOTS)]
