"""An open audio device that plays a mixer, at the mixer's rate or resampled to the device's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from perform.audio import device as devices
from perform.audio.cue_output import CueOutput
from perform.audio.device_resampler import DeviceResampler
from perform.audio.mixer_block import MixerBlock
from perform.core.arena import Arena
from perform.core.arena_layout import DEFAULT_BLOCK, DEVICE
from perform.core.messages.mixer_messages import StartMixer
from perform.core.realtime import AUDIO_PRIORITY, request_real_time
from perform.core.ring_buffers import Audio

SEVERAL = 1.5  #: a burst of this many blocks is more than one block that came early

Fill = Callable[[Audio, Audio | None, float], None]  #: see `MixerBlock.fill`


class OpenDevice:
    """[main] The device that the order names, playing. NoDevice: it cannot be opened.

    ended : set when the device has ended the stream
    rate  : of the mixer, Hz: that of the order, else of the stage, else the device's own
    block : frames of the last block; 0 before the first
    why   : the reason for this device;  input_error : why there is no live input
    """

    def __init__(self, sd: ModuleType, arena: Arena, order: StartMixer) -> None:
        self.ended = threading.Event()
        self._device, self.why = devices.choose(sd, order.device)
        self._input, self.input_error = devices.choose_input(sd, self._device, order.input)
        self.rate: float = order.rate or arena.meter("rate") or self._device.rate
        self._cue = CueOutput(sd, self._device, order.cue)
        self._channels = 4 if self._cue.is_wanted else 2
        self._both = np.zeros((0, self._channels), np.float32)
        self._arena, self.block, self._is_first = arena, 0, True
        self._mixer = MixerBlock(arena, DEVICE, self.rate, order.patient)
        wanted = order.block or (devices.OWN_BLOCK if self._device.is_jack else DEFAULT_BLOCK)
        try:
            self._device_rate = self.rate
            self._stream = self._open(sd, wanted, self._mixer.fill)
        except devices.NoDevice:
            if self._device.rate == self.rate:
                raise
            self._device_rate = self._device.rate
            resampler = DeviceResampler(
                self._mixer.fill, arena.table, self.rate, self._device_rate, self._channels
            )
            self._mixer.resampler_s = resampler.delay_s
            self._stream = self._open(sd, wanted, resampler.fill)
        self._cue.open(self._device_rate, wanted)
        self.poll_cue(time.monotonic())

    def poll_cue(self, now: float) -> None:
        """Open the cue's own device again when it is back."""
        self._cue.poll(now)
        self._arena.set_meter("cue/on", self._cue.is_playing)

    def _open(self, sd: ModuleType, block: int, fill: Fill) -> Any:
        def callback(came: Audio | None, out: Audio, buffered: float, status: Any) -> None:
            if self._is_first:
                self._arena.set_meter("realtime", request_real_time(AUDIO_PRIORITY))
                self._is_first = False
            if status and self._mixer.owns:
                self._arena.set_meter("xruns", self._arena.meter("xruns") + 1)
            if self._channels == 2:
                fill(out, came, buffered)
            else:
                if len(self._both) < len(out):
                    self._both = np.zeros((len(out), 4), np.float32)
                both = self._both[: len(out)]
                fill(both, came, buffered)
                self._cue.split(both, out)
            self.block = len(out)

        return devices.open_stream(
            sd,
            self._device,
            self._input,
            self._device_rate,
            block,
            callback,
            self._cue.channels,
            self.ended.set,
        )

    def __str__(self) -> str:
        return str(self._device)

    @property
    def cue(self) -> str:
        """The outputs of the cue, or why it has none; "" if no cue was asked for."""
        return self._cue.text

    @property
    def is_jack(self) -> bool:
        """A JACK server plays it."""
        return self._device.is_jack

    @property
    def is_active(self) -> bool:
        """The device has not ended the stream."""
        return bool(self._stream.active)

    @property
    def called_at(self) -> float:
        """When the last block began, monotonic seconds; 0 before the first."""
        return self._mixer.filled_at

    @property
    def text(self) -> str:
        """The device, its rate, and how many frames it takes at once, as the player reads it."""
        burst = round(self._mixer.burst * self._device_rate / self.rate)
        several = burst > SEVERAL * self.block
        blocks = f"{burst} frames in blocks of {self.block}" if several else f"{self.block} frames"
        resampled = f" resampled from {self.rate:.0f} Hz" if self._device_rate != self.rate else ""
        return f"{self._device}, {self._device_rate:.0f} Hz{resampled}, {blocks}"
