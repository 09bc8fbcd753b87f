import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from perform.rave.data import Corpus, find, read, split
from perform.rave.losses import FULL_SCALES, audio_distance, divergence, spectral_distance
from perform.rave.train import Progress, Stopped, snapshot, train
from perform.rave.trainer import TrainOptions

from perform.errors import PerformError, WrongUse
from perform.rave.config import Config
from perform.rave.files import load
from perform.rave.pqmf import PQMF


def options(corpus: Path, output: Path, config: Config, steps: int = 12) -> TrainOptions:
    return TrainOptions(
        corpus, output, "Tiny", config=config, steps=steps, latents=3, batch=2, crop=4096, evaluate_every=4
    )


def test_training_learns_and_its_file_loads(corpus: Path, tmp_path: Path, tiny: Config) -> None:
    seen: list[Progress] = []
    train(options(corpus, tmp_path / "m.safetensors", tiny, steps=120), seen.append)
    first, last = (np.mean([p.loss for p in part]) for part in (seen[:10], seen[-10:]))
    assert last < 0.6 * first
    assert [p.step for p in seen] == list(range(1, 121))
    assert seen[-1].eta_s == 0
    model = load(tmp_path / "m.safetensors")
    assert model.card["distance"] < 0.6 * model.card["distance_untrained"]
    assert model.card["steps"] == 120
    assert model.gesture.shape[1] == model.latents == 3
    assert len(model.card["latent_std"]) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"encoder": "v1", "decoder": "v1", "padding": "centred", "noise_ratios": (2, 2), "noise_taps": 3},
        {"encoder": "convolutional", "padding": "causal", "activation": "snake", "adain": True},
        {"encoder": "convolutional", "padding": "centred", "noise_ratios": (2,), "noise_taps": 3},
    ],
    ids=["v1", "v3 causal", "noise"],
)
def test_the_family_learns(corpus: Path, tmp_path: Path, tiny: Config, change: dict[str, Any]) -> None:
    seen: list[Progress] = []
    train(options(corpus, tmp_path / "m.safetensors", replace(tiny, **change), steps=100), seen.append)
    first, last = (np.mean([p.loss for p in part]) for part in (seen[:10], seen[-10:]))
    assert last < 0.8 * first
    card = load(tmp_path / "m.safetensors").card
    assert card["distance"] < 0.8 * card["distance_untrained"], "so what is trained is what is saved"


@pytest.mark.parametrize(
    "change",
    [{"bottleneck": "spherical"}, {"channels": 2}, {"resampling": 2}],
    ids=["sphere", "stereo", "rate"],
)
def test_what_cannot_be_trained_says_so(
    corpus: Path, tmp_path: Path, tiny: Config, change: dict[str, Any]
) -> None:
    with pytest.raises(WrongUse, match="mono models with a variational bottleneck"):
        train(options(corpus, tmp_path / "m.safetensors", replace(tiny, **change)))


def test_a_crop_shorter_than_the_delay_is_refused(corpus: Path, tmp_path: Path) -> None:
    late = Config(
        sample_rate=16000, bands=4, capacity=2, encoder="convolutional", padding="centred", full_latents=4
    )
    with pytest.raises(WrongUse, match="but this config's sound comes"):
        train(options(corpus, tmp_path / "m.safetensors", late))


def test_resumed_equals_unbroken(corpus: Path, tmp_path: Path, tiny: Config) -> None:
    whole = train(options(corpus, tmp_path / "whole.safetensors", tiny))

    def interrupt(progress: Progress) -> None:
        if progress.step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    broken = options(corpus, tmp_path / "broken.safetensors", tiny)
    with pytest.raises(Stopped, match=r"after step 5 of 12.*--resume"):
        train(broken, interrupt)
    assert not broken.output.exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed: list[Progress] = []
    again = train(replace(broken, resume=True), resumed.append)
    assert resumed[0].step == 6
    for name, tensor in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    assert load(broken.output).card == load(tmp_path / "whole.safetensors").card


def test_another_seed_is_another_model(corpus: Path, tmp_path: Path, tiny: Config) -> None:
    one = options(corpus, tmp_path / "one.safetensors", tiny, steps=2)
    a, b = train(one), train(replace(one, seed=5, output=tmp_path / "two.safetensors"))
    assert not torch.equal(a.decoder.net.init_state(1)[0], a.latent_pca)
    assert not torch.equal(a.latent_mean, b.latent_mean)


def test_snapshot_writes_the_model_and_leaves_the_training(
    corpus: Path, tmp_path: Path, tiny: Config
) -> None:
    here = options(corpus, tmp_path / "m.safetensors", tiny, steps=4)
    train(here)
    finished, checkpoint = load(here.output), here.checkpoint.read_bytes()
    here.output.unlink()
    snapshot(here)
    assert load(here.output).card == finished.card
    assert torch.equal(load(here.output).gesture, finished.gesture)
    assert here.checkpoint.read_bytes() == checkpoint


