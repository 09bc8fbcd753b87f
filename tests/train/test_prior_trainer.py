"""Training a prior: it beats its baselines, streams, resumes, and plays the same without torch."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from family import built
from tiny import tiny_model
from torch import Tensor

from perform.core.errors import WrongUse
from perform.engine.compiled_model import CompiledModel
from perform.library.cards import read_card
from perform.rave.config import Config
from perform.rave.export import onnx_model
from perform.rave.model import RAVE
from perform.rave.model_files import load
from perform.rave.prior import Prior
from perform.train.corpus import quantise, write
from perform.train.prior_choices import choices_of
from perform.train.prior_trainer import PriorPlan, PriorTrainer, train_prior
from perform.train.progress import Progress, ProgressListener, Stopped

SMALL = {"steps": 150, "batch": 4, "crop": 96, "width": 16, "layers": 4, "cycle": 4, "evaluate_every": 50}


def turning(frames: int, seed: int) -> Tensor:
    """Four latents (4, frames) of a point that moves on a circle and sometimes turns back."""
    random = np.random.default_rng(seed)
    ways = np.repeat(random.choice([-1.0, 1.0], frames // 40 + 1), 40)[:frames]
    angle = np.cumsum(0.3 * ways) + 0.02 * random.standard_normal(frames)
    z = [2 * np.sin(angle), 0.1 * np.sin(angle + 1) + 5, np.sin(2 * angle), random.standard_normal(frames)]
    return torch.from_numpy(np.stack(z).astype(np.float32))


def bare(latents: int = 4) -> RAVE:
    torch.manual_seed(0)
    model = RAVE(Config(capacity=4, ratios=(4, 2), dilations=((1,), (1,)), full_latents=8))
    model.latents, model.gesture = latents, torch.zeros(3, latents)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def trained() -> PriorTrainer:
    torch.set_num_threads(1)
    plan = PriorPlan((Path("none"),), Path("none"), Path("none"), **SMALL)
    trainer = PriorTrainer(plan, bare(), [turning(6000, 1)], [turning(1500, 2)])
    while trainer.step < plan.steps:
        trainer.advance()
    return trainer


def test_a_prior_beats_both_baselines_on_held_out_latents(trained: PriorTrainer) -> None:
    assert trained.best_loss < 0.9 * min(trained.frame_baseline, trained.frequency_baseline)
    assert trained.frame_baseline < trained.frequency_baseline < 4 * np.log(32)
    card = {"parameters": 0}
    trained.rave.card = card
    words = trained.model().card["prior"]
    assert f"{trained.best_loss:.2f} nats per held-out frame" in words
    assert f"baselines: {trained.frame_baseline:.2f} from the frame before alone" in words


def test_a_prior_generates_latents_like_those_of_its_corpus(trained: PriorTrainer) -> None:
    prior = trained.model().prior
    assert prior is not None
    heard, made = turning(1500, 3), streamed(prior, torch.rand(900, 1, 8), 1.0)[:, 0].T[:, 100:]
    assert torch.allclose(made.mean(1), heard.mean(1), atol=0.3)
    assert torch.allclose(made.std(1), heard.std(1), rtol=0.25)
    lag = [float(torch.corrcoef(torch.stack([z[0, 2:], z[0, :-2]]))[0, 1]) for z in (heard, made)]
    assert lag[1] == pytest.approx(lag[0], abs=0.15), "the same autocorrelation"
    cold = streamed(prior, torch.rand(60, 2, 8), 1e-4)
    assert torch.equal(prior.choices(cold[:, 0].T), prior.choices(cold[:, 1].T)), (
        "at temperature 0 it is deterministic"
    )


def streamed(prior: Prior, noise: Tensor, temperature: float) -> Tensor:
    """Generate latents (frames, B, latents) from random numbers (frames, B, 2 x latents)."""
    state, out = prior.init_state(noise.shape[1]), []
    with torch.inference_mode():
        for row in noise:
            z, state = prior.step(row, state, torch.tensor(temperature))
            out.append(z)
    return torch.stack(out)


def test_a_streamed_prior_equals_the_prior_of_the_whole_sequence(trained: PriorTrainer) -> None:
    prior = trained.prior
    turns = choices_of(prior, turning(200, 4))[None]
    with torch.inference_mode():
        whole, _ = prior.logits(turns, prior.init_state(1)[2:])
        state, parts = prior.init_state(1)[2:], []
        for part in turns.split([1, 1, 30, 100, turns.shape[2] - 132], 2):
            odds, state = prior.logits(part, state)
            parts.append(odds)
    assert torch.allclose(torch.cat(parts, -1), whole, atol=1e-4)


def test_choices_convert_back_to_the_latents_of_one_frame(trained: PriorTrainer) -> None:
    prior, z = trained.prior, turning(80, 5)
    turns = choices_of(prior, z)
    unheard, heard = prior.init_state(1)[1], []
    for frame in range(turns.shape[1]):
        now, unheard = prior.unfold(prior.values(turns[None, :, frame] + 0.5), unheard)
        heard.append(now[0])
    together = torch.stack(heard[3:], 1)  # the first three frames contain choices from before the start
    assert torch.equal(prior.choices(together), prior.choices(z[:, 3 : 3 + together.shape[1]]))


def test_the_compiled_prior_equals_the_torch_prior(trained: PriorTrainer, tmp_path: Path) -> None:
    path = saved(trained, tmp_path)
    host, prior = CompiledModel(path), load(path).prior
    assert host.has_prior
    assert prior is not None
    assert "nats per held-out frame" in read_card(path).prior
    stream, other = host.stream(), host.stream()
    drawn = [stream.prior(0.8, seed) for seed in range(60)]
    noise = np.stack([np.random.default_rng(seed).random((1, 8)).astype(np.float32) for seed in range(60)])
    wanted = streamed(prior, torch.from_numpy(noise), 0.8)[:, 0]
    assert np.allclose(drawn, wanted.numpy(), atol=1e-4)
    host.render([stream], drawn[-1][None], np.zeros((1, host.noise), np.float32))
    assert np.array_equal([other.prior(0.8, seed) for seed in range(60)], drawn), (
        "each stream has its own state"
    )
    stream.reset()
    assert np.array_equal([stream.prior(0.8, seed) for seed in range(60)], drawn)
    stream.reset()
    assert not np.array_equal([stream.prior(0.8, seed + 100) for seed in range(60)], drawn)
    assert onnx_model(load(path), "prior")


def saved(trained: PriorTrainer, folder: Path) -> Path:
    """Save the trained prior in a tiny model with as many latents."""
    plain = load(tiny_model(folder / "tiny.safetensors"))
    trained.rave = plain
    made = trained.model()
    path = folder / "with.safetensors"
    from perform.rave.model_files import save

    save(path, made, made.card, made.gesture)
    return path


def test_the_steps_of_a_codebook_are_its_entries() -> None:
    model = built("discrete")
    z = torch.randint(0, 20, (3, 500)).float()
    plan = PriorPlan((Path("none"),), Path("none"), Path("none"), **SMALL)
    trainer = PriorTrainer(plan, model, [z], [z])
    assert torch.equal(trainer.prior.choices(z), z.long())
    values = trainer.prior.values(torch.randint(0, 20, (50, 3)) + 0.999 * torch.rand(50, 3))
    assert values.min() >= 0
    assert values.max() < 20


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A prepared corpus of sixteen seconds of tones that fade in and out."""
    time = np.arange(16 * 48000) / 48000
    sound = 0.3 * np.sin(2 * np.pi * (200 + 50 * np.sin(3 * time)) * time) * (time % 0.7)
    write(tmp_path / "corpus", "tones", 48000, 1, [("tones", "1", quantise(sound[None]), {})])
    return tmp_path / "corpus"


