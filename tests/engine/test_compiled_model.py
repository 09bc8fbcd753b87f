"""Any number of streams share one compiled model; each hears only itself."""

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
    host = CompiledModel(model)
    z, noise = np.random.default_rng(1).standard_normal((2, 20, 3, 4)).astype(np.float32)
    alone = []
    for row in range(3):
        stream = host.stream()
        alone.append([host.render([stream], z[t, [row]], noise[t, [row]])[0] for t in range(20)])
    streams = [host.stream() for _ in range(3)]
    together = [host.render(streams, z[t], noise[t]) for t in range(20)]
    assert together[0].shape == (3, 1, host.card.ratio)
    assert np.stack(together, 1) == pytest.approx(np.array(alone), abs=1e-6)


def test_a_stream_that_is_reset_begins_again(model: Path) -> None:
    host = CompiledModel(model)
    stream = host.stream()
    z, noise = np.random.default_rng(1).standard_normal((2, 8, 1, 4)).astype(np.float32)
    first = [host.render([stream], *frame) for frame in zip(z, noise, strict=True)]
    stream.reset()
    again = [host.render([stream], *frame) for frame in zip(z, noise, strict=True)]
    assert np.array_equal(first, again)


def test_a_batch_is_the_same_every_time(model: Path) -> None:
    host = CompiledModel(model)
    z, noise = np.random.default_rng(1).standard_normal((2, 8, 5, 4)).astype(np.float32)

    def played() -> list[np.ndarray]:
        streams = [host.stream() for _ in range(5)]
        return [host.render(streams, *frame) for frame in zip(z, noise, strict=True)]

    assert np.array_equal(played(), played())


def test_streams_may_come_together_in_any_company(model: Path) -> None:
    """Who else is in a frame's batch, and in which row, is nothing a stream can hear."""
    host = CompiledModel(model)
    random = np.random.default_rng(3)
    z, noise = random.standard_normal((2, 3, 12, 4)).astype(np.float32)
    alone = []
    for row in range(3):
        stream = host.stream()
        alone.append([host.render([stream], z[row, [t]], noise[row, [t]])[0] for t in range(12)])
    streams, at = [host.stream() for _ in range(3)], np.zeros(3, int)
    while (at < 12).any():
        left = np.flatnonzero(at < 12)
        together = random.permutation(left)[: random.integers(1, len(left) + 1)]
        y = host.render(
            [streams[i] for i in together], z[together, at[together]], noise[together, at[together]]
        )
        for row, i in enumerate(together):
            assert y[row] == pytest.approx(alone[i][at[i]], abs=1e-6)
        at[together] += 1


def test_the_encoder_hears_what_the_modules_hear(model: Path) -> None:
    rave, encoder = load(model), CompiledEncoder(model)
    streams, state = [encoder.stream(), encoder.stream()], rave.encoder_state(2)
    for _ in range(10):
        x = 0.3 * torch.randn(2, 1, rave.ratio)
        z, state = rave.encode(x, state)
        assert encoder.encode(streams, x.numpy()) == pytest.approx(z[..., 0].numpy(), abs=1e-5)


def test_a_cached_graph_that_was_cut_short_is_made_again(model: Path) -> None:
    def first_frame() -> np.ndarray:
        host = CompiledModel(model)
        return host.render([host.stream()], np.ones((1, 4), np.float32), np.zeros((1, 4), np.float32))

    wanted = first_frame()
    (cached,) = places.cache().iterdir()
    whole = cached.read_bytes()
    cached.write_bytes(whole[: len(whole) // 2])
    assert np.array_equal(first_frame(), wanted)
    assert cached.read_bytes() == whole
