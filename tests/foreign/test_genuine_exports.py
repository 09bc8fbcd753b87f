"""Our exports are nn~ modules: the scan passes them, a sandbox plays them, an import recognises them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner, Result
from family import built, with_prior
from module_files import no_sandbox, wrapped
from tiny import tiny_model

from perform.cli import main
from perform.foreign.opening import open_model
from perform.foreign.scan.archive_scan import scan
from perform.foreign.torchscript_model import TorchscriptModel
from perform.rave.archive import read
from perform.rave.export import torchscript
from perform.rave.model_files import load

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def perform(*args: str) -> Result:
    """Run a verb in this process; `stdout` and `stderr` have its output."""
    return CliRunner().invoke(main, args)


@pytest.mark.parametrize("name", ["v1", "v2_small", "v3", "discrete", "spherical", "prior"])
def test_the_scan_finds_only_arithmetic_in_them(name: str, tmp_path: Path) -> None:
    model = with_prior() if name == "prior" else built(name)
    (tmp_path / "x.ts").write_bytes(torchscript(model, 2))
    scan(read(tmp_path / "x.ts"))


def test_the_torchscript_host_plays_one(tmp_path: Path) -> None:
    model = with_prior()
    (tmp_path / "x.ts").write_bytes(torchscript(model, 2))
    host = TorchscriptModel(
        wrapped(read(tmp_path / "x.ts"), tmp_path / "x.safetensors", "decode"), no_sandbox
    )
    assert (host.card.latents, host.card.channels, host.card.sample_rate) == (4, 1, 48000)
    assert {a.name: a.default for a in host.attributes} == {"temperature": 1.0, "seed": 0}
    assert host.actions == ["reset"]
    assert host.has_prior
    stream, ours = host.stream(), model.decoder_state(1)
    stream.set("temperature", 0.0)
    for _ in range(5):
        z = np.random.default_rng(0).standard_normal((1, 4)).astype(np.float32)
        z = np.repeat(z, 2, 0)[:1]
        y = host.render([stream], z, np.zeros((1, 1), np.float32))[0]
        frames = host.card.ratio // model.ratio
        with torch.inference_mode():
            many = torch.from_numpy(z)[:, :, None].expand(-1, -1, frames)
            wanted, ours = model.decode(many, torch.zeros(1, model.noise, frames), ours)
        assert np.abs(y - wanted[0].numpy()).max() < 1e-4
    first = [stream.prior(1.0, seed) for seed in range(20)]
    assert np.ptp(first, axis=0).min() > 0.1
    stream.act("reset")
    assert np.array_equal([stream.prior(1.0, seed) for seed in range(20)], first)


def test_import_reads_the_same_model_back(tiny: Path, tmp_path: Path) -> None:
    source = tiny / "bells.safetensors"
    done = perform("export", str(source), "-o", str(tmp_path / "x.ts"), "--rows", "2")
    assert done.exit_code == 0, done.stderr
    assert "licence CC0" in done.stderr
    done = perform("models", "import", str(tmp_path / "x.ts"), "--json")
    assert done.exit_code == 0, done.stderr
    assert "this export is from perform" in done.stderr
    taken, model = load(Path(json.loads(done.stdout)["path"])), load(source)
    assert taken.card == model.card
    assert torch.equal(taken.gesture, model.gesture)
    for ours, theirs in zip(model.state_dict().values(), taken.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    z, noise = np.ones((1, 4), np.float32), np.zeros((1, 4), np.float32)
    sounds = []
    for path in (source, tmp_path / "x.ts"):
        host = open_model(path)
        sounds.append(host.render([host.stream()], z, noise))
    assert np.array_equal(*sounds)


def test_the_verb_overwrites_no_file_and_names_an_alternative(tiny: Path, tmp_path: Path) -> None:
    source, out = str(tiny / "bells.safetensors"), tmp_path / "x.onnx"
    done = perform("export", source, "-o", str(out), "--method", "decode", "--frames", "2", "--json")
    assert json.loads(done.stdout)["methods"] == ["decode"]
    before = out.read_bytes()
    for options, says in (
        (["-o", str(out)], "--replace"),
        (["-o", str(out), "--replace", "--rows", "3"], "--rows cannot be used with .onnx"),
        (["-o", str(tmp_path / "x.pt")], "use a name that ends in .ts or .onnx"),
        (["-o", str(out), "--replace", "--method", "prior"], "this model has no prior; `perform train"),
    ):
        done = perform("export", source, *options)
        assert done.exit_code != 0
        assert says in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert out.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir() if p.suffix != ".onnx" and p.is_file()] == []
    assert perform("export", source, "-o", str(out), "--replace").exit_code == 0
    assert out.read_bytes() != before


def test_a_prior_is_trained_exported_and_imported(tmp_path: Path) -> None:
    source = tiny_model(tmp_path / "m.safetensors")
    time = np.arange(16 * 48000) / 48000
    sound = 0.3 * np.sin(2 * np.pi * (200 + 50 * np.sin(3 * time)) * time) * (time % 0.7)
    soundfile.write(tmp_path / "sound.wav", sound, 48000)
    train = ["train", str(tmp_path / "sound.wav"), "--prior", str(source)]
    done = perform(*train, "--latents", "3")
    assert (done.exit_code, "--latents cannot be used with --prior; use only --steps" in done.stderr) == (
        2,
        True,
    )
    done = perform(*train, "--steps", "3", "--threads", "1")
    assert done.exit_code == 0, done.stderr
    assert "nats per held-out frame" in done.stderr
    assert "3 steps" in perform("models", "info", str(source)).stdout
    assert perform("export", str(source), "-o", str(tmp_path / "x.ts"), "--rows", "1").exit_code == 0
    assert perform("models", "import", str(tmp_path / "x.ts"), "--name", "again").exit_code == 0
    stream, again = (
        open_model(path).stream() for path in (source, tmp_path / "home" / "models" / "again.safetensors")
    )
    assert np.array_equal(stream.prior(1.0, 5), again.prior(1.0, 5))
