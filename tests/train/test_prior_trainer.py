"""A prior learns what latents do by themselves, and does it again: streamed, seeded, in any player."""

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
from perform.train import prior_trainer as training
from perform.train.corpus import quantise, write
from perform.train.prior_trainer import PriorPlan, PriorTrainer, train_prior
from perform.train.progress import Progress, ProgressListener, Stopped

SMALL = {"steps": 150, "batch": 4, "crop": 96, "width": 16, "layers": 4, "cycle": 4, "evaluate_every": 50}


def turning(frames: int, seed: int) -> Tensor:
    """Four latents (4, frames) of a point that runs round a circle, now this way, now that."""
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
    plan = PriorPlan(Path("none"), Path("none"), Path("none"), **SMALL)
    trainer = PriorTrainer(plan, bare(), [turning(6000, 1)], [turning(1500, 2)])
    while trainer.step < plan.steps:
        trainer.advance()
    return trainer


def test_it_beats_both_guesses_on_what_it_never_heard(trained: PriorTrainer) -> None:
    assert trained.best < 0.9 * min(trained.frame, trained.still)
    assert trained.frame < trained.still < 4 * np.log(32)
    card = {"parameters": 0}
    trained.rave.card = card
    words = trained.model().card["prior"]
    assert f"{trained.best:.2f} nats a held-out frame" in words
    assert f"baselines: {trained.frame:.2f} from the frame before alone" in words


def test_what_it_makes_is_like_what_it_heard(trained: PriorTrainer) -> None:
    prior = trained.model().prior
    assert prior is not None
    heard, made = turning(1500, 3), streamed(prior, torch.rand(900, 1, 8), 1.0)[:, 0].T[:, 100:]
    assert torch.allclose(made.mean(1), heard.mean(1), atol=0.3)
    assert torch.allclose(made.std(1), heard.std(1), rtol=0.25)
    lag = [float(torch.corrcoef(torch.stack([z[0, 2:], z[0, :-2]]))[0, 1]) for z in (heard, made)]
    assert lag[1] == pytest.approx(lag[0], abs=0.15), "it moves as it moved there"
    cold = streamed(prior, torch.rand(60, 2, 8), 1e-4)
    assert torch.equal(prior.choices(cold[:, 0].T), prior.choices(cold[:, 1].T)), "cold it has no choice"


def streamed(prior: Prior, noise: Tensor, temperature: float) -> Tensor:
    """Chance (frames, B, 2 x latents) to latents (frames, B, latents)."""
    state, out = prior.init_state(noise.shape[1]), []
    with torch.inference_mode():
        for row in noise:
            z, state = prior.step(row, state, torch.tensor(temperature))
            out.append(z)
    return torch.stack(out)


def test_streamed_odds_are_those_of_the_whole(trained: PriorTrainer) -> None:
    prior = trained.prior
    turns = training.chosen(prior, turning(200, 4))[None]
    with torch.inference_mode():
        whole, _ = prior.logits(turns, prior.init_state(1)[2:])
        state, parts = prior.init_state(1)[2:], []
        for part in turns.split([1, 1, 30, 100, turns.shape[2] - 132], 2):
            odds, state = prior.logits(part, state)
            parts.append(odds)
    assert torch.allclose(torch.cat(parts, -1), whole, atol=1e-4)


def test_choices_come_back_as_latents_that_were_heard_together(trained: PriorTrainer) -> None:
    prior, z = trained.prior, turning(80, 5)
    turns = training.chosen(prior, z)
    unheard, heard = prior.init_state(1)[1], []
    for frame in range(turns.shape[1]):
        now, unheard = prior.unfold(prior.values(turns[None, :, frame] + 0.5), unheard)
        heard.append(now[0])
    together = torch.stack(heard[3:], 1)  # the first three frames wait for what was chosen before
    assert torch.equal(prior.choices(together), prior.choices(z[:, 3 : 3 + together.shape[1]]))


