"""The block function: pull the decks, fade, blend, guard, meter, tape. It reads as the signal path.

It knows rings and numbers; not who fills them, not which clock calls it. Live and offline use the same one.
"""

from __future__ import annotations

import itertools
import json
import math
import time

import numpy as np
import numpy.typing as npt

from perform.audio.guard import MAX_BLOCK, DcBlocker, Limiter, Signal, cap
from perform.audio.live_input import LiveInput, dry_wet
from perform.core import params
from perform.core.arena import (
    DECK_METER,
    HELD,
    INPUT,
    LANE,
    LANES,
    METER_SLOTS,
    NAMES,
    PRE,
    STEMS,
    Arena,
    Meters,
    TableReader,
    lanes_of,
)
from perform.core.event_log import READ, EventWriter, RingReadEvent
from perform.core.params import DECKS, SLOTS
from perform.core.ring_buffers import Audio, RingBuffer

RAMP_S = 0.010  #: full scale to silence, for every fader, mute and entry
TAIL_S = 0.005  #: a deck that has nothing to say fades from its last sample
HUSH_S = 0.020  #: full scale to silence on panic
HUSHED_S = 0.3  #: silence after a panic, while the decoders start afresh
WAIT_S = 2.0  #: longest wait for a deck where there is all the time there is
OVERLOAD = 4.0  #: a deck is clipped here (+12 dBFS), long before arithmetic suffers

_PULLS, _PULLED = METER_SLOTS["pulls"], METER_SLOTS["pulled"]
_METERS_PER_S = 10.0 ** (-20.0 / 20.0)  # peaks fall 20 dB in a second


class Strip:
    """One lane's way into the mix: its ring, its entry and exit, its fader, its gate.

    ring : what it pulls; meters: its deck's; rate: frames a second
    """

    def __init__(self, ring: RingBuffer, meters: Meters, rate: float) -> None:
        self.ring, self.meters = ring, meters
        self.live = False  # the stage wants it pulled
        self.read = (0, 0)  # frame of the ring the last block began at, and how many it got
        self.steady = (
            True  # the last block got what was to be expected: as the one before, the frames after it
        )
        self._due = -1  # frame of the ring that is to be expected next; -1: none
        self.target = np.zeros(2)  # gain left, right where the fader is going
        self.held = False  # it keeps the level it had
        self.open = 0.0  # where the gate is going
        self.fade_s = RAMP_S  # from shut to open, or back
        self._gain = np.zeros(2)
        self._gate = 0.0  # 0 shut .. 1 open
        self._presence = 0.0  # 0 absent .. 1 heard; entries ramp it
        self._last = np.zeros(2)  # the sample heard last
        self._gone = 0  # frames since the lane fell silent
        self._rate = rate
        self._entry = 1.0 / (RAMP_S * rate)
        self._tail: npt.NDArray[np.float64] = np.cos(np.linspace(0, np.pi / 2, round(TAIL_S * rate))) ** 2
        self._block = np.zeros((MAX_BLOCK, 2), np.float32)

    @property
    def idle(self) -> bool:
        """Nothing wanted and nothing fading: the block function may pass it by."""
        return not self.live and not self._presence and self._gone >= len(self._tail)

    def begin(self, gate: float) -> None:
        """A voice takes the lane: nothing of the last one's fader and gate is left."""
        self._gain, self._gate = self.target.copy(), gate

    @property
    def still(self) -> bool:
        """Nothing of its past is heard but the numbers it goes by."""
        return not self.live or (self._gate == self.open and not self.held)

    @property
    def whole(self) -> bool:
        """It goes on so: each block gets all of its frames, one after the other."""
        return self._due >= 0

    def pull(self, n: int) -> Signal:
        """[audio] The lane's next n frames, whatever its host does: (n, 2)."""
        at = self.ring.position
        x = self._pull(n)
        got = self.ring.position - at
        expected = self._due
        self._due = at + n if got == n else -1
        self.read = (at, got)
        self.steady = expected == at if got == n else not got and expected < 0
        return x

    def _pull(self, n: int) -> Signal:
        x = self._block[:n]
        if not self.live:
            return self._absent(np.zeros((0, 2)), n)
        there = self.ring.fill  # asked once: its host may be writing just now
        if there >= n:
            self.ring.read(x)
            if np.isfinite(x).all():
                return self._present(np.clip(x, -OVERLOAD, OVERLOAD).astype(np.float64))
            self.meters[DECK_METER["bad"]] += 1
            return self._absent(np.zeros((0, 2)), n)
        if self.open:
            self.meters[DECK_METER["late"]] += 1
        if not self._presence:
            return self._absent(np.zeros((0, 2)), n)
        rest = self.ring.read(x[:there])
        heard = np.nan_to_num(x[:rest], nan=0.0, posinf=0.0, neginf=0.0)
        return self._absent(self._present(np.clip(heard, -OVERLOAD, OVERLOAD).astype(np.float64)), n)

    def _present(self, x: Signal) -> Signal:
        """Sound, entering over RAMP_S where it was away."""
        if self._presence < 1.0 and len(x):
            ramp = np.minimum(self._presence + self._entry * np.arange(1, len(x) + 1), 1.0)
            x = x * ramp[:, None]
            self._presence = float(ramp[-1])
        if len(x):
            self._last, self._gone = x[-1].copy(), 0
        return x

    def _absent(self, head: Signal, n: int) -> Signal:
        """`head`, then the last sample fading over TAIL_S, then silence: (n, 2)."""
        x = np.zeros((n, 2))
        x[: len(head)] = head
        tail = self._tail[self._gone : self._gone + n - len(head)]
        x[len(head) : len(head) + len(tail)] = tail[:, None] * self._last
        self._gone += n - len(head)
        self._presence = 0.0
        return x

    def fade(self, x: Signal, step: Signal) -> Signal:
        """The fader, full scale in RAMP_S at most, then the gate, in `fade_s` along a quarter sine."""
        gain: Signal | npt.NDArray[np.float64] = self._gain
        if not np.array_equal(self._gain, self.target):
            gain = _ramp(self._gain, self.target, step)
            self._gain = gain[-1].copy()
        if self._gate != self.open:
            way = np.arange(1, len(x) + 1) / (max(self.fade_s, RAMP_S) * self._rate)
            way = np.clip(self.open - self._gate, -way, way) + self._gate
            self._gate = float(way[-1])
            gain = (
                gain * np.sin(np.clip(way, 0.0, 1.0) * np.pi / 2)[:, None]
            )  # two that cross keep their power
        elif not self._gate:
            return np.zeros_like(x)
        return x * gain


