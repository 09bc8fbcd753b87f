"""The blocks of a mixer process: the mix while it owns the decks, else silence."""

from __future__ import annotations

import time

import numpy as np

from perform.audio.device_pace import DevicePace
from perform.audio.mixer import Mixer
from perform.core.arena import Arena
from perform.core.arena_layout import DEVICE, LANE, METER_SLOTS, RING_FRAMES
from perform.core.ring_buffers import Audio

FIRST_OPENING = (0.1, 2.0)  #: the first sound of a stage rises from -20 dB over two seconds
REPLACED_OPENING = (0.0, 0.02)  #: a replacement mixer fades in at once
JUMP_S = 0.05  #: a block that begins this much too early or late is the beginning of other times
TIME_SMOOTHING = 0.01  #: share of a block in the smoothed time of frame 0

_BEGAN = METER_SLOTS["began"]


class MixerBlock:
    """[audio] Fills blocks: the mix while this process owns the decks, else silence."""

    def __init__(self, arena: Arena, mixer: int, rate: float, patient: bool) -> None:
        """mixer : CLOCK or DEVICE, which of the two this process is."""
        self._arena, self._me, self._rate, self._patient = arena, mixer, rate, patient
        self._mixer: Mixer | None = None
        self._pace = self._new_pace()
        self.filled_at = 0.0  #: when the last block began, monotonic seconds
        self.resampler_s = 0.0  #: seconds that a resampler adds between this mixer and its device
        self._beat = METER_SLOTS["heartbeat/device" if mixer == DEVICE else "heartbeat/clock"]

    @property
    def owns(self) -> bool:
        """Whether this process owns the decks."""
        return bool(self._arena.meters[METER_SLOTS["owner"]] == self._me)

    @property
    def is_silent(self) -> bool:
        """Whether this process owns the decks, none of them sounds, and none is about to begin."""
        if self._mixer is None or not self._mixer.is_silent:
            return False
        return not self._arena.lanes[:, LANE["live"]].any()

    def fill(
        self, out: Audio, came: Audio | None = None, buffered: float = 0.0, *, block: int | None = None
    ) -> None:
        """[audio] Fill one block.

        out      : (n, 2), or (n, 4) with the cue
        came     : (n, 1 or 2) live input of the same frames
        buffered : seconds of latency that the device adds between them
        block    : frames of a block, where `out` holds several because all is silent
        """
        block = len(out) if block is None else block
        self.filled_at = began = time.monotonic()
        meters = self._arena.meters
        if not self.owns:
            self._mixer = None
            out[:] = 0.0
        else:
            if self._mixer is None:
                self._mixer = self._take_over(began, block)
            meters[METER_SLOTS["time"]] = began + (len(out) - block) / self._rate  # of the last block
            self._pace.take(began, block)
            # a mixer that waits for the decks has no pace
            meters[METER_SLOTS["burst"]] = block if self._patient else self._pace.burst
            meters[METER_SLOTS["until"]] = self._pace.until
            self._note_time(began)
            self._mixer.fill(out, came)
            load = (time.monotonic() - began) * self._rate / len(out)
            meters[METER_SLOTS["load"]] = max(load, meters[METER_SLOTS["load"]] * 0.995)
            meters[METER_SLOTS["block"]] = block
            meters[METER_SLOTS["buffered"]] = buffered
        meters[self._beat] += 1

    @property
    def burst(self) -> int:
        """Frames that the device takes at once."""
        return self._pace.burst

    def _new_pace(self) -> DevicePace:
        return DevicePace(self._rate, RING_FRAMES // 2)  # half of a ring buffer is for the lead

    def _note_time(self, now: float) -> None:
        """Note when frame 0 began. One late callback moves this time little; a new mixer sets it."""
        meters, written = self._arena.meters, self._arena.history.written
        began, before = now - written / self._rate, float(meters[_BEGAN])
        jumped = abs(began - before) > JUMP_S
        meters[_BEGAN] = began if jumped else before + TIME_SMOOTHING * (began - before)

    def _take_over(self, now: float, block: int) -> Mixer:
        """Make a mixer. Frames that were due since the last block become silence in the history buffers."""
        arena, self._pace = self._arena, self._new_pace()
        arena.set_meter("resampler", self.resampler_s)
        opening = REPLACED_OPENING if arena.meter("has_played") else FIRST_OPENING
        if self._me == DEVICE:
            arena.set_meter("has_played", 1)
        if not arena.meter("frames"):
            return Mixer(arena, self._rate, patient=self._patient, opening=opening)
        missed = round((now - arena.meter("time")) * self._rate) - round(arena.meter("block"))
        blocks = max(0, min(missed, arena.history.capacity)) // block
        silence = np.zeros((block, 2), np.float32)
        for _ in range(blocks):
            for track in arena.tracks.values() if arena.meter("tracks/on") else ():
                if track is not arena.history:
                    track.write_ahead(silence)
            arena.history.write(silence)
            arena.set_meter("missed", arena.meter("missed") + block)
            arena.set_meter("frames", arena.meter("frames") + block)
        return Mixer(arena, self._rate, patient=self._patient, opening=opening, missed=blocks * block)
