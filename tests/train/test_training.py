"""A training: both phases, every architecture, resuming, rollbacks, snapshots and error messages."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from perform.core.errors import PerformError, WrongUse
from perform.rave.config import PRESETS, Config
from perform.rave.model import RAVE
from perform.rave.model_files import load
from perform.train import checkpoint, loop
from perform.train import plan as planning
from perform.train.autoencoder import Autoencoder, default_crop
from perform.train.batches import TrainingBatch
from perform.train.corpus import Corpus, quantise, write
from perform.train.finishing import fixed_noise, reconstruct
from perform.train.health import Measurement, failure, improvement, reached_plateau, verdict
from perform.train.loop import snapshot, train
from perform.train.plan import OPTIONS, TrainingPlan, configured, planned
from perform.train.processes import joined_processes
from perform.train.progress import Progress, ProgressListener, Stopped
from perform.train.trainer import Trainer
from perform.train.weight_norm import convolutions

from .conftest import bursts


class RecordingListener(ProgressListener):
    """Records all reports, and calls a function at given steps."""

    def __init__(self, at: dict[int, Callable[[], None]] | None = None) -> None:
        self.steps: list[Progress] = []
        self.lines: list[str] = []
        self._at = at or {}

    def progress(self, progress: Progress) -> None:
        self.steps.append(progress)
        self._at.get(progress.step, lambda: None)()

    def log(self, line: str) -> None:
        self.lines.append(line)


def plan(corpus: Path, output: Path, config: Config, **changes: Any) -> TrainingPlan:
    usual = {"steps": 12, "adversarial": 0, "latents": 3, "batch": 2, "crop": 4096, "evaluate_every": 4}
    usual |= {"device": "cpu", "precision": "float32"}
    return TrainingPlan((corpus,), output, "Tiny", config=config, **{**usual, **changes})


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_both_phases_learn_and_their_file_loads(corpus_folder: Path, tmp_path: Path, tiny: Config) -> None:
    listener, output = RecordingListener(), tmp_path / "m.safetensors"
    train(plan(corpus_folder, output, tiny, steps=90, adversarial=20, evaluate_every=30), listener)
    first, last = (np.mean([p.loss for p in part]) for part in (listener.steps[:10], listener.steps[80:90]))
    assert last < 0.6 * first
    assert [p.step for p in listener.steps] == list(range(1, 111))
    assert [p.phase for p in listener.steps] == 90 * [1] + 20 * [2]
    assert listener.steps[-1].eta_s == 0
    assert listener.steps[-1].improvement == pytest.approx(
        100 * (1 - listener.steps[-1].distance / 32), abs=25
    )
    card = load(output).card
    assert card["distance"] < 0.7 * card["distance_untrained"]
    assert card["steps"] == 110
    assert card["distance_spectral"] > 0
    assert load(output).gesture.shape[1] == len(card["latent_std"]) == card["latents"] == 3
    page = (tmp_path / "m.safetensors.training" / "report.html").read_text()
    assert page.count("data:image/png") >= 3
    assert "data:audio/wav" in page
    assert "http" not in page, "it needs no network"
    assert any("measured with an impulse" in line for line in listener.lines)


FAMILY: dict[str, dict[str, Any]] = {
    "v1": {"encoder": "v1", "decoder": "v1", "padding": "centred", "noise_ratios": (2, 2), "noise_taps": 3},
    "v3 causal": {"encoder": "convolutional", "padding": "causal", "activation": "snake", "adain": True},
    "noise": {"encoder": "convolutional", "padding": "centred", "noise_ratios": (2,), "noise_taps": 3},
    "wasserstein": {"bottleneck": "wasserstein", "noise_latents": 2},
    "spherical": {"bottleneck": "spherical"},
    "discrete": {"bottleneck": "discrete", "quantizers": 2, "codebook": 16, "noise_latents": 2},
    "stereo": {"channels": 2},
    "without bank": {"encoder": "convolutional", "decoder_ratios": (8, 4)},
}


@pytest.mark.parametrize("change", FAMILY.values(), ids=FAMILY)
def test_every_architecture_learns(tmp_path: Path, tiny: Config, change: dict[str, Any]) -> None:
    config, output = replace(tiny, **change), tmp_path / "m.safetensors"
    sound = quantise(bursts(8, config.channels))
    write(tmp_path / "corpus", "bursts", 16000, config.channels, [("a", "1", sound, {})])
    here = plan(tmp_path / "corpus", output, config, steps=60, adversarial=3, latents=None, evaluate_every=60)
    listener = RecordingListener()
    train(replace(here, discriminators=("spectrum",)), listener)
    first, last = (np.mean([p.loss for p in part]) for part in (listener.steps[:6], listener.steps[50:60]))
    share = (
        0.95 if config.decoder_ratios else 0.85
    )  # without the bank an untrained model is closer to silence
    assert last < share * first
    card = load(output).card
    assert card["distance"] < share * card["distance_untrained"], "the saved model is the trained one"


@pytest.mark.parametrize("change", FAMILY.values(), ids=FAMILY)
def test_every_architecture_takes_a_step_in_bfloat16(
    tmp_path: Path, tiny: Config, change: dict[str, Any]
) -> None:
    config = replace(tiny, **change)
    sound = quantise(bursts(4, config.channels))
    write(tmp_path / "corpus", "bursts", 16000, config.channels, [("a", "1", sound, {})])
    here = plan(tmp_path / "corpus", tmp_path / "m.safetensors", config, steps=1, latents=None)
    listener = RecordingListener()
    train(replace(here, precision="bfloat16", adversarial=2, discriminators=("scale",)), listener)
    assert [np.isfinite(p.loss) for p in listener.steps] == 3 * [True]


def test_the_card_is_measured_with_the_noise_of_a_played_model(
    corpus_folder: Path, tmp_path: Path, tiny: Config
) -> None:
    config = replace(tiny, noise_ratios=(2,), noise_taps=3, noise_hidden=4)
    model = train(plan(corpus_folder, tmp_path / "m.safetensors", config, steps=1))
    noise = fixed_noise(model, 1, len(model.gesture))
    sounds = []
    for share in (0.0, 1.0):
        noise[:, model.missing :] *= share
        y, _ = model.decode(model.gesture.T[None], noise, model.decoder_state(1))
        sounds.append(y)
        noise = fixed_noise(model, 1, len(model.gesture))
    assert not torch.equal(*sounds), "the model has a noise synthesiser"
    level = 20 * torch.log10(sounds[1].square().mean().sqrt())
    assert model.card["loudness_db"] == pytest.approx(float(level), abs=0.01)
    x = torch.from_numpy(np.float32(bursts(1)))[None]
    z, _ = model.encode(x, model.encoder_state(1))
    noise = fixed_noise(model, 1, z.shape[-1])
    noise[:, : model.missing] = 0
    y, _ = model.decode(z, noise, model.decoder_state(1))
    given, made = reconstruct(model, x)
    assert torch.equal(made, y[..., model.delay :][..., : given.shape[-1]])


@pytest.mark.parametrize("ratios", [(), (8, 4)], ids=["bands", "samples"])
@pytest.mark.parametrize("padding", ["newest", "causal", "centred"])
def test_the_training_pass_equals_the_stream(tiny: Config, padding: str, ratios: tuple[int, ...]) -> None:
    config = replace(tiny, encoder="convolutional", padding=padding, full_latents=3, decoder_ratios=ratios)
    model = RAVE(config)
    for layer in convolutions(model):
        torch.nn.init.normal_(layer.weight, std=layer.weight[0].numel() ** -0.5)
    learner, x = Autoencoder(model.requires_grad_(False), 0), 0.3 * torch.randn(1, 1, 8192)
    given, made = reconstruct(model, x)
    passed = learner.aligned(learner(x, torch.zeros(1, 3, 8192 // model.ratio), None))
    whole = made.shape[-1]
    assert made.std() > 1e-3
    assert torch.equal(passed.x[..., :whole], given)
    assert torch.allclose(passed.y[..., :whole], made, atol=1e-5)
    bands = model.pqmf.analyse(passed.y[..., : whole // 128 * 128], model.pqmf.analysis_state(1))[0]
    late = model.pqmf.delay // 4 + 16
    assert passed.y_bands.shape == passed.x_bands.shape
    assert bands[..., late:].square().mean() == pytest.approx(passed.y_bands.square().mean(), rel=0.3)
    assert default_crop(model) >= 4 * model.delay


def test_a_resumed_training_equals_an_uninterrupted_one_in_both_phases(
    corpus_folder: Path, tmp_path: Path, tiny: Config
) -> None:
    def here(name: str) -> TrainingPlan:
        return plan(corpus_folder, tmp_path / name, tiny, steps=8, adversarial=7, changes=("gain", "phase"))

    handler = signal.getsignal(signal.SIGINT)
    whole = train(here("whole.safetensors"))
    broken = here("broken.safetensors")
    for last in (5, 8, 11):
        with pytest.raises(Stopped, match=rf"after step {last} of 15.*--resume"):
            train(replace(broken, resume=last != 5), RecordingListener({last: interrupt}))
        assert not broken.output.exists()
    assert signal.getsignal(signal.SIGINT) is handler
    listener = RecordingListener()
    model = train(replace(broken, resume=True), listener)
    assert listener.steps[0].step == 12
    for name, tensor in whole.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name
    cards = [load(p.output).card for p in (broken, here("whole.safetensors"))]
    assert {**cards[0], "hours": 0} == {**cards[1], "hours": 0}
    assert train(replace(broken, resume=True)).card == model.card, "no step is left"


def test_more_steps_prolong_phase_1_until_phase_2_begins(
    corpus_folder: Path, tmp_path: Path, tiny: Config
) -> None:
    here, listener = plan(corpus_folder, tmp_path / "m.safetensors", tiny, steps=2), RecordingListener()
    train(here)
    train(replace(here, resume=True, steps=4, adversarial=1), listener)
    assert [(p.step, p.phase) for p in listener.steps] == [(3, 1), (4, 1), (5, 2)]
    train(replace(here, resume=True, steps=9, adversarial=2), listener)
    assert [(p.step, p.phase) for p in listener.steps[3:]] == [(6, 2)]


def test_another_seed_gives_another_model(corpus_folder: Path, tmp_path: Path, tiny: Config) -> None:
    a, b = (train(plan(corpus_folder, tmp_path / f"{n}.safetensors", tiny, steps=2, seed=n)) for n in (1, 2))
    assert not torch.equal(a.latent_mean, b.latent_mean)


def test_snapshot_writes_the_model_and_does_not_change_the_checkpoint(
    corpus_folder: Path, tmp_path: Path, tiny: Config
) -> None:
    here = plan(corpus_folder, tmp_path / "m.safetensors", tiny, steps=4)
    train(here)
    latest = here.folder / checkpoint.LATEST
    finished, before = load(here.output), latest.read_bytes()
    here.output.unlink()
    snapshot(replace(here, batch=1))  # as one process, of a training of several
    assert load(here.output).card["distance"] == finished.card["distance"]
    assert torch.equal(load(here.output).gesture, finished.gesture)
    assert latest.read_bytes() == before


def test_snapshot_and_resume_keep_the_card_that_was_given_at_the_start(
    corpus_folder: Path, tmp_path: Path, tiny: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "write_report", lambda *_: "")
    given = {"name": "Bells", "description": "Four bells.", "licence": "CC0-1.0", "recipe": "bells.py"}
    here = replace(plan(corpus_folder, tmp_path / "m.safetensors", tiny, steps=1), **given)
    train(here)
    bare = replace(here, resume=True, **{key: getattr(TrainingPlan, key) for key in given})

    def entries(model: RAVE) -> dict[str, str]:
        return {key: model.card[key] for key in given}

    assert entries(snapshot(bare)) == given
    changed = {**given, "licence": "MIT"}
    assert entries(train(replace(bare, steps=2, licence="MIT"))) == changed
    assert entries(snapshot(bare)) == changed, "the last licence that was given"
    latest = here.folder / checkpoint.LATEST
    older = torch.load(latest, weights_only=True)
    del older["state"]["card"]  # of a version that did not keep it
    torch.save(older, latest)
    assert entries(snapshot(bare)) == {"name": "m", "description": "", "licence": "unknown", "recipe": ""}


def test_a_training_can_start_from_a_model(corpus_folder: Path, tmp_path: Path, tiny: Config) -> None:
    first = plan(corpus_folder, tmp_path / "first.safetensors", tiny, steps=60, evaluate_every=60)
    train(first)
    values = {"config": None, "set": (), "from": first.output, "discriminators": "scale", "changes": "none"}
    options = {"corpus": (corpus_folder,), "output": tmp_path / "next.safetensors", "name": "next"}
    numbers = {"steps": 2, "adversarial": 0, "batch": 2, "crop": 4096, "latents": 2, "device": "cpu"}
    onward = planned({**values, **options, **numbers})
    assert onward.config == tiny
    assert onward.changes == ()
    train(onward)
    before, after = load(first.output).card, load(onward.output).card
    assert after["distance_untrained"] == before["distance_untrained"], (
        "compared with random weights, not with the first training"
    )
    assert after["distance_spectral"] < 0.75 * before["distance_untrained"], (
        "it starts from the trained weights"
    )
    assert after["latents"] == 2
    with pytest.raises(WrongUse, match="--from uses the config of that model"):
        planned({**values, **options, "config": "v2"})


class Faulty(Trainer):
    """A trainer in which a weight becomes NaN once, before the seventh step."""

    def advance(self, batch: TrainingBatch) -> torch.Tensor:
        if self.step == 6 and not self.rollbacks:
            next(self.learner.model.decoder.parameters()).data.fill_(torch.nan)
        return super().advance(batch)


def test_a_nan_loss_rolls_back_to_the_last_healthy_checkpoint_with_a_lower_rate(
    corpus_folder: Path, tmp_path: Path, tiny: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "Trainer", Faulty)
    here, listener = plan(corpus_folder, tmp_path / "m.safetensors", tiny), RecordingListener()
    train(here, listener)
    line = "step 7: the loss is NaN or infinite; going back to step 4 with 1/2 of the learning rate"
    assert listener.lines.count(line) == 1
    assert [p.step for p in listener.steps] == [*range(1, 7), *range(5, 13)]
    assert load(here.output).card["steps"] == 12


def test_a_training_fails_after_five_rollbacks(corpus_folder: Path, tmp_path: Path, tiny: Config) -> None:
    with pytest.raises(PerformError, match=r"for the 6th time.*lower --rate"):
        train(plan(corpus_folder, tmp_path / "m.safetensors", tiny, rate=1e30))


def test_a_resumed_training_uses_the_corpus_prepared_at_its_start(tmp_path: Path, tiny: Config) -> None:
    (tmp_path / "sounds").mkdir()
    for name in ("a", "b"):
        soundfile.write(tmp_path / "sounds" / f"{name}.wav", bursts(4)[0], 16000)
    here, listener = plan(tmp_path / "sounds", tmp_path / "m.safetensors", tiny, steps=2), RecordingListener()
    train(here)
    (tmp_path / "sounds" / "a.wav").unlink()
    train(replace(here, steps=3, resume=True), listener)
    assert [p.step for p in listener.steps] == [3]
    assert any("resuming with the prepared corpus" in line for line in listener.lines)


def test_in_phase_2_only_generator_steps_are_recorded(corpus: Corpus, tmp_path: Path, tiny: Config) -> None:
    with joined_processes("cpu") as world:
        trainer = Trainer(plan(tmp_path, tmp_path / "m.safetensors", tiny, steps=4), corpus, world)
    for step in range(1, 13):  # the 5th and the 9th are discriminator steps
        trainer.record_loss(float(step), step)
    assert trainer.losses == [1, 2, 3, 4, 6, 7, 8, 10, 11, 12]


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_the_discriminator_weight_scales_their_losses(
    corpus: Corpus, tmp_path: Path, tiny: Config, weight: float
) -> None:
    """At weight 0, only the spectral distance changes the decoder. The learning rate falls to a hundredth."""
    here = plan(
        tmp_path, tmp_path / "m.safetensors", tiny, steps=1, adversarial=8, discriminator_weight=weight
    )
    with joined_processes("cpu") as world:
        learning, other = Trainer(here, corpus, world), Trainer(replace(here, seed=1), corpus, world)
        for trainer in (learning, other):
            trainer.advance(trainer.batches.batch(0))
            trainer.advance(trainer.batches.batch(1))  # the first discriminator step
        other.learner.load_state_dict(learning.learner.state_dict())  # only the discriminators differ
        rates = []
        for step in range(2, 9):
            for trainer in (learning, other):
                trainer.advance(learning.batches.batch(step))
            rates.append(learning.trained.optimiser.param_groups[0]["lr"])
    weights = [trainer.learner.model.decoder.state_dict().values() for trainer in (learning, other)]
    same = all(torch.equal(a, b) for a, b in zip(*weights, strict=True))
    assert same == (weight == 0)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.1 * rates[0]


def test_auto_begins_phase_2_at_the_plateau_of_phase_1(
    corpus_folder: Path, tmp_path: Path, tiny: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "PHASE_2_PAYS", 11)
    listener = RecordingListener()
    here = plan(corpus_folder, tmp_path / "m.safetensors", tiny, steps=500, adversarial=2, evaluate_every=1)
    train(replace(here, rate=1e-12, auto=True), listener)
    lines = [line for line in listener.lines if "phase 1 has reached a plateau" in line]
    assert lines == ["phase 1 has reached a plateau at step 11: phase 2 begins"]
    assert (listener.steps[-1].step, listener.steps[-1].steps, listener.steps[-1].phase) == (13, 13, 2)
    healthy = torch.load(here.folder / checkpoint.HEALTHY, weights_only=True)["state"]
    assert (healthy["turn"], healthy["moved"]) == (11, True), "a failure in phase 2 goes back to phase 2"
    train(replace(here, adversarial=3, resume=True), listener)
    assert listener.steps[-1].step == 14, "phase 2 goes on, also where it would not begin"


def test_phase_2_is_left_out_where_it_makes_a_model_worse(
    corpus_folder: Path, tmp_path: Path, tiny: Config
) -> None:
    output, listener = tmp_path / "m.safetensors", RecordingListener()
    still = plan(
        corpus_folder, output, tiny, steps=12, adversarial=2, evaluate_every=1, rate=1e-12, auto=True
    )
    train(still, listener)
    assert {(progress.steps, progress.phase) for progress in listener.steps} == {(12, 1)}
    assert any("12 steps of phase 1, none of phase 2 (it pays after 50000" in line for line in listener.lines)
    begun = "phase 1 has reached a plateau at step 11: more steps will gain little; Ctrl-C, then --snapshot"
    assert any(line.startswith(begun) for line in listener.lines)


def test_the_steps_of_phase_2_follow_from_those_of_phase_1() -> None:
    default = TrainingPlan((Path("x"),), Path("y"))
    assert [default.phase_2_after(steps) for steps in (10_000, 49_999, 50_000)] == [0, 0, 5_000]
    assert [replace(default, adversarial=n).phase_2_after(10) for n in (0, 7)] == [0, 7]
    automatic = replace(default, adversarial=7, auto=True)
    assert [automatic.phase_2_after(steps) for steps in (10_000, 50_000)] == [0, 7]


def measurement(distance: float, level_db: float = 0.0, phase: int = 1) -> Measurement:
    return Measurement(0, phase, distance, 0.0, level_db, 0.0, 0.0)


def test_plateau_failure_and_improvement_are_found() -> None:
    falling = [measurement(10 * 0.9**i) for i in range(12)]
    still = [measurement(10.0 - 0.001 * i) for i in range(12)]
    assert not reached_plateau(falling)
    assert not reached_plateau(still[:-1])
    assert reached_plateau(still)
    assert not reached_plateau([replace(m, phase=2) for m in still])
    assert failure(measurement(5.0), falling) is None
    assert failure(measurement(float("nan")), []) == "the output is NaN or infinite"
    assert failure(measurement(5.0, -50), []) is None, "an untrained model may be silent"
    assert "silence" in str(failure(measurement(5.0, -50), falling))
    assert (improvement(10, 40), improvement(50, 40), improvement(float("nan"), 40)) == (75, 0, 0)


def test_a_verdict_says_whether_it_pays_to_go_on() -> None:
    falling = [measurement(10 * 0.9**i) for i in range(12)]
    still = [measurement(10.0 - 0.001 * i) for i in range(12)]
    assert verdict(falling[:1]).endswith("0 % better than untrained")
    assert verdict([replace(falling[0], step=9, seconds=90.0)]).startswith(
        "step 9, 1.5 minutes: distance 10.00"
    )
    assert verdict([replace(falling[0], seconds=1860.0)]).startswith("step 0, 31 minutes: ")
    assert verdict(falling[:2]).endswith("10 % better than the measurement before: worth going on")
    assert verdict(falling).endswith("47 % better than 6 measurements ago: worth going on")
    assert verdict(still).endswith("no better than 6 measurements ago: hardly worth going on")
    assert "listen to a --snapshot" in verdict([*still, measurement(11.0, phase=2)])


def test_latents_and_fidelity_choose_the_number_of_latents(
    corpus_folder: Path, tmp_path: Path, tiny: Config
) -> None:
    for asked, fidelity, kept in ((6, 0.1, 6), (1, 1.0, 1), (None, 0.01, 1), (None, 1.0, 6)):
        output = tmp_path / f"{asked}{fidelity}.safetensors"
        train(plan(corpus_folder, output, tiny, steps=1, latents=asked, fidelity=fidelity))
        assert load(output).latents == kept


def test_errors_name_the_option_and_what_to_try(corpus_folder: Path, tmp_path: Path, tiny: Config) -> None:
    here = plan(corpus_folder, tmp_path / "m.safetensors", tiny, steps=1)
    for changes, words in (
        ({"resume": True}, "no checkpoint"),
        ({"crop": 5000}, "--crop: 5000 samples cannot be a crop"),
        ({"adversarial": -1}, "--adversarial: -1 is too small; use 0 or more"),
        ({"seed": -1}, "--seed"),
        ({"rate": 0.0}, "--rate"),
        ({"corpus": (tmp_path / "nowhere",)}, "no such corpus"),
        ({"latents": 7}, "--latents: this config cannot keep 7 latents"),
        ({"fidelity": 0.0}, "--fidelity: a fidelity of 0"),
        ({"discriminators": (), "adversarial": 1}, "needs discriminators"),
        ({"config": replace(tiny, resampling=2)}, "resampler"),
        ({"config": replace(tiny, channels=2)}, "16000 Hz and 1 channels"),
        ({"config": replace(tiny, bottleneck="spherical")}, "always keeps all 5 latents"),
    ):
        with pytest.raises(WrongUse, match=words):
            train(replace(here, **changes))
    train(here)
    with pytest.raises(WrongUse, match="started before"):
        train(here)
    on = replace(here, resume=True)
    with pytest.raises(WrongUse, match="another seed: 0, not 9"):
        train(replace(on, seed=9))
    with pytest.raises(WrongUse, match="another config: capacity is 4, not 8"):
        train(replace(on, config=replace(tiny, capacity=8)))
    latest = here.folder / checkpoint.LATEST
    for change, words in (
        (lambda c: c["identity"]["config"].pop("capacity"), "lacks capacity: an older version"),
        (lambda c: c["identity"]["config"].update(more=1), "has more: a newer version"),
        (lambda c: c["identity"].update(loss="energy"), "another loss: energy, not distance"),
        (lambda c: c.update(format="perform-rave-checkpoint-1"), "of another version"),
    ):
        train_again = torch.load(latest, weights_only=True)
        change(train_again)
        good = latest.read_bytes()
        torch.save(train_again, latest)
        with pytest.raises(WrongUse, match=words):
            train(on)
        latest.write_bytes(good)
    older = torch.load(latest, weights_only=True)
    del older["identity"]["loss"]  # of a version with one loss
    del older["identity"]["config"]["adain"]  # and without AdaIN, which this training does not use
    torch.save(older, latest)
    assert train(on).card["steps"] == 1
    latest.write_bytes(b"not a checkpoint")
    with pytest.raises(WrongUse, match="not a checkpoint"):
        train(on)


def test_set_changes_values_of_a_config() -> None:
    config = configured("v2", ("capacity=16", "ratios=[4, 4, 2, 2]", "padding=causal"))
    assert (config.capacity, config.ratios, config.padding) == (16, (4, 4, 2, 2), "causal")
    assert configured(("v2", "causal"), ("capacity=16",)) == replace(PRESETS["causal"], capacity=16)
    with pytest.raises(WrongUse, match="did you mean 'capacity'"):
        configured("v2", ("capacty=16",))
    with pytest.raises(WrongUse, match=r"unknown value 'loud'.*gain, phase"):
        planned({"config": None, "set": (), "from": None, "discriminators": "scale", "changes": "loud"})


def test_older_names_of_options_still_work() -> None:
    names = [option.name for option in OPTIONS]
    assert "critics" not in names
    values = {
        "config": None,
        "set": (),
        "from": None,
        "corpus": (Path("c"),),
        "output": Path("o"),
        "name": "n",
    }
    values |= {"discriminators": "period", "discriminator_weight": 0.25, "changes": "none"}
    plan = planned({**values, "critics_weight": 0.5, "critics": "scale,spectrum"})
    assert (plan.discriminator_weight, plan.discriminators) == (0.5, ("scale", "spectrum"))
    plan = planned({**values, "critics_weight": None, "critics": None})
    assert (plan.discriminator_weight, plan.discriminators) == (0.25, ("period",))
