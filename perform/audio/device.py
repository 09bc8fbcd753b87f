"""Audio devices through PortAudio: list them, choose one, open a stream.

PortAudio is imported on first use; without the library perform plays silently on a clock. PortAudio hangs
when its audio server dies, so use it only in a process that can be killed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from perform.core.errors import PerformError, WrongUse

OWN_BLOCK = 0  #: block for: as long as the device's own
MAX_LATENCY_S = 2.0  #: a device that reports a longer latency is wrong


class NoDevice(PerformError):
    """No usable audio device now; there may be one later."""


@dataclass(frozen=True)
class Device:
    """A device as PortAudio lists it. `channels` counts outputs, or inputs if it is an input device.

    latency : seconds that its driver proposes for playing live; the shortest, not what a stage then measures
    """

    index: int
    name: str
    api: str
    channels: int
    rate: float
    latency: float = 0.0

    def __str__(self) -> str:
        return f"{self.api}: {self.name}"

    @property
    def is_jack(self) -> bool:
        """Whether a JACK server plays it. Its block may change at any time: PortAudio follows a shorter one,
        and divides a longer one into several callbacks in a row.
        """
        return self.api.startswith("JACK")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence descriptor 2: ALSA and JACK print to it on every query."""
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def portaudio() -> ModuleType:
    """The sounddevice module, freshly initialised; NoDevice where the PortAudio library is missing."""
    os.environ.setdefault("JACK_NO_START_SERVER", "1")  # a query must not start a server
    try:
        with _quiet():
            import sounddevice

            sounddevice._terminate()  # PortAudio sees new devices only after a restart
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
    return _listed(sd, "output")


def inputs(sd: ModuleType) -> list[Device]:
    """All input devices; `channels` counts their inputs."""
    return _listed(sd, "input")


def _listed(sd: ModuleType, way: str) -> list[Device]:
    """All devices that have channels on the way "input" or "output"."""
    with _quiet():
        apis = [api["name"] for api in sd.query_hostapis()]
        return [
            Device(
                i,
                d["name"],
                apis[d["hostapi"]],
                d[f"max_{way}_channels"],
                d["default_samplerate"],
                d[f"default_low_{way}_latency"],
            )
            for i, d in enumerate(sd.query_devices())
            if d[f"max_{way}_channels"] > 0
        ]


def choose(sd: ModuleType, wanted: str | None) -> tuple[Device, str]:
    """The output device, and why it was chosen.

    wanted : an index, or part of "api: name". None: a running JACK server, else the system's default output,
             on Windows by WASAPI: its default would be MME, which is 0.1 s slower.
    """
    available = devices(sd)
    if wanted is not None:
        match = [d for d in available if str(d.index) == wanted or wanted.lower() in str(d).lower()]
        if match:
            return match[0], f"chosen by {wanted!r}"
        hint = f"available: {'; '.join(map(str, available))}" if available else ""
        raise NoDevice(f"no audio device matches {wanted!r}", hint=hint)
    with _quiet():
        apis = sd.query_hostapis()
        jack = [a["default_output_device"] for a in apis if a["name"].startswith("JACK")]
        wasapi = [a["default_output_device"] for a in apis if a["name"] == "Windows WASAPI"]
        defaults = [*wasapi, sd.default.device[1]]
    for index, why in [(i, "a JACK server is running") for i in jack] + [
        (i, "the system's default output") for i in defaults
    ]:
        for device in available:
            if device.index == index:
                return device, why
    raise NoDevice("no audio device")


def choose_input(sd: ModuleType, device: Device, wanted: str | None) -> tuple[Device | None, str]:
    """The input device and "", or None and the reason; (None, "") if `wanted` is None.

    wanted : an index, part of "api: name", or "default": the output device's inputs, else its API's default
    """
    if wanted is None:
        return None, ""
    with _quiet():
        default = next(a["default_input_device"] for a in sd.query_hostapis() if a["name"] == device.api)
    available = [it for it in inputs(sd) if it.api == device.api]
    if wanted == "default":
        found = [d for d in available if d.index == device.index] or [
            d for d in available if d.index == default
        ]
    else:
        found = [d for d in available if str(d.index) == wanted or wanted.lower() in str(d).lower()]
    if found:
        return found[0], ""
    return None, f"no audio input matches {wanted!r}; available: {'; '.join(map(str, available)) or 'none'}"


def open_stream(
    sd: ModuleType,
    device: Device,
    input_device: Device | None,
    rate: float,
    block: int,
    callback: Callable[[Any, Any, float, Any], None],
    channels: int = 2,
    on_end: Callable[[], None] | None = None,
) -> Any:
    """Start a float32 stream that calls `callback(came, out, buffered, status)` on the audio thread.

    channels : of the output, as many as `out` has
    on_end   : called when the stream has ended, on a thread of PortAudio
    block    : frames of a callback, or OWN_BLOCK
    came     : (n, 1 or 2) from `input_device`, or None without one
    buffered : seconds of latency outside the callback, from the input to the output, as the device reports
               it; if that is impossible, the latency of the open stream, which on JACK lacks two periods;
               0 without an input
    """
    common = {
        "samplerate": rate,
        "blocksize": block,
        "dtype": "float32",
        "latency": "low",
        "finished_callback": on_end,
    }
    try:
        with _quiet():
            if input_device is None:
                stream = sd.OutputStream(
                    device=device.index,
                    channels=channels,
                    callback=lambda out, _frames, _time, status: callback(None, out, 0.0, status),
                    **common,
                )
            else:
                opened_with = 0.0

                def on_block(came: Any, out: Any, _frames: int, time: Any, status: Any) -> None:
                    latency = time.outputBufferDacTime - time.inputBufferAdcTime
                    callback(came, out, latency if 0 < latency < MAX_LATENCY_S else opened_with, status)

                stream = sd.Stream(
                    device=(input_device.index, device.index),
                    channels=(min(2, input_device.channels), channels),
                    callback=on_block,
                    **common,
                )
                opened_with = sum(stream.latency)
            stream.start()
    except sd.PortAudioError as error:
        frames = f"{block} frames" if block != OWN_BLOCK else "its own block"
        hint = f"its default is {device.rate:.0f} Hz: try --rate {device.rate:.0f}, or another --device"
        raise NoDevice(
            f"cannot be opened at {rate:.0f} Hz, {frames} ({error.args[0]})",
            where=f"{device}, input {input_device}" if input_device else str(device),
            hint=hint + (", or play without --input" if input_device else ""),
        ) from error
    return stream


def check_rate_and_block(rate: int | None, block: int | None) -> None:
    """WrongUse: a sample rate or a block size is out of range."""
    if rate is not None and not 8000 <= rate <= 192000:
        raise WrongUse(f"a rate of {rate} Hz", hint="choose 8000..192000")
    if block is not None and not 16 <= block <= 8192:
        raise WrongUse(f"a block of {block} frames", hint="choose 16..8192")
