"""An nn~ module plays: methods, attributes, streams, and the errors of a faulty module."""

from __future__ import annotations

import gc
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from module_files import no_sandbox, wrapped
from modules import RATIO, Bare, Pair, Synth, export
from peers.environment import export as genuine

from perform.core import params
from perform.core.errors import PerformError, WrongUse
from perform.core.files import write_atomically
from perform.foreign import nn_contract
from perform.foreign.module_file import wrap
from perform.foreign.scan.archive_scan import repack
from perform.foreign.torchscript_model import TorchscriptModel
from perform.library.cards import Card
from perform.rave.archive import read
from perform.voice.voice import Voice, render

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return wrapped(read(export(Synth(), folder / "synth.ts")), folder / "synth.safetensors")


@pytest.fixture
def model(synth: Path) -> TorchscriptModel:
    return TorchscriptModel(synth, no_sandbox)


def play(model: TorchscriptModel, stream: object, z: list[float], frames: int = 4) -> np.ndarray:
    """(channels, frames * ratio)."""
    one = np.array([z], np.float32)
    return np.concatenate(
        [model.render([stream], one, np.zeros((1, 1), np.float32))[0] for _ in range(frames)], 1
    )


def test_inputs_are_latents_and_outputs_are_channels(model: TorchscriptModel) -> None:
    assert (model.card.latents, model.card.ratio, model.card.channels) == (2, RATIO, 2)
    y = play(model, model.stream(), [0.0, 0.4], frames=100)
    assert y.shape == (2, 100 * RATIO)
    assert np.abs(y).max() == pytest.approx(0.5, abs=0.01)
    spectrum = np.abs(np.fft.rfft(y[0, :44100]))
    assert np.argmax(spectrum) == 220
    higher = play(model, model.stream(), [1.0, 0.4], frames=100)
    assert np.argmax(np.abs(np.fft.rfft(higher[0, :44100]))) == 440


def test_each_stream_has_its_own_state(model: TorchscriptModel) -> None:
    alone = play(model, model.stream(), [0.3, 0.5], frames=8)
    one, other = model.stream(), model.stream()
    together = []
    for i in range(8):
        rows = np.array([[0.3, 0.5], [0.3 + i, 0.1]], np.float32)
        together.append(model.render([one, other], rows, np.zeros((2, 1), np.float32))[0])
        play(model, other, [2.0, 0.1], frames=1)  # and not always in step
    assert np.array_equal(np.concatenate(together, 1), alone)


def test_reset_begins_again(model: TorchscriptModel) -> None:
    stream = model.stream()
    first = play(model, stream, [0.3, 0.5])
    assert not np.array_equal(play(model, stream, [0.3, 0.5]), first)
    stream.reset()
    assert np.array_equal(play(model, stream, [0.3, 0.5]), first)


def test_an_instance_is_reused_after_its_stream_ended(model: TorchscriptModel) -> None:
    stream = model.stream()
    instance = stream.instance
    first = play(model, stream, [0.3, 0.5])
    del stream
    gc.collect()
    again = model.stream()
    assert again.instance is instance
    assert np.array_equal(play(model, again, [0.3, 0.5]), first)


