"""An export streams like the model, for a player that knows only the nn~ contract (tests/nn_tilde.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nn_tilde
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from family import CONFIGS, built, with_prior
from nn_tilde import NnTilde, RaveVst

from perform.core.errors import WrongUse
from perform.rave.archive import read
from perform.rave.config import Config
from perform.rave.export import model_in_export, onnx_model, torchscript
from perform.rave.model import RAVE

BATCH, ROWS = 4, 4
BLOCKS = [2048, 8192, 4096, 2048]
FAMILY = ["live", "v1", "v2", "v2_small", "v3", "discrete", "wasserstein", "spherical", "stereo", "v2_nopqmf"]
FAMILY += ["resampled"]


def saved(model: RAVE, path: Path, rows: int = ROWS) -> Path:
    model.gesture, model.card = torch.zeros(3, model.latents), {"name": "Tiny", "licence": "CC0-1.0"}
    path.write_bytes(torchscript(model, rows))
    return path


@pytest.mark.parametrize("name", FAMILY)
def test_blocks_of_any_size_equal_our_stream(name: str, tmp_path: Path) -> None:
    model = built(name)
    path = saved(model, tmp_path / "x.ts")
    for batch in (1, BATCH):
        compare(model, path, batch)


def compare(model: RAVE, path: Path, batch: int) -> None:
    samples = sum(BLOCKS)
    frames = samples // model.ratio
    x = 0.3 * torch.randn(batch, model.config.channels, samples)
    with torch.inference_mode():
        z, _ = model.encode(x, model.encoder_state(batch))
        silent = torch.zeros(batch, model.noise, frames)
        y, _ = model.decode(z, silent, model.decoder_state(batch))

    methods = "encode", "decode", "forward"
    encode, decode, forward = (NnTilde(path, method, batch, optimised=False) for method in methods)
    assert encode.params("encode") == [model.config.channels, 1, model.latents, model.ratio]
    assert encode.params("decode") == [model.latents, model.ratio, model.config.channels, 1]
    for host in (decode, forward):
        if "temperature" in host.attributes:
            assert host.set("temperature", "0")
    held = encode.play(x.numpy(), BLOCKS)
    close(held[..., :: model.ratio], z)
    close(decode.play(z.repeat_interleave(model.ratio, -1).numpy(), BLOCKS), y)
    close(forward.play(x.numpy(), BLOCKS), y)  # and so nothing happens at the edges of its blocks


def close(got: np.ndarray, wanted: torch.Tensor) -> None:
    assert got.shape == tuple(wanted.shape)
    assert np.abs(got - wanted.numpy()).max() < 1e-4 * max(1.0, float(wanted.abs().max()))
    assert wanted.abs().max() > 1e-4


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "few bands"])
def test_block_by_block_it_equals_our_stream_to_the_last_bit(name: str, tmp_path: Path) -> None:
    """The export is our layers, compiled: the same blocks give the same numbers."""
    model = built(name)
    module = NnTilde(saved(model, tmp_path / "x.ts")).model
    for batch in (1, 3):
        module.set_reset(True)
        encoder, decoder = model.encoder_state(batch), model.decoder_state(batch)
        for seed, frames in enumerate((1, 3, 40, 2)):
            x = 0.3 * torch.randn(batch, model.config.channels, frames * model.ratio)
            with torch.inference_mode(), torch.jit.optimized_execution(False):
                z, encoder = model.encode(x, encoder)
                assert torch.equal(module.encode(x), z)
                torch.manual_seed(seed)
                y, decoder = model.decode(z, torch.randn(batch, model.noise, frames), decoder)
                torch.manual_seed(seed)
                assert torch.equal(module.decode(z), y)
                assert y.abs().max() > 1e-4


@pytest.mark.parametrize("name", ["live", "noise", "wasserstein", "resampled"])
def test_it_has_the_models_noise(name: str, tmp_path: Path) -> None:
    model = built(name)
    host = NnTilde(saved(model, tmp_path / "x.ts"), "decode")
    state = model.decoder_state(1)
    for seed, frames in enumerate((1, 4, 2)):
        z = torch.randn(1, model.latents, frames)
        torch.manual_seed(seed)
        noise = torch.randn(1, model.noise, frames)
        with torch.inference_mode():
            wanted, state = model.decode(z, noise, state)
            torch.manual_seed(seed)
            assert (host.model.decode(z) - wanted).abs().max() < 1e-4


def test_a_seed_and_a_reset_repeat_the_sound_for_any_blocks(tmp_path: Path) -> None:
    host = NnTilde(saved(built("noise"), tmp_path / "x.ts"), "decode", batch=2)
    z = np.repeat(np.random.default_rng(0).standard_normal((2, 3, 16)), 2048, -1)
    assert host.set("seed", "7")
    first = host.play(z, [2048])
    assert host.set("reset", "1")
    assert np.allclose(host.play(z, [8192]), first, atol=1e-5)
    assert np.abs(host.play(z, [8192]) - first).max() > 1e-3, "without a reset it continues"
    assert host.set("seed", "8")
    assert host.set("reset", "1")
    assert np.abs(host.play(z, [8192]) - first).max() > 1e-3
    uniform = host.model.chance.uniform(2, 300, 7)
    assert float(uniform.mean()) == pytest.approx(0.5, abs=0.01)
    assert float(uniform.var()) == pytest.approx(1 / 12, abs=0.01)
    assert float(torch.corrcoef(uniform.flatten(1))[0, 1]) == pytest.approx(0, abs=0.02)


def test_attributes_can_be_read_and_set_by_nn_tilde_and_rave_vst(tmp_path: Path) -> None:
    host = NnTilde(saved(built("live"), tmp_path / "x.ts"))
    assert host.attributes == ["temperature", "seed", "reset"]
    assert [host.get(name) for name in host.attributes] == [[1.0], [0], [False]]
    assert host.set("temperature", "0.5")
    assert host.get("temperature") == [0.5]
    assert not host.set("temperature", "-1")
    assert not host.set("temperature", "inf")
    assert host.get("temperature") == [0.5]
    assert host.model.sr == 48000
    assert not hasattr(host.model, "set_sample_rate"), "1.6 would call it, and the rate would be lost"


def test_rave_vst_plays_two_channels_of_a_mono_model(tmp_path: Path) -> None:
    model = built("v2")
    vst = RaveVst(saved(model, tmp_path / "x.ts"))
    assert (vst.sample_rate, vst.full, vst.ratio, vst.prior, vst.stereo) == (44100, 8, 2048, False, True)
    x = 0.3 * np.random.default_rng(0).standard_normal((4, 8192))
    wide = np.concatenate([vst.perform(block, 1.0) for block in x], 1)
    assert wide.shape == (2, 4 * 8192)
    assert np.abs(wide[0] - wide[1]).max() > 1e-2
    narrow = RaveVst(saved(model, tmp_path / "y.ts"))
    same = np.concatenate([narrow.perform(block, 0.0) for block in x], 1)
    assert np.array_equal(same[0], same[1])
    stereo = RaveVst(saved(built("stereo"), tmp_path / "z.ts"))
    assert not stereo.stereo
    assert np.ptp(np.diff(stereo.perform(x[0], 1.0), axis=0)) > 1e-3, "the two channels differ"


def test_more_rows_than_it_has_state_for_are_refused(tmp_path: Path) -> None:
    path = saved(built("live"), tmp_path / "x.ts", rows=2)
    NnTilde(path, batch=2).perform(np.zeros((2, 1, 4096)))
    with pytest.raises(Exception, match="export it with more rows"):
        NnTilde(path, batch=3).perform(np.zeros((3, 1, 4096)))


def test_an_export_with_a_prior_has_the_method(tmp_path: Path) -> None:
    model = with_prior()
    host = NnTilde(saved(model, tmp_path / "x.ts"), "prior", batch=2)
    assert host.params("prior") == [1, model.ratio, 4, model.ratio]
    assert RaveVst(tmp_path / "x.ts").prior
    temperature = np.full((2, 1, 32 * 128), 0.8)
    assert host.set("seed", "3")
    first = host.play(temperature, [1024])[..., ::128]
    assert first.shape == (2, 4, 32)
    assert np.ptp(first) > 0.5
    assert not np.array_equal(first[0], first[1]), "each row is a separate stream"
    assert host.set("reset", "1")
    assert np.array_equal(host.play(temperature, [128])[..., ::128], first)
    assert host.set("seed", "4")
    assert host.set("reset", "1")
    assert not np.array_equal(host.play(temperature, [128])[..., ::128], first)
    assert "prior" not in NnTilde(saved(built("live"), tmp_path / "y.ts")).methods


@pytest.mark.parametrize("pairs", [False, True])
def test_a_prior_draws_the_same_as_module_script_and_graph(pairs: bool, tmp_path: Path) -> None:
    model = with_prior(pairs)
    prior = model.prior
    assert prior is not None
    chance, temperature = torch.rand(2, 8, 50), torch.full((2, 50), 0.9)
    session = ort.InferenceSession(onnx_model(model, "prior"), providers=["CPUExecutionProvider"])
    sampler = NnTilde(saved(model, tmp_path / "x.ts"), "prior").model.prior_module
    memory = np.zeros((2, session.get_inputs()[-1].shape[1]), np.float32)
    state, wanted, drawn = prior.init_state(2), [], []
    with torch.inference_mode():
        for row in chance.unbind(2):
            z, state = prior.step(row, state, torch.tensor(0.9))
            wanted.append(z)
            feed = {"uniform": row.contiguous().numpy(), "temperature": temperature[:, :1].numpy()}
            z, memory = session.run(["z", "after"], {**feed, "state": memory})
            drawn.append(z[:, 0])
        scripted = sampler(chance, temperature)
    close(np.stack(drawn), torch.stack(wanted))
    close(scripted.permute(2, 0, 1).numpy(), torch.stack(wanted))


def test_an_export_loads_without_perform(tmp_path: Path) -> None:
    path = saved(with_prior(), tmp_path / "x.ts")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-I", nn_tilde.__file__, path]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, check=True)
    answer = json.loads(done.stdout)
    assert answer["modules"] == []
    assert answer["heard"].keys() == {"encode", "decode", "forward", "prior"}
    assert all(0 < level < 100 for level in answer["heard"].values())


@pytest.mark.parametrize("name", ["v1", "v3", "discrete", "stereo", "resampled", "live"])
def test_card_and_licence_are_included_and_the_model_can_be_imported(name: str, tmp_path: Path) -> None:
    model = built(name)
    archive = read(saved(model, tmp_path / "x.ts"))
    assert archive.entries["extra/LICENCE"] == b"CC0-1.0"
    assert json.loads(archive.entries["extra/card.json"]) == model.card
    again = model_in_export(archive)
    assert again is not None
    assert (again.config, again.latents) == (model.config, model.latents)
    for ours, theirs in zip(model.state_dict().items(), again.state_dict().items(), strict=True):
        assert ours[0] == theirs[0]
        assert torch.equal(ours[1], theirs[1])


def test_another_archive_is_not_taken_for_our_export(tmp_path: Path) -> None:
    archive = read(saved(built("live"), tmp_path / "x.ts"))
    archive.tensors["latent_mean"] = archive.tensors.pop("bottleneck.mean")
    with pytest.raises(WrongUse, match=r"bottleneck\.mean does not fit"):
        model_in_export(archive)
    archive.entries["extra/config.json"] = b'{"format": "another"}'
    assert model_in_export(archive) is None
    archive.entries["extra/config.json"] = b"[" * 200_000
    assert model_in_export(archive) is None
    del archive.entries["extra/config.json"]
    assert model_in_export(archive) is None


@pytest.mark.parametrize("name", ["live", "noise"])
def test_an_onnx_export_streams_and_says_what_it_is(name: str) -> None:
    model, frames = built(name), 2
    model.card = {"name": "Tiny", "licence": "CC0-1.0"}
    data = onnx_model(model, "forward", frames)
    said = {entry.key: entry.value for entry in onnx.load_from_string(data).metadata_props}
    assert json.loads(said["card"]) == model.card
    assert (
        Config.from_dict({k: v for k, v in json.loads(said["config"]).items() if k != "format"})
        == model.config
    )
    assert (said["LICENCE"], said["method"], said["frames"]) == ("CC0-1.0", "forward", "2")
    assert (said["sample_rate"], said["ratio"]) == (str(model.config.sample_rate), str(model.ratio))
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert {v.name for v in session.get_inputs()} == {"x", "noise", "state"}
    assert {v.name for v in session.get_outputs()} == {"y", "after"}
    state = np.zeros((1, session.get_inputs()[-1].shape[1]), np.float32)
    hears, speaks = model.encoder_state(1), model.decoder_state(1)
    for _ in range(4):
        x, noise = 0.3 * torch.randn(1, 1, frames * model.ratio), torch.randn(1, model.noise, frames)
        feed = {"x": x.numpy(), "noise": noise.transpose(1, 2).contiguous().numpy(), "state": state}
        y, state = session.run(["y", "after"], feed)
        with torch.inference_mode():
            z, hears = model.encode(x, hears)
            wanted, speaks = model.decode(z, noise, speaks)
        close(y, wanted)


def test_frames_that_are_not_a_power_of_two_are_refused() -> None:
    with pytest.raises(WrongUse, match=r"a frame has 12 samples.*power of two; export it as \.onnx"):
        torchscript(built("few bands"))


def test_a_model_without_a_prior_has_no_prior_graph() -> None:
    with pytest.raises(WrongUse, match="no prior"):
        onnx_model(built("live"), "prior")
    with pytest.raises(WrongUse, match="one frame a call"):
        onnx_model(with_prior(), "prior", 2)