class Mixer:
    """Decks in, master out.

    rate    : frames a second
    patient : wait for every deck instead of fading a late one (offline, or a server that runs ahead of time)
    opening : gain it starts at, and how long it takes to reach 1 from there: (factor, seconds)
    missed  : frames of the tape before it that nobody mixed
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
        self._look, self._heard = TableReader(arena), False
        self._gains_of = np.zeros(0)  # the numbers heard that the gains below were made of
        self._master = np.zeros(1)
        self._master_target = np.zeros(1)
        self._ceiling = 0.0
        self._open, rise_s = opening  # start and panic: one gain that falls at once and rises slowly
        self._rise = 1.0 / (rise_s * rate)
        self._begun = False  # something has sounded
        self._panics = arena.table[SLOTS["panic"]]
        self._hush = 0  # frames of silence still due to a panic
        words = json.dumps({"opening": opening, "missed": missed}).encode()
        self._teller = EventWriter(arena.journals[LANES], SLOTS_HEARD, rate, words)
        self._tracks_on, self._tracks = METER_SLOTS["tracks/on"], False
        self._silence = np.zeros((MAX_BLOCK, 2), np.float32)
        self._input = LiveInput(arena, rate)
        arena.show("delay", self.delay)
        arena.show("pulls", 0)

    def fill(self, out: Audio, heard: Audio | None = None) -> None:
        """[audio] Mix len(out) frames into `out` (n, 2), onto the tape and into the meters.

        heard : (n, 1 or 2) what came in meanwhile, for its track
        """
        for at in range(0, len(out), MAX_BLOCK):
            part = out[at : at + MAX_BLOCK]
            self._tracks = bool(self._arena.meters[self._tracks_on])  # asked once: a block has all of them
            self._hear()
            told = self._teller.hear(self._arena.tape.written, self._look.numbers, still=self._still)
            came = self._silence[: len(part)] if heard is None else heard[at : at + MAX_BLOCK]
            came = np.broadcast_to(came, part.shape)
            self._input(came, self._look.table)  # first: the decks that hear it have the most time
            if self._patient:
                self._wait(len(part))
            part[:] = self._mix(len(part))
            if self._tracks:
                self._arena.tracks[INPUT].lay(came)
            self._tell_reading(all_of_it=told)
            self._arena.tape.write(part)
            self._count_tracks()
            self._meter(part)

    def _hear(self) -> None:
        """Read the numbers once a block; work out gains only where one of those it hears has changed."""
        if not self._look.update() and self._heard:
            return
        heard = self._look.numbers[SLOTS_HEARD]
        if np.array_equal(heard, self._gains_of):
            return
        self._gains_of = heard
        now = self._look.table
        soloed = any(now[SLOTS[f"deck/{d}/solo"]] for d in self._strips)
        angle = now[SLOTS["xfade"]] * math.pi / 2
        sides = (math.cos(angle), 1.0, math.sin(angle))  # equal power; a deck on no side is always heard
        wet = dry_wet(now)[1]
        for (d, strips), (gain, pan, mute, solo, side) in zip(
            self._strips.items(), now[_DECKS_HEARD], strict=True
        ):
            level = params.gain(gain) * sides[int(side)]
            level *= not mute and (not soloed or solo)
            # balance: the middle is untouched, an end silences the other side
            turn = pan * math.pi / 2
            balance = np.array([math.cos(max(turn, 0.0)), math.cos(max(-turn, 0.0))])
            for strip, lane in zip(strips, lanes_of(d), strict=True):
                row = self._look.lanes[lane]
                self._set(strip, row, level * (wet if row[LANE["behind"]] else 1.0) * balance)
        self._master_target = np.array(
            [params.gain(now[SLOTS["master/gain"]]) * (not now[SLOTS["master/mute"]])]
        )
        self._ceiling = params.gain(now[SLOTS["master/ceiling"]])
        if now[SLOTS["panic"]] != self._panics:
            self._panics, self._hush = now[SLOTS["panic"]], round(HUSHED_S * self._rate)
            self._rise = 1.0 / self._rate  # and back over a second
        self._heard = True

    def _set(self, strip: Strip, lane: npt.NDArray[np.float64], level: npt.NDArray[np.float64]) -> None:
        """What the stage says of a lane; one that is held keeps the level it had."""
        strip.held = lane[LANE["mode"]] == HELD
        if not strip.held:
            strip.target = level * 10.0 ** (lane[LANE["trim"]] / 20.0)
        strip.open, strip.fade_s = float(lane[LANE["gate"]]), float(lane[LANE["fade"]])
        live = bool(lane[LANE["live"]])
        if live and not strip.live:
            strip.begin(0.0 if self._heard else strip.open)  # a new mixer finds the gates where they are
        strip.live = live

    def _count_tracks(self) -> None:
        """Say from where on the tracks beside the master are whole."""
        meters, since = self._arena.meters, METER_SLOTS["tracks/from"]
        if bool(meters[since]) != self._tracks:
            meters[since] = self._arena.tape.written if self._tracks else 0.0

    @property
    def _still(self) -> bool:
        """Whatever it remembers is over in some seconds: the log of a take may begin here."""
        risen = self._open == 1.0 and not self._hush
        return risen and all(strip.still for strip in itertools.chain(*self._strips.values()))

    def _tell_reading(self, *, all_of_it: bool) -> None:
        """For the log: which frames of the rings these were, where that is not to be expected."""
        for deck, strips in self._strips.items():
            for lane, strip in zip(lanes_of(deck), strips, strict=True):
                if not strip.steady or (all_of_it and strip.whole):
                    reading = RingReadEvent(lane, *strip.read, strip.whole)
                    self._teller.tell(READ, self._arena.tape.written, reading.pack())
                    strip.steady = True

    def _wait(self, n: int) -> None:
        """Until every live lane has n frames, or WAIT_S have gone by."""
        deadline = time.monotonic() + WAIT_S
        for strip in itertools.chain(*self._strips.values()):
            while strip.live and strip.open and strip.ring.fill < n and time.monotonic() < deadline:
                time.sleep(0.0001)

    def _mix(self, n: int) -> Audio:
        mix: Signal = np.zeros((n, 2))
        meters = self._arena.meters
        tracks = self._arena.tracks if self._tracks else None
        meters[_PULLS] += 1
        for deck, strips in self._strips.items():
            voices = [strip.fade(strip.pull(n), self._step[:n]) for strip in strips if not strip.idle]
            peaks = self._deck_peaks[deck]
            if not voices:
                peaks[:] = 0.0
                if tracks:
                    tracks[STEMS[deck - 1]].lay(self._silence[:n], self.delay)
                continue
            voice = sum(voices[1:], voices[0])
            if tracks:  # as late as the limiter makes the master
                tracks[STEMS[deck - 1]].lay(voice.astype(np.float32), self.delay)
            mix += voice
            self._peaks(peaks, voice)
        meters[_PULLED] = self._arena.tape.written + n
        meters[_PULLS] += 1
        mix += self._input.dry(n, self._look.table, int(self._look.lanes[:, LANE["behind"]].max()))
        mix = self._dc(mix)
        master = _ramp(self._master, self._master_target, self._step[:n])
        self._master = master[-1].copy()
        sounding = bool(mix.any())
        mix = mix * master * self._opening(n, sounding)
        if tracks:
            tracks[PRE].lay(mix.astype(np.float32), self.delay)
        return cap(self._limiter(mix, self._ceiling), self._ceiling)

    def _opening(self, n: int, sounding: bool) -> Signal | float:
        """The gain of a start (a slow rise) and of a panic (down in HUSH_S, silence, a slow rise).

        A start begins with the first sound: silence before it does not use the rise up.
        """
        hushed = self._hush > 0
        self._begun = self._begun or sounding
        if not self._begun:
            return self._open
        self._hush = max(0, self._hush - n)
        if not hushed and self._open == 1.0:
            return 1.0
        step = -1.0 / (HUSH_S * self._rate) if hushed else self._rise
        gain: Signal = np.clip(self._open + step * np.arange(1, n + 1), 0.0, 1.0)[:, None]
        self._open = float(gain[-1, 0])
        return gain

    def _peaks(self, meters: npt.NDArray[np.float64], x: npt.NDArray[np.floating]) -> None:
        meters[:] = np.maximum(np.max(np.abs(x), axis=0), meters * _METERS_PER_S ** (len(x) / self._rate))

    def _meter(self, part: Audio) -> None:
        meters = self._arena.meters
        self._peaks(meters[METER_SLOTS["peak/l"] : METER_SLOTS["peak/r"] + 1], part)
        reduction = -20.0 * math.log10(1.0 - min(self._limiter.reduction, 0.999))
        fallen = meters[METER_SLOTS["reduction"]] - 20.0 * len(part) / self._rate
        meters[METER_SLOTS["reduction"]] = max(reduction, fallen, 0.0)
        meters[METER_SLOTS["frames"]] += len(part)

    @property
    def delay(self) -> int:
        """Frames from a deck's ring to the output."""
        return self._limiter.delay


_DECKS_HEARD = np.array(  # (DECKS, 5)
    [[SLOTS[f"deck/{d}/{k}"] for k in ("gain", "pan", "mute", "solo", "side")] for d in range(1, DECKS + 1)]
)
#: the numbers a mixer hears
SLOTS_HEARD = np.array(
    [*_DECKS_HEARD.flat]
    + [SLOTS[k] for k in ("xfade", "master/gain", "master/mute", "master/ceiling", "panic")]
    + [slot for address, slot in SLOTS.items() if address.startswith("input/")]
    + [i for i, name in enumerate(NAMES) if name.startswith("lane/")]
)


def _ramp(start: npt.NDArray[np.float64], target: npt.NDArray[np.float64], step: Signal) -> Signal:
    """From start (c,) toward target (c,) at most `step` (n, 1) away from start: (n, c)."""
    # louder than full scale leaves as fast as full scale does
    steps = step * np.maximum(1.0, np.maximum(start, target))
    return start + np.clip(target - start, -steps, steps)