def test_training_refuses(corpus: Path, tmp_path: Path, tiny: Config) -> None:
    here = options(corpus, tmp_path / "m.safetensors", tiny, steps=1)
    with pytest.raises(WrongUse, match="no checkpoint"):
        train(replace(here, resume=True))
    with pytest.raises(WrongUse, match="crop of 5000"):
        train(replace(here, crop=5000))
    with pytest.raises(WrongUse, match="no such corpus"):
        train(replace(here, corpus=tmp_path / "nowhere"))
    train(here)
    with pytest.raises(WrongUse, match="begun before"):
        train(here)
    with pytest.raises(WrongUse, match="another seed"):
        train(replace(here, resume=True, seed=9))
    here.checkpoint.write_bytes(b"not a checkpoint")
    with pytest.raises(WrongUse, match="not a checkpoint"):
        train(replace(here, resume=True))


def test_a_loss_that_is_no_number_stops_with_a_hint(corpus: Path, tmp_path: Path, tiny: Config) -> None:
    wild = replace(options(corpus, tmp_path / "m.safetensors", tiny, steps=50), rate=1e30)
    with pytest.raises(PerformError, match=r"not a number.*lower learning rate"):
        train(wild)


def test_corpus_is_mono_at_the_models_rate(corpus: Path, tmp_path: Path) -> None:
    seen = Corpus.open(corpus, 16000, tmp_path)
    assert len(seen.signal) == pytest.approx(8 * 16000, abs=8)
    crops = seen.crops(5, 4096, torch.Generator().manual_seed(1))
    assert crops.shape == (5, 1, 4096)
    assert torch.equal(crops, seen.crops(5, 4096, torch.Generator().manual_seed(1)))
    spectrum = np.abs(np.fft.rfft(seen.signal[: 2 * 16000]))
    assert np.argmax(spectrum) / 2 == pytest.approx(2760 / (2 * np.pi), abs=1)


def test_unreadable_files_are_skipped_with_a_reason(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "good.wav").write_bytes((corpus / "a.wav").read_bytes())
    (folder / "bad.wav").write_bytes(b"RIFF and then nothing")
    soundfile.write(folder / "empty.wav", np.zeros(0), 16000)
    (folder / "notes.txt").write_text("not a sound")
    skipped: dict[str, str] = {}
    Corpus.open(folder, 16000, tmp_path / "cache", lambda path, why: skipped.update({path.name: why}))
    assert skipped.keys() == {"bad.wav", "empty.wav"}
    assert "no samples" in skipped["empty.wav"]
    (folder / "good.wav").unlink()
    with pytest.raises(WrongUse, match="no sound file could be read"):
        Corpus.open(folder, 16000, tmp_path / "cache")
    with pytest.raises(WrongUse, match="cannot be read"):
        read(folder / "bad.wav", 16000)
    with pytest.raises(WrongUse, match="no sound files"):
        find(tmp_path / "cache")


def test_held_out_audio_is_never_trained_on() -> None:
    training, held_out = split(600 * 100, 100)
    marks = np.zeros(600 * 100, int)
    for start, end in training + held_out:
        marks[start:end] += 1
    assert (marks == 1).all(), "every sample is in one stretch and one only"
    assert sum(end - start for start, end in held_out) == pytest.approx(6000, abs=4)


def test_distance_knows_level_pitch_and_nothing_of_phase() -> None:
    time = torch.arange(16000) / 16000
    tone = 0.5 * torch.sin(2 * torch.pi * 440 * time)[None]
    shifted = 0.5 * torch.cos(2 * torch.pi * 440 * time)[None]
    other = 0.5 * torch.sin(2 * torch.pi * 880 * time)[None]
    same = spectral_distance(tone, tone, FULL_SCALES)
    assert same == 0
    near = spectral_distance(tone, shifted, FULL_SCALES)
    assert near < 0.3 * spectral_distance(tone, other, FULL_SCALES)
    assert near < 0.3 * spectral_distance(tone, 0.1 * tone, FULL_SCALES)
    pqmf = PQMF(4, 40)
    assert audio_distance(tone[None], other[None], pqmf) > spectral_distance(tone, other, FULL_SCALES)


def test_distance_has_a_finite_slope_at_silence() -> None:
    x, y = torch.zeros(1, 4096), torch.zeros(1, 4096, requires_grad=True)
    torch.autograd.backward(spectral_distance(x + 0.1, y, FULL_SCALES))
    assert y.grad is not None
    assert torch.isfinite(y.grad).all()


def test_divergence_of_a_standard_normal_is_none() -> None:
    mean, std = torch.zeros(2, 6, 5), torch.ones(2, 6, 5)
    assert divergence(mean, std) == 0
    assert divergence(mean + 1, std) == pytest.approx(3)
