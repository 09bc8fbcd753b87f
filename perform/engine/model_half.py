"""A half of a model of ours, encoder or decoder: its graph, and where it has AdaIN a second one, that learns.

What has learnt nothing is played by the first, which knows no statistics: learning costs those who do not
learn nothing but the memory of a second graph.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open

from perform.engine.graph_sessions import CompiledStream, compiled
from perform.engine.protocol import Vector
from perform.engine.style_state import StyleState


class ModelHalf:
    """[render] One of "encode" and "decode", ready to run for any number of streams; [disk] to make it.

    digest : SHA-256 of the model's file;  learns : it has a style of its own
    """

    def __init__(self, path: Path, digest: str, name: str) -> None:
        self._plain = compiled(path, digest, name)
        self.shapes = self._plain.shapes
        self.learns = _has_styles(path, f"{name}r.")
        self._learning = compiled(path, digest, f"{name}-learning") if self.learns else None
        if self._learning:
            self._learning.warm_up()

    def stream(self) -> CompiledStream:
        """A new one, at its beginning, with the style that its model has."""
        style = StyleState(self._learning.words) if self._learning else None
        return CompiledStream(self.shapes["state"][0], style)

    def run(self, streams: Sequence[CompiledStream], **inputs: Vector) -> Vector:
        """One call for each stream: inputs (B, ...) by name to the result (B, ...)."""
        styled = [i for i, stream in enumerate(streams) if stream.style and not stream.style.plain]
        if not styled or not self._learning:
            return self._plain.run(streams, **inputs)
        learning = np.stack([stream.style.learning for i in styled if (stream := streams[i]).style])
        some = {name: value[styled] for name, value in inputs.items()}
        if "x" in some:  # a shut gate's silence has no style; learnt, it would drive all that follows up
            learning *= some["x"].any(axis=(1, 2)).reshape(-1, 1)
        y = self._learning.run([streams[i] for i in styled], learning=learning, **some)
        if len(styled) == len(streams):
            return y
        plain = [i for i in range(len(streams)) if i not in styled]
        some = {name: value[plain] for name, value in inputs.items()}
        both = np.empty((len(streams), *y.shape[1:]), np.float32)
        both[styled], both[plain] = y, self._plain.run([streams[i] for i in plain], **some)
        return both


def _has_styles(path: Path, part: str) -> bool:
    """Whether a part of a model, "encoder." or "decoder.", has AdaIN."""
    with safe_open(path, framework="numpy") as file:
        names = [name for name in file.keys() if name.startswith(part)]  # noqa: SIM118
    return any(name.endswith((".heard", ".shift")) for name in names)