def test_a_player_draws_what_the_module_does_without_torch(trained: PriorTrainer, tmp_path: Path) -> None:
    path = saved(trained, tmp_path)
    host, prior = CompiledModel(path), load(path).prior
    assert host.has_prior
    assert prior is not None
    assert "nats a held-out frame" in read_card(path).prior
    stream, other = host.stream(), host.stream()
    drawn = [stream.prior(0.8, seed) for seed in range(60)]
    noise = np.stack([np.random.default_rng(seed).random((1, 8)).astype(np.float32) for seed in range(60)])
    wanted = streamed(prior, torch.from_numpy(noise), 0.8)[:, 0]
    assert np.allclose(drawn, wanted.numpy(), atol=1e-4)
    host.render([stream], drawn[-1][None], np.zeros((1, host.noise), np.float32))
    assert np.array_equal([other.prior(0.8, seed) for seed in range(60)], drawn), "a stream of its own"
    stream.reset()
    assert np.array_equal([stream.prior(0.8, seed) for seed in range(60)], drawn)
    stream.reset()
    assert not np.array_equal([stream.prior(0.8, seed + 100) for seed in range(60)], drawn)
    assert onnx_model(load(path), "prior")


def saved(trained: PriorTrainer, folder: Path) -> Path:
    """The trained prior in a tiny model of as many latents."""
    plain = load(tiny_model(folder / "tiny.safetensors"))
    trained.rave = plain
    made = trained.model()
    path = folder / "with.safetensors"
    from perform.rave.model_files import save

    save(path, made, made.card, made.gesture)
    return path


def test_a_codebooks_steps_are_its_entries() -> None:
    model = built("discrete")
    z = torch.randint(0, 20, (3, 500)).float()
    plan = PriorPlan(Path("none"), Path("none"), Path("none"), **SMALL)
    trainer = PriorTrainer(plan, model, [z], [z])
    assert torch.equal(trainer.prior.choices(z), z.long())
    values = trainer.prior.values(torch.randint(0, 20, (50, 3)) + 0.999 * torch.rand(50, 3))
    assert values.min() >= 0
    assert values.max() < 20


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A prepared one: sixteen seconds of tones that come and go."""
    time = np.arange(16 * 48000) / 48000
    sound = 0.3 * np.sin(2 * np.pi * (200 + 50 * np.sin(3 * time)) * time) * (time % 0.7)
    write(tmp_path / "corpus", "tones", 48000, 1, [("tones", "1", quantise(sound[None]), {})])
    return tmp_path / "corpus"


class Interrupting(ProgressListener):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, after: int = 0) -> None:
        self.after, self.seen = after, list[Progress]()

    def progress(self, progress: Progress) -> None:
        self.seen.append(progress)
        if progress.step == self.after:
            os.kill(os.getpid(), signal.SIGINT)


def test_interrupted_and_resumed_it_comes_to_the_same(corpus: Path, tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "m.safetensors")
    plan = PriorPlan(
        corpus, model, tmp_path / "one.safetensors", **{**SMALL, "steps": 12, "evaluate_every": 4}
    )
    straight = train_prior(plan)
    assert load(plan.output).card["prior"] == straight.card["prior"]
    assert torch.equal(load(plan.output).gesture, load(model).gesture)
    other = replace(plan, output=tmp_path / "two.safetensors")
    with pytest.raises(Stopped, match="stopped after step 5 of 12"):
        train_prior(other, Interrupting(after=5))
    assert not other.output.exists()
    with pytest.raises(WrongUse, match="begun before"):
        train_prior(other)
    with pytest.raises(WrongUse, match="another batch"):
        train_prior(replace(other, resume=True, batch=3))
    again = Interrupting()
    resumed = train_prior(replace(other, resume=True), again)
    assert [p.step for p in again.seen] == list(range(6, 13))
    for ours, theirs in zip(straight.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_models_own_file_gets_it_and_the_rest_stays(corpus: Path, tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "m.safetensors")
    before = load(path)
    train_prior(PriorPlan(corpus, path, path, **{**SMALL, "steps": 4}))
    after = load(path)
    assert after.prior is not None
    for name, tensor in before.state_dict().items():
        assert torch.equal(after.state_dict()[name], tensor)
    assert {k: v for k, v in after.card.items() if k not in ("prior", "parameters")} == {
        k: v for k, v in before.card.items() if k != "parameters"
    }
