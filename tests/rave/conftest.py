import pytest
import torch

from perform.rave.config import Config
from perform.rave.model import RAVE

TINY = Config(
    sample_rate=16000,
    bands=4,
    capacity=4,
    ratios=(4, 2),
    dilations=((1, 3), (1, 2)),
    full_latents=6,
)


@pytest.fixture(autouse=True)
def one_thread_and_one_seed() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def tiny() -> Config:
    return TINY


@pytest.fixture
def model() -> RAVE:
    """A tiny model whose projection is a real one and keeps 3 of 6 latents."""
    torch.manual_seed(1)
    model = RAVE(TINY).eval().requires_grad_(False)
    model.fit_latents(torch.randn(50, 6) @ torch.randn(6, 6), latents=3)
    return model