def test_attributes_of_every_kind(model: TorchscriptModel) -> None:
    found = {a.name: (a.kind, a.default, a.low, a.high) for a in model.attributes}
    assert found == {
        "gain/0": ("float", 1.0, 0.0, 1.0),
        "gain/1": ("float", 1.0, 0.0, 1.0),
        "mute": ("bool", 0.0, 0.0, 1.0),
        "partials": ("int", 1.0, 0.0, 10.0),
        "shape": ("str", "sine", 0.0, 1.0),
        "tilt": ("tensor", "4 values", 0.0, 1.0),
        "sample": ("buffer", "sound", 0.0, 1.0),
    }
    stream = model.stream()
    plain = play(model, stream, [0.0, 0.4])
    stream.set("gain/1", 0.25)
    stream.reset()
    assert np.allclose(play(model, stream, [0.0, 0.4]), plain * [[1.0], [0.25]])
    other = model.stream()
    assert np.array_equal(play(model, other, [0.0, 0.4]), plain), "each voice has its attributes"
    stream.set("gain/1", None)
    stream.set("mute", 1.0)
    assert not play(model, stream, [0.0, 0.4]).any()
    stream.set("mute", 0.0)
    stream.set("partials", 3.2)
    stream.reset()
    assert not np.allclose(play(model, stream, [0.0, 0.4])[0], plain[0])
    module = stream.instance.module
    stream.set("tilt", "0, 1 2 3")
    assert module.tilt.tolist() == [0, 1, 2, 3]
    stream.set("sample", np.ones(100))
    assert float(module.sample.sum()) == 100
    stream.reset()
    assert float(module.sample.sum()) == 100, "a reset keeps the player's sound"
    stream.set("sample", None)
    assert float(module.sample.sum()) == 0
    stream.set("shape", "noise")
    assert (module.shape, module.partials) == (("noise",), (3,))
    for name in ("tilt", "partials", "shape"):
        stream.set(name, None)
    stream.reset()
    assert np.array_equal(play(model, stream, [0.0, 0.4]), plain)


def test_wrong_attribute_values_are_refused(model: TorchscriptModel) -> None:
    stream = model.stream()
    for name, value, says in (
        ("gian", 1.0, r"no attribute 'gian'.*gain/0"),
        ("gain/2", 1.0, "no attribute 'gain/2'"),
        ("gain/0", -1.0, "refuses"),
        ("gain/0", float("nan"), "not a finite number"),
        ("tilt", "1 2", "it takes 4 values, not 2"),
        ("tilt", "a b c d", "not finite numbers"),
        ("sample", "nan", "not finite numbers"),
    ):
        with pytest.raises(WrongUse, match=says):
            stream.set(name, value)
    assert stream.instance.module.gain == (1.0, 1.0)
    with pytest.raises(WrongUse, match="no action"):
        stream.act("explode")


def test_each_voice_seeds_its_own_noise(model: TorchscriptModel) -> None:
    z, seeds = np.zeros((1, 2), np.float32), np.array([[[0.5]], [[0.7]]], np.float32)

    def played(seed: np.ndarray) -> list[np.ndarray]:
        stream = model.stream()
        stream.set("shape", "noise")
        return [model.render([stream], z, seed) for _ in range(2)]

    one, same, other = played(seeds[0]), played(seeds[0]), played(seeds[1])
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one[0], one[1])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(Pair(), tmp_path_factory.mktemp("pair") / "pair.ts")


def test_its_encoder_equals_the_modules_encode(pair: Path, tmp_path: Path) -> None:
    model = TorchscriptModel(wrapped(read(pair), tmp_path / "pair.safetensors"), no_sandbox)
    encoder, plain = model.encoder, [torch.jit.load(str(pair)) for _ in range(2)]
    assert encoder is not None
    assert encoder.silence.tolist() == [0.25, 0.0]
    streams = [encoder.stream() for _ in range(2)]
    random = np.random.default_rng(0)
    for _ in range(6):
        x = random.standard_normal((2, 1, model.card.ratio)).astype(np.float32)
        z = encoder.encode(streams, x)
        for row, frame, module in zip(z, x, plain, strict=True):
            assert np.array_equal(row, module.encode(torch.from_numpy(frame[None]))[0, :, 0].numpy())
    streams[0].reset()
    x = np.ones((1, 1, model.card.ratio), np.float32)
    assert encoder.encode(streams[:1], x)[0].tolist() == [1.25, 1.0], "nothing before"


def test_a_module_without_encode_and_decode_has_no_encoder(model: TorchscriptModel) -> None:
    assert model.encoder is None


