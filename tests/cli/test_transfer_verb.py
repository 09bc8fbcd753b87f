"""`perform transfer` and `perform matrix`: files, folders, third-party modules, and error messages."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from modules import Pair, export

from perform.cli import main
from perform.core.errors import PerformError
from perform.library.sound_files import BLOCK, SoundFile
from perform.recorder.new_files import new_sound_file

RATE = 48000


@pytest.fixture(autouse=True)
def denormals_again() -> Iterator[None]:
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder whose graph cache all tests share."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def home(cache: Path, tiny: Path, own_places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFORM_HOME", str(cache))
    if not (cache / "models").exists():
        (cache / "models").symlink_to(tiny)


def run(*args: object) -> Result:
    """Run a verb in this process."""
    return CliRunner().invoke(main, [str(arg) for arg in args])


def sound(path: Path, seconds: float = 0.5, channels: int = 1, rate: int = RATE, **how: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    x = 0.2 * np.random.default_rng(0).standard_normal((round(seconds * rate), channels))
    soundfile.write(path, x, rate, **how)
    return path


def test_the_output_is_as_long_as_the_input(tmp_path: Path) -> None:
    result = run("transfer", sound(tmp_path / "in.flac", 0.7), "-o", tmp_path / "out.wav", "--model", "bells",
               "--from", "choir", "--scale", "0=1.5", "--bias", "1=-0.3", "--json")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["seconds"] == 0.7
    y, rate = soundfile.read(tmp_path / "out.wav")
    assert (y.shape, rate) == ((round(0.7 * RATE), 2), RATE)
    assert np.abs(y).max() > 1e-3
    again = run("transfer", tmp_path / "in.flac", "-o", tmp_path / "out.wav", "--model", "bells")
    assert again.exit_code == 2
    assert "already" in again.stderr
    other = run(
        "transfer", tmp_path / "in.flac", "-o", tmp_path / "a.flac", "--model", "bells", "--rate", "44100"
    )
    assert other.exit_code == 0, other.output
    assert soundfile.info(tmp_path / "a.flac").frames == round(0.7 * 44100)


def test_all_files_of_a_folder_are_transferred_and_failures_are_listed_at_the_end(tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "in" / "out"
    sound(folder / "a.wav", channels=2, rate=44100)
    sound(folder / "a.flac")
    sound(folder / "deep" / "er" / "b.aiff", rate=22050)
    sound(folder / "c.ogg", channels=6)
    (folder / "broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEjunk")
    (folder / "notes.txt").write_text("no sound")
    fast = bytearray(sound(folder / "fast.wav").read_bytes())
    fast[24:28] = (2**31 - 1).to_bytes(4, "little")
    (folder / "fast.wav").write_bytes(fast)
    result = run("transfer", folder, "-o", out, "--model", "bells", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["files"] == 4
    assert [Path(f["path"]).name for f in report["failed"]] == ["broken.wav", "fast.wav"]
    assert report["failed"][1]["why"] == "its header says 2147483647 Hz"
    lines = [line for line in result.stderr.splitlines() if "broken.wav" in line]
    assert len(lines) == 1
    assert "2 of 6 files" in result.stderr.splitlines()[-1]
    written = {str(path.relative_to(out)): path for path in out.rglob("*.wav")}
    assert set(written) == {"a.wav.wav", "a.flac.wav", str(Path("deep/er/b.wav")), "c.wav"}
    assert {soundfile.info(path).samplerate for path in written.values()} == {RATE, 44100, 22050}
    before = {path: path.read_bytes() for path in written.values()}
    (folder / "broken.wav").unlink(), (folder / "fast.wav").unlink()
    again = run("transfer", folder, "-o", out, "--model", "bells")
    assert again.exit_code == 1  # all output files exist already
    assert {path: path.read_bytes() for path in written.values()} == before
    assert not list(out.rglob("*.part"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_third_party_module_encodes_and_decodes_in_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERFORM_HOME", str(tmp_path / "home"))
    deaf = run("models", "import", export(Pair(deaf=True), tmp_path / "deaf.ts"), "--yes")
    assert "delay unknown" in deaf.stderr
    assert re.search(r"delay_ms +unknown", run("models", "info", "deaf").stdout)
    imported = run("models", "import", export(Pair(), tmp_path / "pair.ts"), "--yes", "--json")
    assert json.loads(imported.stdout)["delay_ms"] == 6.2  # 300 samples
    x = np.zeros((RATE, 1))
    x[24064:28160] = 0.2  # 16 of its frames
    soundfile.write(tmp_path / "burst.wav", x, RATE, subtype="FLOAT")
    result = run(
        "transfer", tmp_path / "burst.wav", "-o", tmp_path / "out.wav", "--model", "pair", "--bias", "0=-0.25"
    )
    assert result.exit_code == 0, result.stderr
    y, _ = soundfile.read(tmp_path / "out.wav")
    assert y.shape == (RATE, 2)
    loud = np.abs(y[:, 0]) > 0.5 * np.abs(y).max()
    assert (np.flatnonzero(loud)[0], np.flatnonzero(loud)[-1]) == (24064, 28159), "the output is in time"
    refused = run(
        "transfer", tmp_path / "burst.wav", "-o", tmp_path / "x.wav", "--model", "pair", "--from", "deaf"
    )
    assert "delay of deaf is unknown" in refused.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["nothing.wav", "-o", "x.wav", "--model", "bells"], "no such file"),
        (["in.wav", "-o", "x.mp3", "--model", "bells"], "cannot write '.mp3'"),
        (["in.wav", "-o", "no/x.wav", "--model", "bells"], "no such folder"),
        (["in.wav", "-o", "x.wav", "--model", "beels"], "bells"),
        (["in.wav", "-o", "x.wav", "--model", "bells", "--scale", "4=1"], "0 to 3"),
        (["in.wav", "-o", "x.wav", "--model", "bells", "--bias", "0=nan"], "0=nan"),
        (["in.wav", "-o", "x.wav", "--model", "bells", "--bias", "much"], "0=1.5"),
        (["in.wav", "-o", "x.wav", "--model", "bells", "--matrix", "in.wav"], "not a matrix"),
        (["text.wav", "-o", "x.wav", "--model", "bells"], "cannot be read as sound"),
        (["empty", "-o", "x", "--model", "bells"], "no sound files"),
    ],
)
def test_an_error_names_the_cause_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    sound(tmp_path / "in.wav")
    (tmp_path / "text.wav").write_text("text")
    (tmp_path / "empty").mkdir()
    result = run("transfer", *args)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not [*tmp_path.glob("x*"), *tmp_path.glob(".x*")]


@settings(max_examples=60)
@given(st.data(), st.sampled_from(["wav", "flac", "ogg", "aiff", "caf"]))
def test_a_damaged_sound_file_is_read_to_its_end_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, kind: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"mangled.{kind}"
    whole = bytearray(sound(path, 0.05).read_bytes())
    for _ in range(data.draw(st.integers(0, 6))):
        whole[data.draw(st.integers(0, min(200, len(whole) - 1)))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        with SoundFile(path) as file:
            for _, block in zip(range(1000), file.blocks(), strict=False):
                assert block.shape[1] == file.channels
                assert len(block) <= BLOCK
    except PerformError as error:
        assert path.name in str(error)


def test_an_output_file_gets_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    for suffix in (".wav", ".flac"):
        out = tmp_path / f"x{suffix}"
        with pytest.raises(RuntimeError, match="midway"), new_sound_file(out, RATE) as write:
            write(np.zeros((5000, 2), np.float32))
            assert not out.exists()
            raise RuntimeError("midway")
        assert not list(tmp_path.iterdir())
        with new_sound_file(out, RATE) as write:
            write(np.full((5000, 2), 0.5, np.float32))
        assert soundfile.read(out)[0] == pytest.approx(0.5)
        out.unlink()


def test_a_matrix_works_only_with_the_two_models_it_was_learnt_for(tmp_path: Path) -> None:
    recording = sound(tmp_path / "recordings" / "both.wav", 2.5)
    sound(tmp_path / "recordings" / "more" / "last.flac")
    models = ("--from", "bells", "--model", "choir")
    made = run("matrix", recording.parent, *models, "-o", tmp_path / "b.matrix", "--json")
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["path"] == str(tmp_path / "b.matrix")
    way = ("transfer", recording, "--matrix", tmp_path / "b.matrix")
    done = run(*way, "--from", "bells", "--model", "choir", "-o", tmp_path / "x.wav")
    assert done.exit_code == 0, done.output
    assert soundfile.info(tmp_path / "x.wav").frames == 2.5 * RATE
    wrong = run(*way, "--from", "choir", "--model", "bells", "-o", tmp_path / "y.wav")
    assert wrong.exit_code == 2
    assert "maps from 'bells'" in wrong.stderr
    (tmp_path / "empty").mkdir()
    for name in ("empty", "nothing.wav"):
        none = run("matrix", tmp_path / name, *models, "-o", tmp_path / "e.matrix")
        assert none.exit_code == 2 and f"{name}: no sounds" in none.stderr
    short = run(
        "matrix",
        sound(tmp_path / "s.wav", 0.1),
        "--from",
        "bells",
        "--model",
        "choir",
        "-o",
        tmp_path / "s.matrix",
    )
    assert short.exit_code == 2
    assert "has only 37 frames" in short.stderr
    assert not (tmp_path / "s.matrix").exists()


def test_transfer_with_a_cached_model_needs_no_torch(tmp_path: Path) -> None:
    path = sound(tmp_path / "in.wav")
    assert run("transfer", path, "-o", tmp_path / "one.wav", "--model", "bells").exit_code == 0
    code = (
        "import sys; from perform.cli import main; "
        f"main({['transfer', str(path), '-o', str(tmp_path / 'two.wav'), '--model', 'bells']!r}, "
        "standalone_mode=False); print([m for m in ('torch', 'textual', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()
