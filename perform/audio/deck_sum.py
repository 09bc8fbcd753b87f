"""The sum of all decks: reads their lanes, fades them, meters and records each deck. [audio]"""

from __future__ import annotations

import time

import numpy as np

from perform.audio.cue_bus import CueBus
from perform.audio.guard import MAX_BLOCK, Signal, peak
from perform.audio.insert_strip import InsertStrip
from perform.audio.level_followers import LevelFollowers
from perform.audio.strip import Strip
from perform.core.arena import Arena
from perform.core.arena_layout import METER_SLOTS, STEMS, lanes_of
from perform.core.event_log import RING_READ, EventWriter, RingReadEvent
from perform.core.params import DECKS

WAIT_S = 2.0  #: longest wait for a late deck when `patient`

_PULLED = METER_SLOTS["pulled"]
_PEAKS = np.array([[METER_SLOTS[f"deck/{d}/peak/{side}"] for side in "lr"] for d in range(1, DECKS + 1)])


class DeckSum:
    """[audio] The strips of all lanes, and their sum.

    strips : by lane
    inserts : by deck
    delay  : frames by which stems are delayed, as the limiter delays the master
    """

    def __init__(self, arena: Arena, rate: float, delay: int, followers: LevelFollowers) -> None:
        self._arena, self._delay, self._followers = arena, delay, followers
        self.strips = [
            Strip(lane, deck, arena.rings[lane], arena.deck_meters(deck), rate)
            for deck in range(1, DECKS + 1)
            for lane in lanes_of(deck)
        ]
        self.inserts = {deck: InsertStrip(deck, arena, rate) for deck in range(1, DECKS + 1)}
        self._inserts: dict[int, InsertStrip] = {}  # those that are not idle
        self._sounding: list[Strip] = []  # the strips that are not idle
        self._played: list[Strip] = []  # in the last block
        self._unmetered = False  # the meters of all decks are 0
        self._silence = np.zeros((MAX_BLOCK, 2), np.float32)

    @property
    def settled(self) -> bool:
        """Whether no fade is running, so that the parameters alone describe the state of all lanes."""
        inserts = all(insert.settled for insert in self.inserts.values())
        return inserts and all(strip.settled for strip in self.strips)

    @property
    def rests(self) -> bool:
        """Whether no gain of a lane moves, and there is no insert."""
        return not self._inserts and all(strip.rests for strip in self.strips)

    @property
    def silent(self) -> bool:
        """Whether no lane plays or fades out, and there is no insert."""
        return not self._sounding and not self._inserts

    def find_strips(self) -> None:
        """Find the strips that are in use; after a strip has begun or ended."""
        self._sounding = [strip for strip in self.strips if not strip.idle]

    def find_inserts(self) -> None:
        """Find the inserts that are in use; after `InsertStrip.use`."""
        self._inserts = {deck: insert for deck, insert in self.inserts.items() if not insert.idle}

    def wait(self, n: int, master: InsertStrip) -> None:
        """Wait until every live lane has n frames, for at most WAIT_S. master: the master's insert."""
        deadline = time.monotonic() + WAIT_S
        for strip in self.strips:
            while strip.live and strip.open and strip.ring.fill < n and time.monotonic() < deadline:
                time.sleep(0.0001)
        for insert in (*self.inserts.values(), master):
            while insert.waits(n) and time.monotonic() < deadline:
                time.sleep(0.0001)

    def __call__(self, n: int, step: Signal, fall: float, *, tracks: bool, cue: CueBus | None) -> Signal:
        """The next n frames of all decks, (n, 2).

        step   : (n, 1) how far a gain may have moved after each frame
        fall   : factor by which peaks fall in n frames
        tracks : record each deck
        """
        decks = self._play(n, step, cue)
        mix: Signal = np.zeros((n, 2))
        for deck, voice in decks.items():
            mix += voice
            self._followers.deck(deck, voice)
        self._meter(decks, fall)
        if tracks:
            for deck, track in enumerate(STEMS, 1):
                stem = decks[deck].astype(np.float32) if deck in decks else self._silence[:n]
                self._arena.tracks[track].write_ahead(stem, self._delay)
        return mix

    def skip(self, n: int) -> None:
        """Pass n frames while all is `silent`."""
        self._arena.ring_reads.begin_write()
        self._arena.meters[_PULLED] = self._arena.history.written + n
        self._arena.ring_reads.end_write()

    def _play(self, n: int, step: Signal, cue: CueBus | None) -> dict[int, Signal]:
        """What each deck plays, after its fader, (n, 2); decks that play nothing are left out."""
        arena, decks = self._arena, dict[int, Signal]()
        plain = dict[int, Signal]()  # of the decks with an insert
        self._played, ends = self._sounding, False
        arena.ring_reads.begin_write()
        for strip in self._played:
            x = strip.read(n)
            ends = ends or not strip.live
            if strip.deck in self._inserts:
                before = strip.before_fader(x, step)
                plain[strip.deck] = plain[strip.deck] + before if strip.deck in plain else before
                continue
            voice = strip.fade(x, step)
            if cue:
                cue.add(strip, x, step)
            decks[strip.deck] = decks[strip.deck] + voice if strip.deck in decks else voice
        if ends:
            self.find_strips()
        if self._inserts:
            self._process(plain, decks, n, step, cue)
        arena.meters[_PULLED] = arena.history.written + n
        arena.ring_reads.end_write()
        return decks

    def _process(
        self, plain: dict[int, Signal], decks: dict[int, Signal], n: int, step: Signal, cue: CueBus | None
    ) -> None:
        """Process the sound before the faders of the decks with an insert; add what they play to `decks`."""
        for deck, insert in self._inserts.items():
            y = insert(plain[deck] if deck in plain else np.zeros((n, 2)), step)
            if cue:
                cue.add_inserted(deck, y, step)
            decks[deck] = insert.fader(y, step)
        self.find_inserts()

    def _meter(self, decks: dict[int, Signal], fall: float) -> None:
        """Hold the peaks of the decks that play; the other decks have 0."""
        if not decks and self._unmetered:
            return
        self._unmetered = not decks
        held = self._arena.meters[_PEAKS] * fall
        peaks = np.zeros_like(held)
        for deck, voice in decks.items():
            peaks[deck - 1] = peak(voice)
            np.maximum(peaks[deck - 1], held[deck - 1], out=peaks[deck - 1])
        self._arena.meters[_PEAKS] = peaks

    def log_reads(self, events: EventWriter, at: int, master: InsertStrip, *, every: bool) -> None:
        """Log which frames of the ring buffers the block holds, for lanes that did not continue as expected.

        master : the master's insert
        every  : log all continuous lanes too
        """
        strips: list[Strip | InsertStrip] = [*self._played, *self.inserts.values(), master]
        for strip in strips:
            if not strip.as_expected or (every and strip.continuous):
                event = RingReadEvent(strip.lane, *strip.last_read, strip.continuous)
                events.write(RING_READ, at, event.pack())
                strip.as_expected = True
