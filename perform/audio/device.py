"""Audio devices through PortAudio: what there is, which one will be used and why, and opening it.

PortAudio is imported when it is first needed: without the library everything else works, on a silent clock.
It must be used only in a process that may be thrown away: it hangs for ever when its server has died.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from perform.core.errors import PerformError, WrongUse

LONGEST_S = 2.0  #: of a device's buffers; one that says more says nothing


class NoDevice(PerformError):
    """There is nothing to play through now; there may be later."""


@dataclass(frozen=True)
class Device:
    """One device, as PortAudio sees it: `channels` are the outputs, or of one to listen to its inputs."""

    index: int
    name: str
    api: str
    channels: int
    rate: float

    def __str__(self) -> str:
        return f"{self.api}: {self.name}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """ALSA and JACK talk on descriptor 2 whenever they are asked something; not here."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def portaudio() -> ModuleType:
    """The sounddevice module, freshly initialised; NoDevice where the PortAudio library is missing."""
    os.environ.setdefault("JACK_NO_START_SERVER", "1")  # asking must not start a server
    try:
        with _quiet():
            import sounddevice

            sounddevice._terminate()  # PortAudio sees new devices only after a new start
            sounddevice._initialize()
    except OSError as error:
        hint = "install it (Debian: apt install libportaudio2)"
        raise NoDevice("the PortAudio library is missing", hint=hint) from error
    except Exception as error:
        raise NoDevice(f"PortAudio does not start ({error})") from error
    assert isinstance(sounddevice, ModuleType)
    return sounddevice


def devices(sd: ModuleType) -> list[Device]:
    """All output devices."""
    with _quiet():
        apis = [api["name"] for api in sd.query_hostapis()]
        return [
            Device(i, d["name"], apis[d["hostapi"]], d["max_output_channels"], d["default_samplerate"])
            for i, d in enumerate(sd.query_devices())
            if d["max_output_channels"] > 0
        ]


def choose(sd: ModuleType, wanted: str | None) -> tuple[Device, str]:
    """The device to play through, and why it is that one.

    wanted : an index, or a part of "api: name"; None: a JACK server that runs, else the system's default.
    """
    there = devices(sd)
    if wanted is not None:
        match = [d for d in there if str(d.index) == wanted or wanted.lower() in str(d).lower()]
        if match:
            return match[0], f"asked for by {wanted!r}"
        hint = f"there are: {'; '.join(map(str, there))}" if there else ""
        raise NoDevice(f"no audio device matches {wanted!r}", hint=hint)
    with _quiet():
        apis = sd.query_hostapis()
        jack = [a["default_output_device"] for a in apis if a["name"].startswith("JACK")]
        default = sd.default.device[1]
    for index, why in [(i, "a JACK server is running") for i in jack] + [
        (default, "the system's default output")
    ]:
        for device in there:
            if device.index == index:
                return device, why
    raise NoDevice("no audio device")


def choose_input(sd: ModuleType, device: Device, wanted: str | None) -> tuple[Device | None, str]:
    """The device to listen to, or why there is none; (None, "") where none is wanted.

    wanted : an index, a part of "api: name", or "default": the output's own inputs, else its system's default
    """
    if wanted is None:
        return None, ""
    with _quiet():
        apis = [api["name"] for api in sd.query_hostapis()]
        default = next(a["default_input_device"] for a in sd.query_hostapis() if a["name"] == device.api)
        there = [
            Device(i, d["name"], apis[d["hostapi"]], d["max_input_channels"], d["default_samplerate"])
            for i, d in enumerate(sd.query_devices())
            if d["max_input_channels"] > 0 and apis[d["hostapi"]] == device.api
        ]
    if wanted == "default":
        found = [d for d in there if d.index == device.index] or [d for d in there if d.index == default]
    else:
        found = [d for d in there if str(d.index) == wanted or wanted.lower() in str(d).lower()]
    if found:
        return found[0], ""
    return None, f"no audio input matches {wanted!r}; there are: {'; '.join(map(str, there)) or 'none'}"


def open_stream(
    sd: ModuleType,
    device: Device,
    ear: Device | None,
    rate: float,
    block: int,
    callback: Callable[[Any, Any, float, Any], None],
) -> Any:
    """A started stereo float32 stream that calls `callback(heard, out, buffered, status)`. [audio]

    heard    : (n, 1 or 2) from `ear`, or None without one
    buffered : seconds from one to the other outside of the callback, as the device tells them: from when
               `heard` was at the microphone to when `out` will be at the loudspeaker; else the latency it was
               opened with, which on JACK leaves out two periods; 0 without an ear
    """
    common = {"samplerate": rate, "blocksize": block, "dtype": "float32", "latency": "low"}
    try:
        with _quiet():
            if ear is None:
                stream = sd.OutputStream(
                    device=device.index,
                    channels=2,
                    callback=lambda out, _frames, _time, status: callback(None, out, 0.0, status),
                    **common,
                )
            else:
                opened_with = 0.0

                def through(heard: Any, out: Any, _frames: int, time: Any, status: Any) -> None:
                    told = time.outputBufferDacTime - time.inputBufferAdcTime
                    callback(heard, out, told if 0 < told < LONGEST_S else opened_with, status)

                stream = sd.Stream(
                    device=(ear.index, device.index),
                    channels=(min(2, ear.channels), 2),
                    callback=through,
                    **common,
                )
                opened_with = sum(stream.latency)
            stream.start()
    except sd.PortAudioError as error:
        hint = f"it prefers {device.rate:.0f} Hz: try --rate {device.rate:.0f}, or another --device"
        raise NoDevice(
            f"cannot be opened at {rate:.0f} Hz, {block} frames ({error.args[0]})",
            where=f"{device}, input {ear}" if ear else str(device),
            hint=hint + (", or play without --input" if ear else ""),
        ) from error
    return stream


def check_numbers(rate: int | None, block: int | None) -> None:
    """WrongUse where a rate or a block size can serve nobody."""
    if rate is not None and not 8000 <= rate <= 192000:
        raise WrongUse(f"a rate of {rate} Hz", hint="it must lie in 8000..192000")
    if block is not None and not 16 <= block <= 8192:
        raise WrongUse(f"a block of {block} frames", hint="it must lie in 16..8192")
