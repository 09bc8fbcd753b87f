"""A stranger's module, asked once: a process that scans it, walls itself in, loads it, answers and ends.

    python -m perform.foreign.probe        a line of JSON and float32 values in, the same out

So an import measures a module, and hears what an export makes of given latents, with nothing of it in the
importing process. One that hangs is ended by its processor time (`sandbox.Allowance`) or by the clock.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from perform.core.errors import PerformError
from perform.engine.protocol import Vector

SECONDS = 120.0  #: longest wait for an answer
_LIMIT = 1 << 28  #: bytes of an answer
_HEARD, _WARM = 96, 16  #: frames a module is measured over, after so many to warm up
_DELAY_S = 1.5  #: longest delay that is looked for
_ANSWER = 0.01  #: share of its largest change that counts as an answer: -20 dB
_FLOOR = 1e-5  #: RMS below which all is silence

_Count = Annotated[int, Meta(ge=1, le=1 << 16)]
_Number = Annotated[float, Meta(ge=-1e6, le=1e6)]


class ModuleFacts(msgspec.Struct, frozen=True):
    """What a module said and did, once it ran."""

    method: str  #: that is played
    methods: list[str]
    inputs: list[str]  #: labels
    outputs: list[str]
    frame: _Count  #: samples
    channels: Annotated[int, Meta(ge=1, le=2)]
    attributes: dict[str, list[str]]  #: name -> kinds of its values
    prior: bool
    loudness_db: _Number  #: RMS, dBFS
    hears: bool  #: it has an encoder for what is played
    delay: Annotated[int, Meta(ge=0, le=1 << 24)] | None  #: samples; None where no impulse came out
    render_ms: _Number  #: a frame's, median
    walls: str  #: what kept it in


def probe(path: Path, method: str | None) -> ModuleFacts:
    """Run a module for a moment, behind walls. PerformError where it cannot be played. [disk, slow]"""
    answer, _ = _ask({"path": str(path), "task": "probe", "method": method}, b"")
    try:
        return msgspec.convert(answer, ModuleFacts)
    except msgspec.ValidationError as error:
        raise PerformError(f"the model says what cannot be ({error})", where=str(path)) from None


def decode(path: Path, z: Vector, seed: int) -> Vector:
    """What a RAVE export's `decode` makes of latents (latents, frames), in one call: (channels, samples).

    Its noise is torch's own after `torch.manual_seed(seed)`, drawn in the order that its code has.
    """
    order = {"path": str(path), "task": "decode", "shape": z.shape, "seed": seed}
    answer, sound = _ask(order, np.ascontiguousarray(z, np.float32).tobytes())
    try:
        return np.frombuffer(sound, np.float32).reshape(answer["shape"])
    except (KeyError, TypeError, ValueError):
        raise PerformError("the model's decode gave no sound", where=str(path)) from None


def _ask(order: dict[str, Any], values: bytes) -> tuple[dict[str, Any], bytes]:
    where = order["path"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "perform.foreign.probe"],
            input=json.dumps(order).encode() + b"\n" + values,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        raise PerformError(f"the model did not answer within {SECONDS:g} s", where=where) from None
    head, _, rest = done.stdout[:_LIMIT].partition(b"\n")
    try:
        answer = json.loads(head)
    except ValueError:
        why = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
        raise PerformError(f"the model hung, or ended its process ({why})", where=where) from None
    if "error" in answer:
        raise PerformError(str(answer["error"])[:500], where=where)
    return answer, rest


def main() -> None:
    """[main] One order, one answer. What the module prints goes to stderr."""
    order = json.loads(sys.stdin.buffer.readline())
    values = np.frombuffer(sys.stdin.buffer.read(), np.float32)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sound = b""
    try:
        if order["task"] == "probe":
            answer = _probe(Path(order["path"]), order["method"])
        else:
            answer, sound = _decode(Path(order["path"]), values.reshape(order["shape"]), order["seed"])
    except PerformError as error:
        answer = {"error": error.what}
    out.write(json.dumps(answer).encode() + b"\n" + sound)
    out.flush()


def _archive(path: Path) -> Any:
    """The archive in an export, or in a model file made of one."""
    from perform.foreign.opening import is_archive
    from perform.library.importing import unwrap
    from perform.rave.archive import parse, read

    return read(path) if is_archive(path) else parse(unwrap(path)[0], path)


def _decode(path: Path, z: Vector, seed: int) -> tuple[dict[str, Any], bytes]:
    import torch

    from perform.foreign import nn_contract, sandbox
    from perform.foreign.loaded_module import LoadedModule

    original = LoadedModule(_archive(path))
    sandbox.Allowance(int(SECONDS)).renew()
    torch.default_generator.manual_seed(seed)
    y = nn_contract.call(original.module, "decode", torch.from_numpy(z.copy())[None])
    if not isinstance(y, torch.Tensor) or y.dim() != 3:
        raise PerformError("its decode gives no sound")
    sound = y[0].float().contiguous().numpy()
    return {"shape": sound.shape}, sound.tobytes()


def _probe(path: Path, wanted: str | None) -> dict[str, Any]:
    from perform.foreign import sandbox
    from perform.foreign.loaded_module import LoadedModule

    random = np.random.default_rng(0)  # before the walls: it reads a library
    original = LoadedModule(_archive(path))
    method, frame = original.choose(wanted), original.frame
    stream, allowance = original.instance(), sandbox.Allowance()
    z = random.standard_normal((_HEARD + _WARM, len(method.inputs))).cumsum(0)  # a slow walk, of sigma 1
    z = ((z - z.mean(0)) / z.std(0)).astype(np.float32)
    sounds, times = [], []
    for row in z:
        allowance.renew()
        began = time.perf_counter()
        sounds.append(stream.render(method, frame, row))
        times.append(time.perf_counter() - began)
    heard = np.stack(sounds[_WARM:])
    if not np.isfinite(heard).all():
        raise PerformError("its sound is not finite")
    level = max(float(np.sqrt(np.mean(heard.astype(np.float64) ** 2))), _FLOOR)
    return {
        "method": method.name,
        "methods": list(original.methods),
        "inputs": method.inputs,
        "outputs": method.outputs,
        "frame": frame,
        "channels": len(heard[0]),
        "attributes": original.attributes,
        "prior": original.prior is not None,
        "loudness_db": round(20 * np.log10(level), 2),
        "hears": original.hears(method) is not None,
        "delay": _delay(original, method),
        "render_ms": round(1000 * float(np.median(times[_WARM:])), 3),
        "walls": str(original.walls),
    }


def _delay(original: Any, played: Any) -> int | None:
    """Samples from an impulse to the first clear answer: of sound, where the module hears, else of latents.

    None where nothing answers, or what does is no number.
    """
    from perform.foreign import sandbox
    from perform.foreign.nn_contract import sample_rate

    rate, frame = sample_rate(original.archive, 48000), original.frame
    forward, encode = original.methods.get("forward"), original.hears(played)
    sounding = forward is not None and forward.in_ratio == 1
    frames = max(int(_DELAY_S * rate / frame), 4)
    stream, ear, allowance = original.instance(), original.instance(), sandbox.Allowance()

    def answer(impulse: float) -> Vector:
        allowance.renew()
        if sounding or encode is None:
            method = forward if sounding else played
            x = np.zeros((len(method.inputs), frame // method.in_ratio), np.float32)
            x[:, 0] = impulse
            return np.asarray(stream.run(method, frame, x))
        x = np.zeros((2, frame), np.float32)
        x[:, 0] = impulse
        return np.asarray(stream.render(played, frame, ear.encode(encode, x)))

    sounds = []
    for impulse in (0.0, 1.0):
        for one in (stream, ear):
            one.reset()
        try:
            sounds.append(np.concatenate([answer(impulse * (i == 1)) for i in range(frames)], axis=1))
        except PerformError:
            return None
    energy = np.square(sounds[1].astype(np.float64) - sounds[0]).sum(0)[frame:]
    if not np.isfinite(energy).all() or energy.sum() == 0:
        return None
    return int(np.argmax(energy >= _ANSWER * energy.max()))


if __name__ == "__main__":
    main()
