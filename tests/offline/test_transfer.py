"""Timbre transfer: any block sizes, the same length and timing, any pair of models."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_model

from perform.core.errors import WrongUse
from perform.engine.compiled_model import CompiledEncoder, CompiledModel
from perform.engine.latent_resampling import LatentResampler
from perform.library.matrices import by_variance
from perform.offline.transfer import CEILING, Transfer, TransferOptions, learn_matrix

Ends = tuple[CompiledEncoder, CompiledModel]
CENTRED = {"encoder": "convolutional", "padding": "centred", "dilations": ((1, 3), (1, 3))}


@pytest.fixture(autouse=True)
def denormals_again() -> Iterator[None]:
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ends]:
    """Encoders and decoders of models with different rates, ratios, latents and delays."""
    folder = tmp_path_factory.mktemp("ends")
    made = {
        "plain": tiny_model(folder / "plain.safetensors"),
        "coarse": tiny_model(folder / "coarse.safetensors", seed=1, latents=6, ratios=(4, 4, 2), **{
            "dilations": ((1,), (1,), (1,))
        }),
        "slow": tiny_model(folder / "slow.safetensors", sample_rate=32000, seed=2, latents=2),
        "late": tiny_model(folder / "late.safetensors", seed=3, **CENTRED),
        "old": tiny_model(folder / "old.safetensors", seed=4, decoder="v1", **CENTRED),
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERFORM_HOME", str(folder))
        return {name: (CompiledEncoder(path), CompiledModel(path)) for name, path in made.items()}


def sent(through: Transfer, x: np.ndarray, sizes: tuple[int, ...] = (1 << 14,)) -> np.ndarray:
    """Transfer a sound, (n, channels) or (n,), in blocks of these sizes."""
    x, parts, at = (x if x.ndim == 2 else x[:, None]).astype(np.float32), [], 0
    while at < len(x):
        n = sizes[len(parts) % len(sizes)]
        parts.append(through.feed(x[at : at + n]))
        at += n
    return np.concatenate([*parts, through.finish()])


def noise(frames: int, seed: int = 0) -> np.ndarray:
    return 0.2 * np.random.default_rng(seed).standard_normal(frames)


@settings(max_examples=8)
@given(
    st.lists(st.integers(1, 5000), min_size=1, max_size=6),
    st.sampled_from(["plain", "coarse", "slow"]),
    st.sampled_from(["plain", "coarse", "slow"]),
    st.sampled_from([(48000, 48000), (44100, 44100), (22050, 48000)]),
)
def test_block_sizes_do_not_change_the_output(
    ends: dict[str, Ends], sizes: list[int], source: str, target: str, rates: tuple[int, int]
) -> None:
    x = noise(9000)
    sizes[0] = max(sizes[0], 500)
    whole, parts = (Transfer(ends[source][0], ends[target][1], *rates) for _ in range(2))
    y = sent(whole, x, (len(x),))
    assert sent(parts, x, tuple(sizes)) == pytest.approx(y, abs=1e-6)
    assert np.abs(y).max() > 1e-3


@pytest.mark.parametrize("frames", [0, 1, 100, 4801, 30011])
@pytest.mark.parametrize("rates", [(48000, 48000), (44100, 44100), (8000, 96000), (96000, 22050)])
def test_the_output_is_as_long_as_the_input(
    ends: dict[str, Ends], frames: int, rates: tuple[int, int]
) -> None:
    encoder, decoder = ends["plain"]
    y = sent(Transfer(encoder, decoder, *rates), noise(frames))
    assert y.shape == (round(frames * rates[1] / rates[0]), 2)
    assert y.dtype == np.float32
    assert np.abs(y).max(initial=0.0) <= CEILING


@pytest.mark.parametrize(("model", "share"), [("plain", 0.001), ("late", 0.5)])
@pytest.mark.parametrize("rates", [(48000, 48000), (44100, 44100), (44100, 96000)])
def test_an_impulse_keeps_its_time(
    ends: dict[str, Ends], model: str, share: float, rates: tuple[int, int]
) -> None:
    """Its beginning in a causal model, its middle in a centred one."""
    encoder, decoder = ends[model]
    frame_s = decoder.card.ratio / decoder.card.sample_rate
    silence, options = np.zeros(rates[0] // 4), TransferOptions(temperature=0.0)
    nothing, found = sent(Transfer(encoder, decoder, *rates, options=options), silence), []
    for part in range(8):
        x = silence.copy()
        x[rates[0] // 8 + round(part * frame_s * rates[0] / 8)] = 1.0
        y = sent(Transfer(encoder, decoder, *rates, options=options), x)
        energy = np.cumsum(np.square(y - nothing).sum(axis=1))
        found.append(np.searchsorted(energy, share * energy[-1]) / rates[1] - np.argmax(x) / rates[0])
    assert abs(np.mean(found)) < frame_s
    if model == "late":
        assert decoder.card.delay / decoder.card.sample_rate > 4 * frame_s


@pytest.mark.parametrize(("source", "target"), [("late", "old"), ("old", "late")])
def test_an_impulse_keeps_its_time_between_two_models(
    ends: dict[str, Ends], source: str, target: str
) -> None:
    """One decoder has less than half of its model's delay, the other has more."""
    encoder, decoder = ends[source][0], ends[target][1]
    silence, options, found = np.zeros(9600), TransferOptions(temperature=0.0), []
    nothing = sent(Transfer(encoder, decoder, 48000, 48000, options=options), silence)
    for part in range(4):
        x = silence.copy()
        x[4800 + part * 32] = 1.0
        y = sent(Transfer(encoder, decoder, 48000, 48000, options=options), x)
        energy = np.cumsum(np.square(y - nothing).sum(axis=1))
        found.append(np.searchsorted(energy, 0.5 * energy[-1]) - np.argmax(x))
    assert abs(np.mean(found)) < encoder.card.ratio / 2


