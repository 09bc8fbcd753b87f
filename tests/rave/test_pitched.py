"""A pitched model finds the pitch of a sound, and plays the pitch that it is given, in blocks of any size."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from blockwise import DecoderStream, EncoderStream
from torch import Tensor

from perform.core.errors import WrongUse
from perform.rave.archive import read
from perform.rave.config import PRESETS, Config
from perform.rave.export import model_in_export, torchscript
from perform.rave.fundamental import Fundamental
from perform.rave.model import RAVE

CONFIG = replace(PRESETS["live_pitch"], capacity=4)
RATE, RATIO = 48000, 512
PITCH, LOUDNESS, NOISE = range(3)


@pytest.fixture(scope="module")
def pitched() -> RAVE:
    """With random weights: the pitch needs no training."""
    torch.manual_seed(0)
    return RAVE(CONFIG).eval().requires_grad_(False)


def bowed(hz: Tensor | float, frames: int) -> Tensor:
    """A sawtooth of ten partials, (1, 1, n); hz: constant, or for each sample."""
    phase = torch.as_tensor(hz, dtype=torch.float64).expand(frames * RATIO).cumsum(0) / RATE
    partials = [torch.sin(2 * math.pi * k * phase) / k for k in range(1, 11)]
    return 0.1 * torch.stack(partials).sum(0).float()[None, None]


def cents(octaves: Tensor, hz: float) -> Tensor:
    return 1200 * (octaves - math.log2(hz / 220)).abs()


def line_hz(y: Tensor, near: float) -> float:
    """The frequency of the partial nearest to `near`, from its phases in two windows."""
    size, hop = 16384, 32
    wave = torch.exp(-2j * math.pi * near / RATE * torch.arange(size)) * torch.hann_window(size)
    first, second = ((y[at : at + size] * wave).sum() for at in (0, hop))
    turn = float((second / first).angle()) / (2 * math.pi) - near * hop / RATE
    return near + (turn - round(turn)) * RATE / hop


def test_the_pitch_of_every_note_is_found_within_five_cents(pitched: RAVE) -> None:
    for key in range(36, 91, 6):  # C2 to F sharp 6
        hz = 440 * 2 ** ((key - 69) / 12)
        z, _ = pitched.encode(bowed(hz, 24), pitched.encoder_state(1))
        assert cents(z[0, PITCH, 8:], hz).max() < (5 if hz < 1000 else 10), key
        assert z[0, NOISE, 8:].max() < 0.05
        assert z[0, LOUDNESS, 12] == pytest.approx((-20.1 + 24) / 12 + 0.13, abs=0.4)


def test_noise_and_silence_have_no_pitch_and_hold_the_last(pitched: RAVE) -> None:
    tone, hiss = bowed(330.0, 20), 0.1 * torch.randn(1, 1, 20 * RATIO)
    z, _ = pitched.encode(torch.cat([tone, hiss, torch.zeros_like(hiss)], 2), pitched.encoder_state(1))
    assert cents(z[0, PITCH, 8:], 330.0).max() < 30
    assert z[0, NOISE, 24:40].min() > 0.3
    assert z[0, NOISE, 44:].min() == 1 and z[0, LOUDNESS, 44:].max() < -4


def test_a_pitch_is_as_old_as_is_stated() -> None:
    layer = Fundamental(RATE, RATIO)
    time = torch.arange(60 * RATIO) / RATE
    hz = 300 * 2 ** (time / 0.5)  # two octaves a second: a delay is a lower pitch
    z, _ = layer(bowed(hz, 60), layer.init_state(1))
    ends = (torch.arange(60) + 1) * RATIO / RATE
    late = (math.log2(300 / 220) + ends / 0.5 - z[0, PITCH])[10:] * 0.5
    assert float(late.mean()) == pytest.approx(0.010, abs=0.003)


@pytest.mark.parametrize("key", [36, 57, 81])
def test_a_note_is_played_in_tune_by_hand(pitched: RAVE, key: int) -> None:
    hz = 440 * 2 ** ((key - 69) / 12)
    z = torch.zeros(1, 8, 60)
    z[:, PITCH] = math.log2(hz / 220)
    y, _ = pitched.decode(z, torch.zeros(1, pitched.noise, 60), pitched.decoder_state(1))
    assert abs(1200 * math.log2(line_hz(y[0, 0, 2048:].double(), hz) / hz)) < 0.1


def test_a_glide_of_two_octaves_has_no_click(pitched: RAVE) -> None:
    z = torch.zeros(1, 8, 90)
    z[:, PITCH] = torch.linspace(-1, 1, 90)
    silent = torch.zeros(1, pitched.noise, 90)
    y = pitched.decode(z, silent, pitched.decoder_state(1))[0][0, 0]
    steady = []
    for pitch in (-1.0, 1.0):
        z[:, PITCH] = pitch
        steady.append(pitched.decode(z, silent, pitched.decoder_state(1))[0][0, 0])
    largest = max(float(one[8000:].diff(n=2).abs().max()) for one in steady)
    assert y[2000:].diff(n=2).abs().max() < 1.5 * largest


def test_the_noise_latent_fades_the_harmonics_out(pitched: RAVE) -> None:
    z, silent = torch.zeros(1, 8, 30), torch.zeros(1, pitched.noise, 30)
    z[:, NOISE] = 1
    y, _ = pitched.decode(z, silent, pitched.decoder_state(1))
    assert not y.any()
    noise = torch.randn(1, pitched.noise, 30)
    y, _ = pitched.decode(z, noise, pitched.decoder_state(1))
    assert y.std() > 1e-4, "the noise branch is awake before any training"
    z[:, LOUDNESS] = -1
    softer, _ = pitched.decode(z, noise, pitched.decoder_state(1))
    assert 20 * math.log10(y.std() / softer.std()) > 4


@pytest.mark.parametrize("size", [16, 500, 513, 8193])
def test_streamed_equals_whole_at_awkward_sizes(pitched: RAVE, size: int) -> None:
    torch.manual_seed(2)
    x = bowed(220 + 40 * torch.sin(torch.arange(40 * RATIO) / 5000), 40) + 0.01 * torch.randn(
        1, 1, 40 * RATIO
    )
    whole, _ = pitched.encode(x, pitched.encoder_state(1))
    stream = EncoderStream(pitched)
    z = torch.cat([stream.push(part) for part in x.split(size, 2)], 2)
    assert (z - whole).abs().max() < 1e-4
    noise = torch.randn(1, pitched.noise, 40)
    y, _ = pitched.decode(whole, noise, pitched.decoder_state(1))
    player, parts = DecoderStream(pitched), []
    at = 0
    for begin in range(0, y.shape[2], size):
        samples = min(size, y.shape[2] - begin)
        frames = player.missing(samples)
        if frames:
            player.push(whole[..., at : at + frames], noise[..., at : at + frames])
        at += frames
        parts.append(player.pull(samples))
    assert (torch.cat(parts, 2) - y).abs().max() < 2e-5


def test_an_export_names_its_latents_and_can_be_imported_again(pitched: RAVE, tmp_path: Path) -> None:
    pitched.gesture, pitched.card = torch.zeros(3, 8), {"name": "Tiny", "licence": "CC0-1.0"}
    path = tmp_path / "x.ts"
    path.write_bytes(torchscript(pitched, 2))
    module = torch.jit.load(path)
    labels = [
        f"(signal) {name}" for name in ("pitch", "loudness", "noise", *(f"timbre {i}" for i in range(1, 6)))
    ]
    assert module.encode_output_labels == module.decode_input_labels == labels
    again = model_in_export(read(path))
    assert again and again.config == CONFIG
    z, noise = torch.randn(1, 8, 6), torch.randn(1, pitched.noise, 6)
    with torch.inference_mode():
        first, second = (one.decode(z, noise, one.decoder_state(1))[0] for one in (pitched, again))
    assert np.array_equal(first, second)


def test_a_config_that_is_only_half_pitched_is_refused() -> None:
    values = CONFIG.to_dict()
    for changed in ({"encoder": "spectral"}, {"harmonics": 0}, {"channels": 2}, {"full_latents": 3}):
        with pytest.raises(WrongUse, match="pitched"):
            Config.from_dict(values | changed)
