"""Data augmentation, and the batches of a training: crops and random numbers by seed and step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from perform.rave.config import Config
from perform.train.augmentation import MARGIN, augment
from perform.train.batches import TrainingBatches
from perform.train.corpus import Corpus, Sound
from perform.train.plan import CHANGES

RATE = 16000


def tone(frequency: float) -> Sound:
    time = np.arange(40_000) / RATE
    return (0.3 * np.sin(2 * np.pi * frequency * time) * (1 + np.cos(3 * time)) / 2)[None].astype(np.float32)


def changed(sound: Sound, *kinds: str, seed: int = 3, length: int = 16384) -> Sound:
    return augment(lambda n: sound[:, :n], length, kinds, RATE, np.random.default_rng(seed))


def peak(x: Sound) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(x[0] * np.hanning(x.shape[1]))))) * RATE / x.shape[1]


def test_phase_changes_the_waveform_and_not_the_spectrum() -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal((2, 40_000)).astype(np.float32)
    whole = augment(lambda n: noise[:, :n], 16384, ("phase",), RATE, np.random.default_rng(0))
    given = noise[:, MARGIN : MARGIN + 16384]
    assert np.abs(whole - given).max() > 0.05
    a, b = (np.abs(np.fft.rfft(x * np.hanning(16384))).reshape(2, -1)[:, :8192] for x in (whole, given))
    smooth = [np.square(x).reshape(2, 64, -1).mean(-1) for x in (a, b)]
    assert np.allclose(10 * np.log10(smooth[0] / smooth[1]), 0, atol=1)
    assert np.allclose(whole[0] - given[0] == 0, whole[1] - given[1] == 0)


def test_pitch_moves_a_tone_by_three_semitones_at_most() -> None:
    ratios = [peak(changed(tone(1000), "pitch", seed=seed)) / 1000 for seed in range(20)]
    assert min(ratios) >= 2 ** (-3.1 / 12)
    assert max(ratios) <= 2 ** (3.1 / 12)
    assert np.std(ratios) > 0.05


def test_gain_compression_and_mute_stay_in_range() -> None:
    quiet = tone(500)
    levels = [np.abs(changed(quiet, "gain", seed=seed)).max() for seed in range(30)]
    relative = np.array(levels) / np.abs(quiet[:, :16384]).max()
    assert 0.45 < relative.min() < 0.6
    assert 1.2 < relative.max() < 1.42
    assert np.abs(changed(5 * quiet, "gain")).max() <= 1

    def spread(x: Sound) -> float:
        rows = np.sqrt(np.square(x[0, :16000].reshape(20, -1)).mean(1))
        return float(np.log(rows.max() / rows.min()))

    assert spread(changed(quiet, "compress")) < 0.95 * spread(quiet[:, :16384])
    muted = [not changed(quiet, "mute", seed=seed).any() for seed in range(200)]
    assert 2 <= sum(muted) <= 25


def test_normalize_brings_every_crop_to_full_scale_by_30_db_at_most() -> None:
    for factor, expected in ((3.0, 1.0), (0.2, 1.0), (0.001, 10 ** (30 / 20) * 0.001 * 0.3)):
        sound = (factor * tone(500)).astype(np.float32)
        assert np.abs(changed(sound, "normalize")).max() == pytest.approx(expected, rel=0.01)
    assert not changed(0 * tone(500), "normalize").any(), "silence stays silence"
    assert 0.5 <= np.abs(changed(0.2 * tone(500), "normalize", "gain")).max() <= 1


def test_a_batch_depends_only_on_seed_and_step(corpus: Corpus, tiny: Config) -> None:
    config = replace(tiny, noise_ratios=(2,), noise_taps=3)

    def batches(items: range, seed: int = 1) -> TrainingBatches:
        return TrainingBatches(corpus, config, items, 4096, CHANGES, seed)

    whole = batches(range(4)).batch(7)
    assert whole.x.shape == (4, 1, 4096)
    assert whole.latent_noise.shape == (4, 6, 4096 // tiny.ratio)
    assert whole.noise is not None
    assert whole.noise.shape == (4, 4, 1024)
    assert -1 <= whole.noise.min() < -0.9 < 0.9 < whole.noise.max() <= 1
    for part in (batches(range(2)).batch(7), batches(range(2, 4)).batch(7)):
        assert any(torch.equal(part.x, half) for half in whole.x.chunk(2))
        assert any(torch.equal(part.latent_noise, half) for half in whole.latent_noise.chunk(2))
    following = batches(range(4)).following(6)
    assert [torch.equal(next(following).x, whole.x) for _ in range(3)] == [False, True, False]
    following.close()
    assert not torch.equal(batches(range(4), seed=2).batch(7).x, whole.x)


def test_crops_cover_all_training_sound_and_no_held_out_sound(tiny: Config) -> None:
    signal = np.arange(20_000, dtype=np.int16)[:, None]
    corpus = Corpus("x", signal, RATE, [(1000, 6000), (8000, 9000), (12000, 19000)], [(0, 1000)], "")
    starts = []
    for step in range(200):
        x = TrainingBatches(corpus, tiny, range(1), 512, (), 0).batch(step).x[0, 0] * 32768
        assert torch.equal(x.diff(), torch.ones(511)), "a crop is one stretch of sound"
        starts.append(int(x[0]))
    for start in starts:
        assert any(a <= start <= b - 512 for a, b in corpus.training)
    assert min(starts) < 1500
    assert max(starts) > 18_000
    assert any(8000 <= start < 9000 for start in starts)


@pytest.mark.parametrize("length", [256, 4096])
def test_a_corpus_shorter_than_a_crop_is_padded_with_silence(tiny: Config, length: int) -> None:
    signal = np.full((300, 1), 16384, np.int16)
    corpus = Corpus("x", signal, RATE, [(0, 300)], [(0, 300)], "")
    x = TrainingBatches(corpus, tiny, range(2), length, (), 0).batch(0).x
    assert ((x == 0.5).sum(-1) == min(length, 300)).all()
