"""Measuring a third-party module in a sandboxed process that ends afterwards (`foreign.probe_process`).

An import needs to know how a module plays, and how an export decodes given latents. The probe runs this code,
not the importing process. Limits of processor time and of waiting end a module that hangs.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from perform.core.errors import PerformError
from perform.core.pipe import NO_VALUES, HelperProcess, Message
from perform.engine.protocol import Vector
from perform.library.cards import MOST_WARM_UP

TIMEOUT_S = 120.0  #: longest wait for an answer

_Count = Annotated[int, Meta(ge=1, le=1 << 16)]
_Number = Annotated[float, Meta(ge=-1e6, le=1e6)]


class ModuleFacts(msgspec.Struct, frozen=True):
    """The measurements of a probe."""

    method: str  #: the method that is played
    methods: list[str]
    inputs: list[str]  #: labels
    outputs: list[str]
    frame: _Count  #: samples
    channels: Annotated[int, Meta(ge=1, le=2)]
    attributes: dict[str, list[str]]  #: name -> kinds of its values
    prior: bool
    loudness_db: _Number | None  #: RMS, dBFS; None if it was silent
    warm_up: Annotated[int, Meta(ge=0, le=MOST_WARM_UP)]  #: frames in which it chirps at first
    loudness_lufs: _Number | None  #: integrated; None if it was silent
    has_encoder: bool  #: `encode` makes the latents that `method` takes
    delay: Annotated[int, Meta(ge=0, le=1 << 24)] | None  #: samples; None if an impulse gave no response
    render_ms: _Number  #: median time of a frame
    sandbox: str  #: text of the `SandboxReport`


def probe(path: Path, method: str | None) -> ModuleFacts:
    """Run a module for a moment and measure it. PerformError: it cannot be played. [disk, slow]"""
    fields, _ = _ask(path, "measure", method=method)
    try:
        return msgspec.convert(fields, ModuleFacts)
    except msgspec.ValidationError as error:
        raise PerformError(f"the model reports impossible values ({error})", where=str(path)) from None


def decode(path: Path, z: Vector, seed: int) -> Vector:
    """Have a RAVE export decode latents, (latents, frames) -> (channels, samples), in one call.

    The export draws its noise from torch's generator, after `torch.manual_seed(seed)`.
    """
    fields, sound = _ask(path, "decode", z, shape=z.shape, seed=seed)
    try:
        return sound.reshape(fields["shape"])
    except (KeyError, TypeError, ValueError):
        raise PerformError("the model's decode gave no sound", where=str(path)) from None


def _ask(path: Path, call: str, values: Vector = NO_VALUES, **arguments: object) -> Message:
    process = HelperProcess(
        *("perform.foreign.probe_process", str(path)),
        name="the model",
        where=str(path),
        timeout=TIMEOUT_S,
        quiet=True,
    )
    with contextlib.closing(process):
        return process.ask(call, np.ascontiguousarray(values, np.float32), **arguments)
