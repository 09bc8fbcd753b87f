import pytest
import torch
from small import SMALL, one_thread_and_one_seed, tiny

from perform.rave.model import RAVE

__all__ = ["one_thread_and_one_seed", "tiny"]


@pytest.fixture
def model() -> RAVE:
    """A tiny model whose projection is a real one and keeps 3 of 6 latents."""
    torch.manual_seed(1)
    model = RAVE(SMALL).eval().requires_grad_(False)
    model.fit_latents(torch.randn(50, 6) @ torch.randn(6, 6), latents=3)
    return model
