"""Any number of streams share one compiled model without affecting each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import tiny_model

from perform.engine.compiled_model import CompiledEncoder, CompiledModel
from perform.library import places
from perform.rave.model_files import load


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny.safetensors")


def test_streams_share_a_model_and_nothing_else(model: Path) -> None:
    playable = CompiledModel(model)
    z, noise = np.random.default_rng(1).standard_normal((2, 20, 3, 4)).astype(np.float32)
    alone = []
    for row in range(3):
        stream = playable.stream()
        alone.append([playable.render([stream], z[t, [row]], noise[t, [row]])[0] for t in range(20)])
    streams = [playable.stream() for _ in range(3)]
    together = [playable.render(streams, z[t], noise[t]) for t in range(20)]
    assert together[0].shape == (3, 1, playable.card.ratio)
    assert np.stack(together, 1) == pytest.approx(np.array(alone), abs=1e-6)


def test_a_stream_that_is_reset_begins_again(model: Path) -> None:
    playable = CompiledModel(model)
    stream = playable.stream()
    z, noise = np.random.default_rng(1).standard_normal((2, 8, 1, 4)).astype(np.float32)
    first = [playable.render([stream], *frame) for frame in zip(z, noise, strict=True)]
    stream.reset()
    again = [playable.render([stream], *frame) for frame in zip(z, noise, strict=True)]
    assert np.array_equal(first, again)


def test_a_batch_is_the_same_every_time(model: Path) -> None:
    playable = CompiledModel(model)
    z, noise = np.random.default_rng(1).standard_normal((2, 8, 5, 4)).astype(np.float32)

    def played() -> list[np.ndarray]:
        streams = [playable.stream() for _ in range(5)]
        return [playable.render(streams, *frame) for frame in zip(z, noise, strict=True)]

    assert np.array_equal(played(), played())


def test_any_streams_may_form_a_batch(model: Path) -> None:
    """The other streams of a batch, and their order, do not change a stream's sound."""
    playable = CompiledModel(model)
    random = np.random.default_rng(3)
    z, noise = random.standard_normal((2, 3, 12, 4)).astype(np.float32)
    alone = []
    for row in range(3):
        stream = playable.stream()
        alone.append([playable.render([stream], z[row, [t]], noise[row, [t]])[0] for t in range(12)])
    streams, at = [playable.stream() for _ in range(3)], np.zeros(3, int)
    while (at < 12).any():
        left = np.flatnonzero(at < 12)
        together = random.permutation(left)[: random.integers(1, len(left) + 1)]
        y = playable.render(
            [streams[i] for i in together], z[together, at[together]], noise[together, at[together]]
        )
        for row, i in enumerate(together):
            assert y[row] == pytest.approx(alone[i][at[i]], abs=1e-6)
        at[together] += 1


def test_the_encoder_equals_the_torch_encoder(model: Path) -> None:
    rave, encoder = load(model), CompiledEncoder(model)
    streams, state = [encoder.stream(), encoder.stream()], rave.encoder_state(2)
    for _ in range(10):
        x = 0.3 * torch.randn(2, 1, rave.ratio)
        z, state = rave.encode(x, state)
        assert encoder.encode(streams, x.numpy()) == pytest.approx(z[..., 0].numpy(), abs=1e-5)


def test_a_truncated_cached_graph_is_compiled_again(model: Path) -> None:
    def first_frame() -> np.ndarray:
        playable = CompiledModel(model)
        return playable.render([playable.stream()], np.ones((1, 4), np.float32), np.zeros((1, 4), np.float32))

    wanted = first_frame()
    (cached,) = places.cache().iterdir()
    whole = cached.read_bytes()
    cached.write_bytes(whole[: len(whole) // 2])
    assert np.array_equal(first_frame(), wanted)
    assert cached.read_bytes() == whole
