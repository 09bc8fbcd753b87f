"""A `.safetensors` model on ONNX Runtime. A frame takes a fifth of the time that TorchScript takes.

Streams that are rendered together are one batch, so the weights are read from memory once.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from safetensors import safe_open

from perform.core.attributes import Attribute
from perform.engine.graph_sessions import CompiledGraph, CompiledStream, Engine, compiled
from perform.engine.protocol import Stream, Vector, silence_latents
from perform.engine.style_state import ACTIONS, SWITCHES, StyleState
from perform.engine.styled_method import StyledMethod
from perform.library.cards import read_card
from perform.library.hashes import sha256

__all__ = ["CompiledEncoder", "CompiledModel", "CompiledStream", "PriorStream"]


class CompiledModel:
    """[render] The decoder of a `.safetensors` model; see `perform.engine.protocol.PlayableModel`.

    engine      : what runs decoder and encoder; PerformError or an error of a library: it cannot
    warm_states : states of a stream by the frames of zeros that it has decoded, for `decoder_reset`
    """

    takes_sound = False

    def __init__(self, path: Path, *, engine: Engine = "processor") -> None:
        self.card, self.sha256 = read_card(path), sha256(path)
        self._engine: Engine = engine
        self._decoder = StyledMethod(path, self.sha256, "decode", engine=engine)
        self.attributes: Sequence[Attribute] = SWITCHES if self._decoder.has_style else ()
        self.actions: Sequence[str] = ACTIONS if self._decoder.has_style else ()
        self.noise = self._decoder.shapes.get("noise", (1, 0))[-1]
        with safe_open(path, framework="numpy") as file:
            self.gesture: Vector = file.get_tensor("gesture")
            self.has_prior = bool(json.loads(file.metadata()["config"]).get("prior"))
        self.warm_states: dict[int, Vector] = {}
        self._path = path
        self._prior = compiled(path, self.sha256, "prior") if self.has_prior else None

    @functools.cached_property
    def encoder(self) -> CompiledEncoder:
        """The model's encoder, loaded when first used."""
        return CompiledEncoder(self._path, engine=self._engine)

    def stream(self) -> CompiledStream:
        """Return a new stream at its beginning."""
        stream = self._decoder.stream()
        return PriorStream(len(stream.state), stream.style, self._prior) if self._prior else stream

    def render(self, streams: Sequence[Stream], z: Vector, noise: Vector) -> Vector:
        """Decode one frame of each stream: (B, latents), (B, noise) -> (B, channels, ratio)."""
        inputs = {"noise": noise} if "noise" in self._decoder.shapes else {}
        return self._decoder.run(cast(Sequence[CompiledStream], streams), z=z, **inputs)

    @property
    def frames_per_call(self) -> int:
        """[disk] How many frames `render_frames` decodes in one call."""
        return self._decoder.runs.call

    def render_frames(self, stream: CompiledStream, z: Vector, noise: Vector) -> Vector:
        """[disk] Decode the next frames of a stream: (n, latents), (n, noise) -> (n, channels, ratio)."""
        inputs = {"noise": noise} if "noise" in self._decoder.shapes else {}
        return self._decoder.run_frames(stream, z=z, **inputs)


class PriorStream(CompiledStream):
    """[render] A stream of a model with a prior, and the state of the prior."""

    def __init__(self, values: int, style: StyleState | None, prior: CompiledGraph) -> None:
        super().__init__(values, style)
        self._prior, self._prior_stream = prior, prior.stream()

    def reset(self) -> None:
        """Return decoder and prior to their beginning."""
        super().reset()
        self._prior_stream.reset()

    def prior(self, temperature: float, seed: int) -> Vector:
        """See `perform.engine.protocol.Stream`; temperature 1 follows the trained probabilities."""
        uniform = np.random.default_rng(seed).random((1, *self._prior.shapes["uniform"])).astype(np.float32)
        scale = np.full((1, 1), temperature, np.float32)
        z: Vector = self._prior.run([self._prior_stream], uniform=uniform, temperature=scale)[0, 0]
        return z


class CompiledEncoder:
    """[render] The encoder of a `.safetensors` model; see `perform.engine.protocol.StreamingEncoder`.

    noise : values of noise per frame that sample the posterior; 0 for models without one
    """

    def __init__(self, path: Path, *, engine: Engine = "processor") -> None:
        self.card, self.sha256 = read_card(path), sha256(path)
        self._encoder = StyledMethod(path, self.sha256, "encode", engine=engine)
        self._engine: Engine = engine
        self.noise = self._encoder.shapes.get("noise", (1, 0))[-1]
        self._path, self.silence = path, silence_latents(self)

    def for_another_thread(self) -> CompiledEncoder:
        """Return an encoder with new sessions, because a session has one set of buffers."""
        return CompiledEncoder(self._path, engine=self._engine)

    def stream(self) -> CompiledStream:
        """Return a new stream at its beginning."""
        return self._encoder.stream()

    def encode(self, streams: Sequence[Stream], x: Vector, noise: Vector | None = None) -> Vector:
        """Encode one frame of each stream: (B, channels, ratio) at the model's rate -> (B, latents).

        noise : (B, noise), standard normal, samples the posterior; None gives its mean
        """
        inputs = {}
        if self.noise:
            inputs["noise"] = np.zeros((len(streams), self.noise), np.float32) if noise is None else noise
        z = self._encoder.run(cast(Sequence[CompiledStream], streams), x=x, **inputs)
        return z[:, 0]  # (B, 1, latents) -> (B, latents)

    def encode_frames(self, stream: CompiledStream, x: Vector) -> Vector:
        """[disk] Encode the next frames of a stream: (n, channels, ratio) -> (n, latents)."""
        inputs = {"noise": np.zeros((len(x), self.noise), np.float32)} if self.noise else {}
        return self._encoder.run_frames(stream, x=x, **inputs)
