"""A stream that is reset warm has decoded its first frames unheard; a compiled model does that once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_model

from perform.engine.compiled_model import CompiledModel
from perform.engine.decoder_reset import reset
from perform.engine.protocol import Stream, Vector
from perform.rave.config import PriorConfig

PRIOR = PriorConfig(latents=4, resolution=8, width=8, skip=16, kernel=3, layers=4, cycle=2)


class Counted(CompiledModel):
    """Counts the frames that it decodes."""

    decoded = 0

    def render(self, streams: Sequence[Stream], z: Vector, noise: Vector) -> Vector:
        self.decoded += len(streams)
        return super().render(streams, z, noise)


def decoded(model: CompiledModel, frames: int, stream: Stream) -> np.ndarray:
    """Frames of the same latents and noise each time."""
    random = np.random.default_rng(0)
    z, noise = (random.standard_normal((frames, 1, n), np.float32) for n in (model.card.latents, model.noise))
    return np.array([model.render([stream], *each) for each in zip(z, noise, strict=True)])


def warmed_by_hand(model: CompiledModel, stream: Stream) -> Stream:
    for _ in range(3):
        model.render([stream], np.zeros((1, model.card.latents)), np.zeros((1, model.noise)))
    return stream


@pytest.mark.parametrize("shape", [{}, {"adain": True}, {"prior": PRIOR}], ids=["plain", "style", "prior"])
def test_a_warm_reset_decodes_no_frame_but_once(shape: dict[str, object], tmp_path: Path) -> None:
    model = Counted(tiny_model(tmp_path / "tiny.safetensors", **shape))
    wanted = decoded(model, 5, warmed_by_hand(model, model.stream()))
    stream = model.stream()
    for _ in range(3):
        model.decoded = 0
        reset(model, stream, 3)
        counted = model.decoded
        assert np.array_equal(decoded(model, 5, stream), wanted)
    assert counted == 0
    reset(model, stream, 0)
    assert not np.array_equal(decoded(model, 5, stream), wanted)


def test_a_stream_with_a_style_warms_up_with_that_style(tmp_path: Path) -> None:
    model = Counted(tiny_model(tmp_path / "tiny.safetensors", adain=True))
    styled, other = model.stream(), model.stream()
    for stream in (styled, other):
        stream.set("learn_target", 1.0)
    reset(model, styled, 3)
    assert np.array_equal(decoded(model, 5, styled), decoded(model, 5, warmed_by_hand(model, other)))
    assert model.warm_states == {}