class Interrupting(ProgressListener):
    """Presses Ctrl-C after a number of steps."""

    def __init__(self, after: int = 0) -> None:
        self.after, self.seen = after, list[Progress]()

    def progress(self, progress: Progress) -> None:
        self.seen.append(progress)
        if progress.step == self.after:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_resumed_prior_training_equals_an_uninterrupted_one(corpus: Path, tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "m.safetensors")
    plan = PriorPlan(
        (corpus,), model, tmp_path / "one.safetensors", **{**SMALL, "steps": 12, "evaluate_every": 4}
    )
    straight = train_prior(plan)
    assert load(plan.output).card["prior"] == straight.card["prior"]
    assert torch.equal(load(plan.output).gesture, load(model).gesture)
    other = replace(plan, output=tmp_path / "two.safetensors")
    with pytest.raises(Stopped, match="stopped after step 5 of 12"):
        train_prior(other, Interrupting(after=5))
    assert not other.output.exists()
    with pytest.raises(WrongUse, match="started before"):
        train_prior(other)
    with pytest.raises(WrongUse, match="another batch"):
        train_prior(replace(other, resume=True, batch=3))
    again = Interrupting()
    resumed = train_prior(replace(other, resume=True), again)
    assert [p.step for p in again.seen] == list(range(6, 13))
    for ours, theirs in zip(straight.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_prior_is_written_into_the_model_file_and_the_rest_stays(corpus: Path, tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "m.safetensors")
    before = load(path)
    train_prior(PriorPlan((corpus,), path, path, **{**SMALL, "steps": 4}))
    after = load(path)
    assert after.prior is not None
    for name, tensor in before.state_dict().items():
        assert torch.equal(after.state_dict()[name], tensor)
    assert {k: v for k, v in after.card.items() if k not in ("prior", "parameters")} == {
        k: v for k, v in before.card.items() if k != "parameters"
    }
