"""A model's encode or decode method, which may learn an AdaIN style while it plays.

A method of a model with AdaIN has two graphs. In the plain one the style is constant; it runs every stream
that has the model's default style. In the learning one the style is state; it runs the other streams. So a
stream that learns nothing takes no more time than in a model without AdaIN.

Offline, the plain graph runs many frames of a stream in one call.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open

from perform.engine.frame_runs import FrameRuns
from perform.engine.graph_sessions import CompiledGraph, CompiledStream, Engine, compiled
from perform.engine.protocol import Vector
from perform.engine.style_state import StyleState


class StyledMethod:
    """[render] The method "encode" or "decode", for any number of streams; [disk] to make.

    digest    : SHA-256 of the model's file
    shapes    : of the inputs and the result, without the batch
    has_style : the method has AdaIN layers
    """

    def __init__(self, path: Path, digest: str, name: str, *, engine: Engine = "processor") -> None:
        self._path, self._digest, self._name = path, digest, name
        self._plain = compiled(path, digest, name, engine=engine)
        self.shapes = self._plain.shapes
        self.has_style = _has_adain(path, f"{name}r.")
        self._learning: CompiledGraph | None = None
        if self.has_style:
            learns: Engine = "gpu" if engine == "gpu" else "processor"
            self._learning = compiled(path, digest, f"{name}-learning", engine=learns)
            self._learning.warm_up()
        if engine != "processor":  # so that an error comes now, not on stage
            self._plain.warm_up()

    def stream(self) -> CompiledStream:
        """Return a new stream at its beginning, with the model's default style."""
        style = StyleState(self._learning.metadata) if self._learning else None
        return CompiledStream(self.shapes["state"][0], style)

    def run(self, streams: Sequence[CompiledStream], **inputs: Vector) -> Vector:
        """Run one frame of each stream: inputs (B, ...) by name -> the result (B, ...)."""
        styled = [i for i, stream in enumerate(streams) if not stream.has_default_style]
        if not styled or not self._learning:
            return self._plain.run(streams, **inputs)
        learning = np.stack([stream.style.learning for i in styled if (stream := streams[i]).style])
        some = {name: value[styled] for name, value in inputs.items()}
        if "x" in some:  # never learn from a closed gate: its deviation of 0 would amplify all that follows
            learning *= some["x"].any(axis=(1, 2)).reshape(-1, 1)
        y = self._learning.run([streams[i] for i in styled], learning=learning, **some)
        if len(styled) == len(streams):
            return y
        plain = [i for i in range(len(streams)) if i not in styled]
        some = {name: value[plain] for name, value in inputs.items()}
        both = np.empty((len(streams), *y.shape[1:]), np.float32)
        both[styled], both[plain] = y, self._plain.run([streams[i] for i in plain], **some)
        return both

    def run_frames(self, stream: CompiledStream, **inputs: Vector) -> Vector:
        """Run the next frames of one stream: inputs (frames, ...) by name -> results (frames, ...).

        The same bits as `run` for each frame. The first call loads another graph.
        """
        if not stream.has_default_style:
            count = len(next(iter(inputs.values())))
            each = [{name: value[[i]] for name, value in inputs.items()} for i in range(count)]
            frames = np.concatenate([self.run([stream], **frame) for frame in each])
            return frames if "y" in self.shapes else frames[:, 0]  # (n, 1, latents) -> (n, latents)
        return self.runs(stream, **inputs)

    @functools.cached_property
    def runs(self) -> FrameRuns:
        """[disk] Many frames per call, for streams with the model's default style."""
        return FrameRuns(self._path, self._digest, self._name, self._plain)


def _has_adain(path: Path, part: str) -> bool:
    """Whether "encoder." or "decoder." has AdaIN layers."""
    with safe_open(path, framework="numpy") as file:
        names = [name for name in file.keys() if name.startswith(part)]  # noqa: SIM118
    return any(name.endswith((".heard", ".shift")) for name in names)
