"""The sandboxed process behind a probe: it scans and loads one module, and answers one request.

python -m perform.foreign.probe_process PATH       (requests and answers: perform/core/pipe.py)
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch

from perform.core.ebu_r128 import loudness_lufs
from perform.core.errors import PerformError
from perform.core.loudness import chirping_frames, loudness_db
from perform.core.pipe import Message, serve
from perform.engine.protocol import Vector
from perform.foreign import nn_contract, sandbox
from perform.foreign.loaded_module import LoadedModule
from perform.foreign.module_file import read_archive
from perform.foreign.nn_contract import NnMethod
from perform.foreign.probe import TIMEOUT_S, ModuleFacts

WARM_UP, MEASURED = 16, 96  #: frames rendered before the measurement, and in it
LONGEST_DELAY_S = 1.5
_RESPONSE = 0.01  # share of the largest energy that counts as a response: -20 dB


def measure(path: Path, wanted: str | None) -> ModuleFacts:
    """Play a method with slowly moving latents, and measure it."""
    random = np.random.default_rng(0)  # before the sandbox: it loads a library
    module = LoadedModule(read_archive(path))
    method, frame = module.choose(wanted), module.frame
    effect = module.takes_sound(method)
    instance, allowance = module.instance(), sandbox.Allowance()
    z = random.standard_normal((WARM_UP + MEASURED, len(method.inputs))).cumsum(0)  # a random walk
    z = ((z - z.mean(0)) / z.std(0)).astype(np.float32)  # of standard deviation 1
    sounds, times = [], []
    for row in z:
        allowance.renew()
        began = time.perf_counter()
        sounds.append(instance.render(method, frame, row))
        times.append(time.perf_counter() - began)
    y = np.stack(sounds[WARM_UP:])  # (frames, channels, frame)
    if not np.isfinite(y).all():
        raise PerformError("its sound is not finite")
    return ModuleFacts(
        method=method.name,
        methods=list(module.methods),
        inputs=list(method.inputs),
        outputs=list(method.outputs),
        frame=frame,
        channels=len(y[0]),
        attributes={name: list(kinds) for name, kinds in module.attributes.items()},
        prior=module.prior is not None,
        # an effect's loudness is its input's, and its first frames are of its input too
        loudness_db=None if effect else loudness_db(y),
        warm_up=0 if effect else chirping_frames(np.concatenate(sounds, axis=1), frame, WARM_UP),
        loudness_lufs=None
        if effect
        else loudness_lufs(np.concatenate(list(y), axis=1), nn_contract.sample_rate(module.archive, 48000)),
        has_encoder=module.encoder_for(method) is not None,
        delay=measure_delay(module, method),
        render_ms=round(1000 * float(np.median(times[WARM_UP:])), 3),
        sandbox=str(module.sandbox),
    )


def measure_delay(module: LoadedModule, played: NnMethod) -> int | None:
    """Return samples from an impulse to the first clear response; None without a finite response.

    The impulse is sound where the module takes sound (the played method, or `forward`, or `encode` and the
    played method), else an impulse in the latents.
    """
    rate, frame = nn_contract.sample_rate(module.archive, 48000), module.frame
    forward = played if module.takes_sound(played) else module.methods.get("forward")
    encode = module.encoder_for(played)
    through = forward if forward and (forward is played or forward.in_ratio == 1) else None
    frames = max(int(LONGEST_DELAY_S * rate / frame), 4)
    decoder, encoder, allowance = module.instance(), module.instance(), sandbox.Allowance()

    def respond(impulse: float) -> Vector:
        allowance.renew()
        if through or encode is None:
            method = through or played
            x = np.zeros((len(method.inputs), frame // method.in_ratio), np.float32)
            x[:, 0] = impulse
            return decoder.run(method, frame, x)
        x = np.zeros((2, frame), np.float32)
        x[:, 0] = impulse
        return decoder.render(played, frame, encoder.encode(encode, x))

    sounds = []
    for impulse in (0.0, 1.0):
        for instance in (decoder, encoder):
            instance.reset()
        try:
            sounds.append(np.concatenate([respond(impulse * (i == 1)) for i in range(frames)], axis=1))
        except PerformError:
            return None
    energy = np.square(sounds[1].astype(np.float64) - sounds[0]).sum(0)[frame:]
    if not np.isfinite(energy).all() or energy.sum() == 0:
        return None
    return int(np.argmax(energy >= _RESPONSE * energy.max()))


def decode(path: Path, z: Vector, seed: int) -> Vector:
    """Decode latents, (latents, frames) -> (channels, samples)."""
    module = LoadedModule(read_archive(path))
    sandbox.Allowance(int(TIMEOUT_S)).renew()
    torch.default_generator.manual_seed(seed)
    y = nn_contract.call(module.module, "decode", torch.from_numpy(z.copy())[None])
    if not isinstance(y, torch.Tensor) or y.dim() != 3:
        raise PerformError("its decode gives no sound")
    sound: Vector = y[0].float().contiguous().numpy()
    return sound


def main() -> None:
    """[main] Answer one request about the module at PATH."""
    path = Path(sys.argv[1])

    def answer_measure(values: Vector, method: str | None) -> Message:
        return Message(msgspec.to_builtins(measure(path, method)))

    def answer_decode(values: Vector, shape: Sequence[int], seed: int) -> Message:
        sound = decode(path, values.reshape(shape), seed)
        return Message({"shape": sound.shape}, sound.ravel())

    serve({"measure": answer_measure, "decode": answer_decode})


if __name__ == "__main__":
    main()
