from pathlib import Path

import numpy as np
import pytest
import soundfile
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


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds of decaying noise bursts over a hum, in two files of different rates and channels."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(1)
    for name, rate, channels in (("a.wav", 22050, 2), ("b.flac", 16000, 1)):
        time = np.arange(4 * rate) / rate
        bursts = rng.standard_normal((len(time), channels)) * np.exp(-8 * (time % 0.5))[:, None]
        soundfile.write(folder / name, 0.1 * bursts + 0.1 * np.sin(2760 * time)[:, None], rate)
    return folder
