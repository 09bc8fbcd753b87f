"""The graphs say what the modules say: for any number of streams, at any number of frames a call."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
import torch

from perform.rave.config import Config
from perform.rave.graph import METHODS
from perform.rave.model import RAVE

V2 = Config(
    capacity=4,
    ratios=(4, 4, 4, 2),
    dilations=((1, 3, 9),) * 3 + ((1, 3),),
    full_latents=8,
    attenuation=100,
    encoder="convolutional",
)
CONFIGS = {
    "small": Config(capacity=4, ratios=(4, 2), dilations=((1, 3), (1,)), full_latents=8),
    "live": Config(capacity=4, full_latents=8),
    "v2": V2,
    "few bands": Config(bands=2, capacity=4, ratios=(3, 2), dilations=((1,), (5,)), full_latents=8),
}
BATCH = 3


class Streamed:
    """A graph and the memory of its streams."""

    def __init__(self, model: RAVE, method: str, frames: int) -> None:
        self._session = ort.InferenceSession(
            METHODS[method](model, frames), providers=["CPUExecutionProvider"]
        )
        self.inputs = {v.name: v.shape[1:] for v in self._session.get_inputs()}
        self._state: np.ndarray | None = None

    def __call__(self, **inputs: torch.Tensor) -> np.ndarray:
        values = {name: value.numpy() for name, value in inputs.items() if name in self.inputs}
        if self._state is None:
            self._state = np.zeros(
                (len(inputs["x" if "x" in inputs else "z"]), *self.inputs["state"]), np.float32
            )
        y, self._state = self._session.run(None, {**values, "state": self._state})
        return y


def built(name: str, latents: int) -> RAVE:
    torch.manual_seed(1)
    model = RAVE(CONFIGS[name]).eval().requires_grad_(False)
    model.fit_latents(torch.randn(100, 8) @ torch.randn(8, 8), latents=latents)
    return model


@pytest.mark.parametrize("frames", [1, 2, 5])
@pytest.mark.parametrize("latents", [3, 8])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_stream_through_the_graphs_equals_one_through_the_modules(
    name: str, latents: int, frames: int
) -> None:
    model = built(name, latents)
    encode, decode, forward = (Streamed(model, method, frames) for method in METHODS)
    encoder, decoder = model.encoder_state(BATCH), model.decoder_state(BATCH)
    straight = [*encoder], [*decoder]
    none = torch.zeros(BATCH, frames, 8)
    with torch.inference_mode():
        for _ in range(20):
            x = 0.3 * torch.randn(BATCH, 1, frames * model.ratio)
            z, noise = torch.randn(BATCH, latents, frames), torch.randn(BATCH, 8 - latents, frames)
            rows = noise.transpose(1, 2).contiguous()
            heard, encoder = model.encode(x, encoder)
            _close(encode(x=x, noise=none), heard.transpose(1, 2))
            y, decoder = model.decode(z, noise, decoder)
            _close(decode(z=z.transpose(1, 2).contiguous(), noise=rows), y)
            through, before = model.encode(x, straight[0])
            y, after = model.decode(through, noise, straight[1])
            straight = before, after
            _close(forward(x=x, noise=rows), y)


def test_the_encoder_draws_from_the_posterior_with_the_noise_it_is_given() -> None:
    model = built("live", 3)
    x, noise = torch.randn(1, 1, model.ratio), torch.randn(1, 1, 8)
    with torch.inference_mode():
        bands, _ = model.pqmf.analyse(x, model.pqmf.analysis_state(1))
        mean, deviation, _ = model.posterior(bands, model.encoder.init_state(1))
        drawn = mean[..., 0] + deviation[..., 0] * noise[:, 0]
        wanted = (drawn - model.latent_mean) @ model.latent_pca[:3].T
    _close(Streamed(model, "encode", 1)(x=x, noise=noise)[:, 0], wanted)


def _close(got: np.ndarray, wanted: torch.Tensor) -> None:
    assert got.shape == tuple(wanted.shape)
    assert np.abs(got - wanted.numpy()).max() < 1e-5 * max(float(wanted.abs().max()), 1e-3)
    assert wanted.abs().max() > 1e-4
