"""The compiled decoder says what the modules say."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
import torch

from perform.rave.config import Config
from perform.rave.graph import decoder_graph
from perform.rave.model import RAVE

CONFIGS = {
    "small": Config(capacity=4, ratios=(4, 2), dilations=((1, 3), (1,)), full_latents=8),
    "v2 blocks": Config(
        capacity=4,
        ratios=(4, 4, 4, 2),
        dilations=((1, 3, 9),) * 3 + ((1, 3),),
        full_latents=8,
        attenuation=100,
    ),
}


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("latents", [3, 8])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_stream_through_the_graph_equals_one_through_the_modules(
    name: str, latents: int, frames: int
) -> None:
    torch.manual_seed(1)
    model = RAVE(CONFIGS[name])
    model.fit_latents(torch.randn(100, 8), latents=latents)
    session = ort.InferenceSession(decoder_graph(model, frames), providers=["CPUExecutionProvider"])
    state = model.decoder_state(1)
    states = {f"state{i}": s.numpy() for i, s in enumerate(state)}
    with torch.inference_mode():
        for _ in range(20):
            z, noise = torch.randn(1, latents, frames), torch.randn(1, 8 - latents, frames)
            y, state = model.decode(z, noise, state)
            feed = {"z": z.numpy()} | ({"noise": noise.numpy()} if latents < 8 else {})
            got, *after = session.run(None, feed | states)
            states = {f"state{i}": s for i, s in enumerate(after)}
            assert got.shape == (1, 1, frames * model.ratio)
            assert np.abs(got - y.numpy()).max() < 1e-5
    assert np.abs(y.numpy()).max() > 1e-4
