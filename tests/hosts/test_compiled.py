"""Any number of streams share one compiled model; each hears only itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_model

from perform.hosts.compiled import CompiledHost


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny.safetensors")


def test_streams_share_a_model_and_nothing_else(model: Path) -> None:
    host = CompiledHost(model)
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
    host = CompiledHost(model)
    stream = host.stream()
    z, noise = np.random.default_rng(1).standard_normal((2, 8, 1, 4)).astype(np.float32)
    first = [host.render([stream], *frame) for frame in zip(z, noise, strict=True)]
    stream.reset()
    again = [host.render([stream], *frame) for frame in zip(z, noise, strict=True)]
    assert np.array_equal(first, again)
