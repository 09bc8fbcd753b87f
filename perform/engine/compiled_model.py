"""Our RAVE compiled for ONNX Runtime: a frame costs a fifth of what it does in TorchScript.

Streams of one model that are rendered together are one batch, whose weights are read from memory once.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open

from perform.core.attributes import Attribute
from perform.engine.graph_sessions import CompiledGraph, CompiledStream, compiled
from perform.engine.model_half import ModelHalf
from perform.engine.protocol import Vector, rest
from perform.engine.style_state import ACTIONS, SWITCHES, StyleState
from perform.foreign.file_reader import FileReader
from perform.library.cards import read_card, sha256

__all__ = ["CompiledEncoder", "CompiledModel", "CompiledStream", "PriorStream"]


class CompiledModel:
    """[render] The decoder of a `.safetensors` model; see `perform.engine.protocol.Host`.

    noise : how many values of noise a frame takes
    """

    reader: FileReader | None = None

    def __init__(self, path: Path) -> None:
        self.card, self.sha256 = read_card(path), sha256(path)
        self._decoder = ModelHalf(path, self.sha256, "decode")
        self.attributes: Sequence[Attribute] = SWITCHES if self._decoder.learns else ()
        self.actions: Sequence[str] = ACTIONS if self._decoder.learns else ()
        self.noise = self._decoder.shapes.get("noise", (1, 0))[-1]
        with safe_open(path, framework="numpy") as file:
            self.gesture: Vector = file.get_tensor("gesture")
            self.has_prior = bool(json.loads(file.metadata()["config"]).get("prior"))
        self._path = path
        self._prior = compiled(path, self.sha256, "prior") if self.has_prior else None

    @functools.cached_property
    def encoder(self) -> CompiledEncoder:
        """What hears for its decks."""
        return CompiledEncoder(self._path)

    def stream(self) -> CompiledStream:
        """A new one, at its beginning."""
        stream = self._decoder.stream()
        return PriorStream(len(stream.state), stream.style, self._prior) if self._prior else stream

    def render(self, streams: Sequence[CompiledStream], z: Vector, noise: Vector) -> Vector:
        """One frame of each: (B, latents), (B, noise) -> (B, channels, ratio)."""
        inputs = {"noise": noise} if "noise" in self._decoder.shapes else {}
        return self._decoder.run(streams, z=z, **inputs)


class PriorStream(CompiledStream):
    """[render] A stream of a host that has a prior, and what that remembers of it."""

    def __init__(self, values: int, style: StyleState | None, prior: CompiledGraph) -> None:
        super().__init__(values, style)
        self._prior, self._past = prior, prior.stream()

    def reset(self) -> None:
        """Back to the beginning, the prior too."""
        super().reset()
        self._past.reset()

    def prior(self, temperature: float, seed: int) -> Vector:
        """The next frame's latents (latents,); the same seeds from the beginning give the same.

        temperature : above 0; 1 follows the odds as learnt
        """
        uniform = np.random.default_rng(seed).random((1, *self._prior.shapes["uniform"])).astype(np.float32)
        warmth = np.full((1, 1), temperature, np.float32)
        z: Vector = self._prior.run([self._past], uniform=uniform, temperature=warmth)[0, 0]
        return z


class CompiledEncoder:
    """[render] The encoder of a `.safetensors` model: sound in, latents out, for any number of streams.

    noise   : how many values it takes to draw from the posterior; 0 where there is none
    silence : (latents,) what it makes of silence
    """

    def __init__(self, path: Path) -> None:
        self.card, self.sha256 = read_card(path), sha256(path)
        self._encoder = ModelHalf(path, self.sha256, "encode")
        self.noise = self._encoder.shapes.get("noise", (1, 0))[-1]
        self._path, self.silence = path, rest(self)

    def twin(self) -> CompiledEncoder:
        """Another one, for another thread."""
        return CompiledEncoder(self._path)

    def stream(self) -> CompiledStream:
        """A new one, at its beginning."""
        return self._encoder.stream()

    def encode(self, streams: Sequence[CompiledStream], x: Vector, noise: Vector | None = None) -> Vector:
        """One frame of each: samples (B, channels, ratio) at the model's rate -> (B, latents).

        noise : (B, noise) draws from the posterior, in its deviations; none gives its mean
        """
        inputs = {}
        if self.noise:
            inputs["noise"] = np.zeros((len(streams), self.noise), np.float32) if noise is None else noise
        return self._encoder.run(streams, x=x, **inputs)[:, 0]  # (B, 1, latents) -> (B, latents)
