"""Calibrated models play equally loud, and their cards say where latents lie and what they move."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from module_files import no_sandbox, wrapped
from modules import Bare, Pair, Synth, export
from tiny import tiny_model

from perform.cli import main
from perform.core.ebu_r128 import loudness_lufs
from perform.core.errors import WrongUse
from perform.core.loudness import LOUDNESS_LUFS
from perform.engine.compiled_model import CompiledModel
from perform.engine.protocol import PlayableModel
from perform.engine.sound_encoder import SoundEncoder
from perform.foreign.torchscript_model import TorchscriptModel
from perform.library import card_changes, hashes, model_library, places
from perform.library.cards import is_module, read_card, trim_db
from perform.library.corpus_latents import read_corpus
from perform.offline import calibration, calibration_latents
from perform.rave.archive import read
from perform.stage.model_host import model_stamp

RATE = 48000


def opened(path: Path, *, separate_process: bool = True) -> PlayableModel:
    """A model in this process: these modules are ours, and need no sandbox."""
    return TorchscriptModel(path, no_sandbox) if is_module(path) else CompiledModel(path)


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch, shared_cache: None) -> None:
    monkeypatch.setattr(calibration, "HELD_S", 0.1)
    monkeypatch.setattr(calibration, "open_model", opened)
    monkeypatch.setattr(calibration, "PLAYED_S", 1.0)
    monkeypatch.setattr(calibration_latents, "GENERATED_S", 1.0)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Two sounds whose level and colour change."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    time = np.arange(RATE) / RATE
    swell = 0.05 + 0.4 * np.abs(np.sin(2 * np.pi * 0.7 * time))
    soundfile.write(folder / "tone.wav", swell * np.sin(2 * np.pi * 220 * time), RATE)
    noise = np.random.default_rng(0).standard_normal(len(time))
    soundfile.write(folder / "noise.wav", 0.3 * swell * noise, RATE)
    return folder


def verb(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["models", *map(str, words)])


def played(model: PlayableModel, sound: Path) -> float:
    """Loudness of a model that plays a sound, on its deck."""
    y, rate = soundfile.read(sound, dtype="float32", always_2d=True)
    assert model.encoder
    frames, stream = SoundEncoder(model.encoder, rate)(y), model.stream()
    stream.reset()
    noise = np.random.default_rng(5)
    parts = [
        model.render([stream], z[None], noise.standard_normal((1, model.noise)).astype(np.float32))[0]
        for z in frames
    ]
    loudness = loudness_lufs(np.concatenate(parts, axis=1), model.card.sample_rate)
    assert loudness is not None
    return loudness + trim_db(model.card)


def test_models_play_the_same_sounds_within_a_loudness_unit(sounds: Path) -> None:
    """Of a RAVE and a third-party module, far apart before."""
    library = places.user("models")
    tiny_model(library / "tiny.safetensors")
    wrapped(read(export(Pair(), sounds.parent / "pair.ts")), library / "pair.safetensors")
    (sounds / "noise.wav").unlink()
    before = {name: hashes.sha256(path) for name, path in model_library.models().items()}
    names = ("tiny", "pair")
    done = verb("calibrate", *names, "--with", sounds)
    assert done.exit_code == 0, done.output
    assert before == {name: hashes.sha256(path) for name, path in model_library.models().items()}
    models = [opened(library / f"{name}.safetensors") for name in names]
    levels = [played(model, sounds / "tone.wav") for model in models]
    assert max(levels) - min(levels) < 1.0, levels
    assert np.mean(levels) == pytest.approx(LOUDNESS_LUFS, abs=1.0)


def test_an_imported_model_gets_the_statistics_of_the_sounds(sounds: Path) -> None:
    path = tiny_model(places.user("models") / "mine.safetensors")
    old, stamp = read_card(path), model_stamp(path)
    done = verb("calibrate", "mine", "--with", sounds, "--json")
    assert done.exit_code == 0, done.output
    card, model = read_card(path), CompiledModel(path)
    z = []
    for name in ("noise.wav", "tone.wav"):
        y, rate = soundfile.read(sounds / name, dtype="float32", always_2d=True)
        z += SoundEncoder(model.encoder, rate)(y)
    wanted = np.array(z)
    for name, found in (
        ("latent_mean", wanted.mean(0)),
        ("latent_std", wanted.std(0)),
        ("latent_p01", np.quantile(wanted, 0.01, axis=0)),
        ("latent_p95", np.quantile(wanted, 0.95, axis=0)),
    ):
        assert getattr(card, name) == pytest.approx(found, abs=0.02), name
        assert getattr(card, name) != getattr(old, name)
    cloud = read_corpus(path)
    assert cloud.shape == (min(len(wanted), calibration.CLOUD), card.latents)
    assert cloud.std(0) == pytest.approx(wanted.std(0), rel=0.2)
    assert [len(card.latent_effect), len(card.latent_words)] == [card.latents] * 2
    assert max(card.latent_effect) > 0.3
    (shown,) = json.loads(done.stdout)
    assert shown["loudness_lufs"] == card.loudness_lufs
    assert model.card == card, "a host plays with it"
    assert model_stamp(path) != stamp, "the next load starts a host with the new card"


def test_a_walk_gives_the_loudness_and_no_statistics() -> None:
    path = tiny_model(places.user("models") / "mine.safetensors")
    done = verb("calibrate", "mine")
    assert done.exit_code == 0, done.output
    card = read_card(path)
    assert card.loudness_lufs is not None
    assert card.latent_p01 == [] and not len(read_corpus(path))
    assert "range unknown" in done.stderr
    assert f"{card.loudness_lufs:+.1f} LUFS with a walk" in done.stderr


def test_silence_measures_nothing_and_the_verb_says_whose_trim_stays(
    sounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The earlier figures are shown as earlier ones."""
    path = tiny_model(places.user("models") / "mine.safetensors")
    assert verb("calibrate", "mine", "--with", sounds).exit_code == 0
    before, kept = read_card(path), card_changes.changes_path(path).read_bytes()
    assert "2 sounds of yours, 2 s" in verb("info", "mine").stdout

    def silent(path: Path, *, separate_process: bool = True) -> PlayableModel:
        model = CompiledModel(path)
        monkeypatch.setattr(
            model,
            "render",
            lambda streams, z, noise: np.zeros((len(streams), 1, before.ratio), np.float32),
        )
        return model

    monkeypatch.setattr(calibration, "open_model", silent)
    done = verb("calibrate", "mine", "--json")
    assert done.exit_code == 0, done.output
    trim = f"its trim stays {trim_db(before):+.1f} dB (measured earlier with 2 sounds of yours, 2 s)"
    assert f"mine: it was silent, so nothing was measured; {trim}" in done.stderr
    assert json.loads(done.stdout)[0]["silent"]
    assert card_changes.changes_path(path).read_bytes() == kept