def test_a_genuine_encoder_draws_the_same_noise(tmp_path: Path) -> None:
    path = genuine("v2_small")
    model = TorchscriptModel(wrapped(read(path), tmp_path / "model.safetensors", "decode"), no_sandbox)
    encoder, plain = model.encoder, torch.jit.load(str(path))
    assert encoder is not None
    random, streams = np.random.default_rng(0), [encoder.stream() for _ in range(2)]
    for i in range(8):
        x = 0.3 * random.standard_normal((1, 1, model.card.ratio)).astype(np.float32)
        torch.manual_seed(2654435761 * i % (1 << 32))
        wanted = plain.encode(torch.from_numpy(x))[0, :, 0].numpy()
        assert np.array_equal(encoder.encode(streams[:1], x)[0], wanted)
    again = encoder.encode(streams[1:], x)
    streams[0].reset()
    assert np.array_equal(encoder.encode(streams[:1], x), again)


def test_a_deck_plays_it(model: TorchscriptModel) -> None:
    table = params.defaults()
    params.set_value(table, "deck/1/z/1/bias", 0.4)
    voice = Voice(model, 1, 48000, table)
    sound = np.concatenate([render(model, [voice], [table])[0] for _ in range(200)])
    assert sound.shape[1] == 2
    tail = sound[8192:56192, 0]
    assert np.argmax(np.abs(np.fft.rfft(tail))) == 220  # of 44.1 kHz, heard at 48
    params.trigger(table, "panic")
    render(model, [voice], [table])
    assert voice.resets == 0


def test_an_input_at_audio_rate_is_interpolated(tmp_path: Path) -> None:
    path = wrapped(read(export(Bare(), tmp_path / "bare.ts")), tmp_path / "bare.safetensors")
    model = TorchscriptModel(path, no_sandbox)
    assert (model.card.latents, model.card.ratio, model.card.sample_rate) == (1, nn_contract.MIN_FRAME, 48000)
    stream = model.stream()
    assert np.allclose(play(model, stream, [1.0], frames=1), 0.5)
    down = play(model, stream, [0.0], frames=1)[0]
    assert np.allclose(np.diff(down), -0.5 / nn_contract.MIN_FRAME, atol=1e-6)
    assert down[-1] == 0


@pytest.mark.parametrize(
    ("body", "says"), [("shape", r"gave \(1, 1, 255\), not \(1, 1, 256\)"), ("raise", "failed .*not today")]
)
def test_a_module_that_gives_no_sound_fails_on_loading(tmp_path: Path, body: str, says: str) -> None:
    path = wrapped(read(export(Bare(body), tmp_path / "bare.ts")), tmp_path / "bare.safetensors")
    with pytest.raises(PerformError, match=says) as caught:
        TorchscriptModel(path, no_sandbox)
    assert "\n" not in str(caught.value)


def test_a_voice_resets_a_module_that_gives_nan(tmp_path: Path) -> None:
    path = wrapped(read(export(Bare("nan"), tmp_path / "bare.ts")), tmp_path / "bare.safetensors")
    table = params.defaults()
    model = TorchscriptModel(path, no_sandbox)
    voice = Voice(model, 1, 48000, table)
    assert not render(model, [voice], [table])[0].any()
    assert voice.resets == 1


def test_a_card_of_another_module_is_refused(tmp_path: Path) -> None:
    archive = read(export(Bare(), tmp_path / "bare.ts"))
    path = wrapped(archive, tmp_path / "bare.safetensors")
    card = Card(**{**_fields(path), "ratio": 999})
    write_atomically(path, wrap(repack(archive), card, {"method": "forward"}))
    with pytest.raises(WrongUse, match="card does not fit"):
        TorchscriptModel(path, no_sandbox)
    write_atomically(path, wrap(repack(archive), card, {"method": "encode"}))
    with pytest.raises(WrongUse, match=r"no method 'encode'.*forward"):
        TorchscriptModel(path, no_sandbox)


def _fields(path: Path) -> dict[str, object]:
    from perform.library.cards import read_card

    card = read_card(path)
    return {name: getattr(card, name) for name in card.__struct_fields__}


