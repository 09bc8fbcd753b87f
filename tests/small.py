"""A RAVE small enough to learn in a test, and tests that learn the same each time."""

from __future__ import annotations

import pytest
import torch

from perform.rave.config import Config

SMALL = Config(
    sample_rate=16000, bands=4, capacity=4, ratios=(4, 2), dilations=((1, 3), (1, 2)), full_latents=6
)


@pytest.fixture(autouse=True)
def one_thread_and_one_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def tiny() -> Config:
    return SMALL