def test_a_module_without_an_encoder_refuses_sounds(sounds: Path) -> None:
    module = wrapped(read(export(Synth(), sounds.parent / "synth.ts")), sounds.parent / "synth.safetensors")
    with pytest.raises(WrongUse, match=r"no encoder.*without --with"):
        calibration.calibrate(module, [sounds / "tone.wav"])


def test_an_effect_is_as_loud_as_its_input(tmp_path: Path) -> None:
    effect = wrapped(read(export(Bare(), tmp_path / "effect.ts")), tmp_path / "effect.safetensors")
    with pytest.raises(WrongUse, match="an effect is as loud as its input"):
        calibration.calibrate(effect)
    assert read_card(effect).loudness_lufs is None


def test_a_bundled_model_keeps_its_files_and_the_changes_follow_a_renamed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = tmp_path / "bundled"
    tiny_model(bundled / "glass.safetensors")
    own = places.bundled
    monkeypatch.setattr(places, "bundled", lambda kind: bundled if kind == "models" else own(kind))
    assert verb("calibrate").exit_code == 0
    assert [path.name for path in bundled.iterdir()] == ["glass.safetensors"]
    loudness = read_card(bundled / "glass.safetensors").loudness_lufs
    assert loudness is not None
    places.user("models").mkdir(exist_ok=True)
    path = places.user("models") / "own.safetensors"
    shutil.copy(bundled / "glass.safetensors", path)
    assert read_card(path).loudness_lufs is None
    assert verb("edit", "own", "--author", "Ada", "--tag", "slow", "--name", "Slow Glass").exit_code == 0
    assert verb("rename", "own", "other").exit_code == 0
    moved = model_library.find_model("other")
    card = read_card(moved)
    assert (card.author, card.tags, card.name, card.loudness_lufs) == ("Ada", ["slow"], "Slow Glass", None)
    assert moved.read_bytes() == (bundled / "glass.safetensors").read_bytes()
    removed = model_library.remove("other")
    assert card_changes.changes_path(removed).exists()
    assert read_card(removed).author == "Ada"


def test_texts_are_edited_and_shown_and_the_measured_figures_stay() -> None:
    path = tiny_model(places.user("models") / "mine.safetensors")
    assert verb("calibrate", "mine").exit_code == 0
    loudness = read_card(path).loudness_lufs
    done = verb("edit", "mine", "--description", "tape", "--attribution", "made by Ada", "--json")
    assert json.loads(done.stdout)["attribution"] == "made by Ada"
    card = read_card(path)
    assert (card.description, card.loudness_lufs) == ("tape", loudness)
    assert verb("edit", "mine", "--description", "").exit_code == 0
    assert read_card(path).description == ""
    assert verb("edit", "mine", "--name", "").exit_code == 2
    assert "made by Ada" in verb("edit", "mine").stdout
    assert "made by Ada" in verb("info", "mine").stdout
    out = path.with_suffix(".onnx")
    assert CliRunner().invoke(main, ["export", "mine", "-o", str(out)]).exit_code == 0
    assert b"made by Ada" in out.read_bytes(), "an export has them in its card"
    assert f'"loudness_lufs": {loudness}'.encode() in out.read_bytes(), "and what was measured"
