"""Many frames of one stream in one call of a graph, for offline work: a frame takes a fifth of the time.

On some processors and for some models, the order of a sum depends on the number of frames. A graph is used
only if a test shows that it computes the same bits as one frame per call; so no sound depends on the number.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perform.engine.graph_sessions import CompiledGraph, CompiledStream, compiled
from perform.engine.protocol import Vector

CALL = 16  #: frames of a call, the rest of a run goes frame by frame; fewer where frames are long:
CALL_SAMPLES = 8192  #: longest call, samples
_TEST_CALLS = 2  # so that the second begins in the state that the first left


class FrameRuns:
    """[disk] A method of a model, for the next frames of one stream.

    plain : its graph of one frame per call
    call  : frames of a call; 1 if more would not give the same bits
    """

    def __init__(self, path: Path, digest: str, method: str, plain: CompiledGraph) -> None:
        self._plain, self._many = plain, plain
        ratio = plain.shapes["y" if "y" in plain.shapes else "x"][-1]
        self.call: int = max(1, min(CALL, CALL_SAMPLES // ratio))
        if self.call > 1:
            self._many = compiled(path, digest, method, self.call)
            if not _agree(plain, self._many, self.call):
                self._many, self.call = plain, 1

    def __call__(self, stream: CompiledStream, **inputs: Vector) -> Vector:
        """Inputs (n, ...) by name -> results (n, ...), the same bits as frame by frame."""
        count = len(next(iter(inputs.values())))
        whole, parts = count - count % self.call, []
        if whole:
            parts.append(_run(self._many, self.call, stream, {name: x[:whole] for name, x in inputs.items()}))
        if whole < count:
            parts.append(_run(self._plain, 1, stream, {name: x[whole:] for name, x in inputs.items()}))
        return np.concatenate(parts)


def _run(graph: CompiledGraph, frames: int, stream: CompiledStream, inputs: dict[str, Vector]) -> Vector:
    """Inputs (n, ...) -> results (n, ...), so many frames per call; n is a multiple."""
    results = []
    for at in range(0, len(next(iter(inputs.values()))), frames):
        call = {name: x[at : at + frames] for name, x in inputs.items()}
        if "x" in call:  # (frames, channels, ratio) -> (channels, frames * ratio)
            call["x"] = call["x"].swapaxes(0, 1).reshape(call["x"].shape[1], -1)
        result = graph.run([stream], **{name: x[None] for name, x in call.items()})[0]
        if "y" in graph.shapes:  # (channels, frames * ratio) -> (frames, channels, ratio)
            result = result.reshape(len(result), frames, -1).swapaxes(0, 1)
        results.append(result)
    return np.concatenate(results)


def _agree(plain: CompiledGraph, many: CompiledGraph, call: int) -> bool:
    """Return whether both graphs compute the same bits of results and state, for random inputs."""
    if plain.shapes["state"] != many.shapes["state"]:
        return False
    random, count = np.random.default_rng(0), _TEST_CALLS * call
    inputs: dict[str, Vector] = {
        name: random.standard_normal((count, *shape[1:]), np.float32)
        for name, shape in plain.shapes.items()
        if name == "noise" or (name == "z" and "y" in plain.shapes)
    }
    if "x" in plain.shapes:
        inputs["x"] = _test_sound(count, *plain.shapes["x"])
    one, other = plain.stream(), many.stream()
    results = _run(plain, 1, one, inputs), _run(many, call, other, inputs)
    return np.array_equal(*results) and np.array_equal(one.state, other.state)


def _test_sound(count: int, channels: int, samples: int) -> Vector:
    """Noise, then a tone that rises, both fading by 80 dB: (count, channels, samples)."""
    noise = np.random.default_rng(1).standard_normal((count // 2, channels, samples))
    time = np.linspace(0.0, 1.0, count // 2 * samples).reshape(-1, 1, samples)
    tone = np.sin(0.005 * time.size * np.exp2(3 * time)) * np.ones((1, channels, 1))
    fade = np.geomspace(1.0, 1e-4, count // 2)[:, None, None]
    return np.concatenate([0.3 * noise * fade, tone * fade]).astype(np.float32)