def test_sources_of_the_sample_rate_have_an_order(tmp_path: Path) -> None:
    bare = export(Bare(), tmp_path / "thing_r96000.ts")
    archive = read(bare)
    assert nn_contract.sample_rate(archive) == 48000
    assert nn_contract.sample_rate(archive, 22050) == 22050
    del archive.tensors["sampling_rate"]
    assert nn_contract.sample_rate(archive) == 96000
    archive.path = tmp_path / "thing.ts"
    with pytest.raises(WrongUse, match="--rate"):
        nn_contract.sample_rate(archive)


EXPORTS = (
    *("v2", "causal", "noise", "v1", "v2_small", "v3", "discrete", "wasserstein", "spherical", "raspberry"),
    *("stereo", "adain", "prior", "resampled", "recurrent"),
)


@pytest.mark.parametrize("name", EXPORTS)
def test_genuine_exports_play_without_conversion(tmp_path: Path, name: str) -> None:
    model = TorchscriptModel(wrapped(read(genuine(name)), tmp_path / "model.safetensors"), no_sandbox)
    one, other = model.stream(), model.stream()
    z = np.random.default_rng(0).standard_normal((4, 1, model.card.latents)).astype(np.float32)
    chance = np.zeros((1, 1), np.float32)
    first = [model.render([one], row, chance) for row in z]
    assert first[0].shape == (1, 2 if name == "stereo" else 1, model.card.ratio)
    assert np.isfinite(first).all()
    assert np.abs(first).max() > 1e-3
    assert np.array_equal([model.render([other], row, chance) for row in z], first)
    one.reset()
    assert np.array_equal([model.render([one], row, chance) for row in z], first)
    assert model.has_prior == (name == "prior")
    if model.has_prior:
        one.reset()
        latents = np.array([one.prior(1.0, seed) for seed in range(8)])
        assert latents.shape == (8, model.card.latents)
        assert len(np.unique(latents[:, -1])) > 1
        assert np.array_equal([other.prior(1.0, seed) for seed in range(8)], latents)
        assert not np.array_equal([other.prior(1.0, seed) for seed in range(8)], latents), "it has state"
        one.reset()
        assert not np.array_equal([one.prior(1.0, seed) for seed in range(8, 16)], latents)


def test_an_exports_forward_can_be_played(tmp_path: Path) -> None:
    path = wrapped(read(genuine("v2_small")), tmp_path / "model.safetensors", "forward")
    model = TorchscriptModel(path, no_sandbox)
    assert (model.card.latents, model.card.channels) == (1, 1)
    assert np.isfinite(play(model, model.stream(), [0.5])).all()


def test_a_genuine_adain_learns_and_forgets(tmp_path: Path) -> None:
    path = wrapped(read(genuine("adain_learnt")), tmp_path / "model.safetensors", "decode")
    model = TorchscriptModel(path, no_sandbox)
    assert {attribute.name for attribute in model.attributes} == {"learn_source", "learn_target"}
    assert set(model.actions) == {"reset_source", "reset_target"}
    stream = model.stream()

    def learnt() -> set[tuple[int, int]]:
        """Of each layer of the decoder: frames of the source it knows, and of the target."""
        play(model, stream, [0.5] * model.card.latents, 3)
        counts = {
            name: int(value)
            for name, value in stream.instance.module.named_buffers()
            if name.startswith("decoder.net.") and "num_update" in name
        }
        return {(n, counts[f"{name[:-1]}y"]) for name, n in counts.items() if name.endswith("x")}

    assert learnt() == {(1, 1)}, "as it was exported"
    for action in model.actions:
        stream.act(action)
    assert learnt() == {(0, 0)}
    stream.set("learn_target", 1.0)
    assert learnt() == {(0, 3)}
    stream.set("learn_target", 0.0)
    stream.set("learn_source", 1.0)
    assert learnt() == {(3, 3)}
    stream.set("learn_source", 0.0)
    stream.reset()
    assert learnt() == {(3, 3)}, "a style outlives a reset"
    stream.act("reset_target")
    assert learnt() == {(3, 0)}
    del stream
    gc.collect()
    stream = model.stream()
    assert learnt() == {(1, 1)}, "but it is one voice's"