@pytest.mark.parametrize("source", ["plain", "coarse", "slow", "late"])
@pytest.mark.parametrize("target", ["plain", "coarse", "slow", "late"])
def test_any_encoder_drives_any_decoder(ends: dict[str, Ends], source: str, target: str) -> None:
    x = noise(12000)
    y = sent(Transfer(ends[source][0], ends[target][1], 48000, 48000), x)
    assert y.shape == (12000, 2)
    assert np.isfinite(y).all()
    assert np.abs(y).max() > 1e-4


def test_a_model_with_itself_needs_no_matrix(ends: dict[str, Ends]) -> None:
    encoder, decoder = ends["plain"]
    same = by_variance(encoder.card, encoder.sha256, decoder.card, decoder.sha256)
    x = noise(5000)
    y = sent(Transfer(encoder, decoder, 48000, 48000), x)
    assert sent(Transfer(encoder, decoder, 48000, 48000, matrix=same), x) == pytest.approx(y, abs=1e-5)


def test_scale_and_bias_reach_their_latent(ends: dict[str, Ends]) -> None:
    encoder, decoder = ends["plain"]
    x, still = noise(5000), TransferOptions(dict.fromkeys(range(4), 0.0))
    plain = sent(Transfer(encoder, decoder, 48000, 48000), x)
    for options in (
        TransferOptions({1: 2.0}),
        TransferOptions({}, {1: 0.5}),
        TransferOptions(seed=1),
        TransferOptions(temperature=0.0),
    ):
        assert np.abs(sent(Transfer(encoder, decoder, 48000, 48000, options=options), x) - plain).max() > 1e-4
        again = [sent(Transfer(encoder, decoder, 48000, 48000, options=options), x) for _ in range(2)]
        assert np.array_equal(*again)
    ways = [Transfer(encoder, decoder, 48000, 48000, options=still) for _ in range(2)]
    assert np.array_equal(sent(ways[0], x), sent(ways[1], noise(5000, 1)))  # the input has no effect
    with pytest.raises(WrongUse, match="no latent 4"):
        Transfer(encoder, decoder, 48000, 48000, options=TransferOptions({4: 1.0}))


def test_any_number_of_channels_and_nan_are_accepted(ends: dict[str, Ends]) -> None:
    encoder, decoder = ends["plain"]
    x = noise(5000)
    y = sent(Transfer(encoder, decoder, 48000, 48000), x)
    for channels in (2, 6):
        wide = np.repeat(x[:, None], channels, axis=1)
        assert sent(Transfer(encoder, decoder, 48000, 48000), wide) == pytest.approx(y, abs=1e-4)
    x[100], x[200] = np.nan, np.inf
    assert np.isfinite(sent(Transfer(encoder, decoder, 48000, 48000), x)).all()


@given(st.integers(64, 4096), st.integers(64, 4096), st.integers(1, 200))
def test_resampled_latents_keep_their_time(ratio_in: int, ratio_out: int, frames: int) -> None:
    """A ramp stays a ramp, to within a part of a frame."""
    pace, due = LatentResampler(ratio_in / 48000, ratio_out / 48000), []
    for i in range(frames):
        due += pace(np.array([(i + 0.5) * ratio_in, 1.0]))
    wanted = (np.arange(len(due)) + 0.5) * ratio_out
    reach = max(ratio_in, ratio_out)
    inside = (wanted > reach) & (wanted < frames * ratio_in - reach)
    lines = np.array(due).reshape(-1, 2)
    assert lines[inside, 0] == pytest.approx(
        wanted[inside], abs=1e-6 if ratio_out <= ratio_in else ratio_in / 4
    )
    assert lines[:, 1] == pytest.approx(1.0)
    assert len(due) * ratio_out >= frames * ratio_in - reach - ratio_out


def test_a_matrix_learnt_from_sound_fits_that_sound(ends: dict[str, Ends]) -> None:
    envelope = np.interp(np.arange(96000) / 2000, np.arange(49), np.random.default_rng(0).uniform(0, 1, 49))
    x = (noise(96000) * envelope).astype(np.float32)[:, None]
    for source, target in (("coarse", "plain"), ("plain", "slow")):
        encoders = ends[source][0], ends[target][0]
        made = learn_matrix([([x], 48000)], *encoders)
        assert (made.encoder.sha256, made.decoder.sha256) == tuple(e.sha256 for e in encoders)
        assert made.weight.shape == (encoders[1].card.latents, encoders[0].card.latents)
        y = sent(Transfer(encoders[0], ends[target][1], 48000, 48000, matrix=made), x[:5000])
        assert np.isfinite(y).all()
