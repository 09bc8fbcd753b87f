"""Decoding and encoding the next frames of one stream, for offline work: many per call where a model can.

The samples are those of one frame per call.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from perform.engine.compiled_model import CompiledEncoder, CompiledModel, CompiledStream
from perform.engine.protocol import PlayableModel, Stream, StreamingEncoder, Vector


def frames_per_call(model: PlayableModel) -> int:
    """[disk] Return how many frames of a stream the model decodes best at once."""
    return model.frames_per_call if isinstance(model, CompiledModel) else 1


def decode_frames(model: PlayableModel, stream: Stream, z: Vector, noise: Vector) -> Iterator[Vector]:
    """[disk] Decode (n, latents) and (n, noise); yield each frame's samples, (channels, ratio).

    The caller may reset the stream after a frame with NaN or infinity, as `VoiceStream.resample` does.
    """
    if isinstance(model, CompiledModel) and isinstance(stream, CompiledStream):
        before = stream.snapshot()
        y = model.render_frames(stream, z, noise)
        if np.isfinite(y).all():
            yield from y
            return
        stream.restore(before)
    for one, its_noise in zip(z, noise, strict=True):
        yield model.render([stream], one[None], its_noise[None])[0]


def encode_frames(encoder: StreamingEncoder, stream: Stream, x: Vector) -> Vector:
    """[disk] Encode (n, channels, ratio) at the model's rate -> (n, latents)."""
    if isinstance(encoder, CompiledEncoder) and isinstance(stream, CompiledStream):
        return encoder.encode_frames(stream, x)
    return np.concatenate([encoder.encode([stream], frame[None]) for frame in x])
