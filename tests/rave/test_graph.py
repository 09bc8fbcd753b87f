"""The graphs equal the torch modules, for any number of streams and of frames per call."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
import torch
from family import CONFIGS, built

from perform.rave.graph import METHODS
from perform.rave.model import RAVE
from perform.rave.model_files import stored

BATCH = 2


class Streamed:
    """A graph and the memory of its streams."""

    def __init__(self, model: RAVE, method: str, frames: int) -> None:
        self._session = ort.InferenceSession(
            METHODS[method](stored(model), frames), providers=["CPUExecutionProvider"]
        )
        self._inputs = {v.name: v.shape[1:] for v in self._session.get_inputs()}
        self._state: np.ndarray | None = None

    def __call__(self, **inputs: torch.Tensor) -> np.ndarray:
        """Tensors with time last, as for the modules; inputs that the graph does not have are left out."""
        values = {name: value for name, value in inputs.items() if name in self._inputs}
        rows = {name: x if name == "x" else x.transpose(1, 2).contiguous() for name, x in values.items()}
        if self._state is None:
            batch = len(next(iter(values.values())))
            self._state = np.zeros((batch, *self._inputs["state"]), np.float32)
        feed = {name: value.numpy() for name, value in rows.items()}
        y, self._state = self._session.run(None, {**feed, "state": self._state})
        return y


def latents(model: RAVE, frames: int) -> torch.Tensor:
    spread = model.config.codebook or 1
    return spread * torch.randn(BATCH, model.latents, frames)


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("name", CONFIGS)
def test_streams_through_the_graphs_equal_streams_through_the_modules(name: str, frames: int) -> None:
    model = built(name)
    encode, decode, forward = (Streamed(model, method, frames) for method in METHODS)
    encoder, decoder = model.encoder_state(BATCH), model.decoder_state(BATCH)
    through = model.encoder_state(BATCH), model.decoder_state(BATCH)
    mean = torch.zeros(BATCH, model.config.full_latents, frames)
    shape = BATCH, model.config.channels, frames * model.ratio
    with torch.inference_mode():
        for _ in range(12):
            x, noise = 0.3 * torch.randn(shape), torch.randn(BATCH, model.noise, frames)
            heard, encoder = model.encode(x, encoder)
            close(encode(x=x, noise=mean).transpose(0, 2, 1), heard)
            z = latents(model, frames)
            y, decoder = model.decode(z, noise, decoder)
            close(decode(z=z, noise=noise), y)
            z, before = model.encode(x, through[0])
            y, after = model.decode(z, noise, through[1])
            through = before, after
            close(forward(x=x, noise=noise), y)


@pytest.mark.parametrize("frames", [2, 5, 16])
def test_any_number_of_frames_per_call_gives_the_same(frames: int) -> None:
    model = built("noise")
    z, noise = torch.randn(BATCH, model.latents, 80), torch.randn(BATCH, model.noise, 80)

    def played(step: int) -> np.ndarray:
        decode = Streamed(model, "decode", step)
        return np.concatenate(
            [decode(z=z[..., t : t + step], noise=noise[..., t : t + step]) for t in range(0, 80, step)], -1
        )

    assert played(frames) == pytest.approx(played(1), abs=1e-6)


def test_the_encoder_draws_from_the_posterior_with_the_noise_it_is_given() -> None:
    model = built("live")
    x, noise = torch.randn(BATCH, 1, model.ratio), torch.randn(BATCH, 8, 1)
    with torch.inference_mode():
        bands, _ = model.analyse(x, model.encoder_state(BATCH))
        mean, deviation, _ = model.posterior(bands, model.encoder.init_state(BATCH))
        drawn = (mean + deviation * noise)[..., 0]
        wanted = (drawn - model.latent_mean) @ model.latent_pca[:3].T
    close(Streamed(model, "encode", 1)(x=x, noise=noise)[:, 0], wanted)


def close(got: np.ndarray, wanted: torch.Tensor) -> None:
    assert got.shape == tuple(wanted.shape)
    assert np.abs(got - wanted.numpy()).max() < 1e-5 * max(float(wanted.abs().max()), 1e-3)
    assert wanted.abs().max() > 1e-4
