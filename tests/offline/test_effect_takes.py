"""An effect module in a set, in its take and in a transfer: the same samples, in its sandbox."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from module_files import wrapped
from modules import Swap, export

from perform.cli import main
from perform.foreign import consent
from perform.foreign.scan.archive_scan import repack
from perform.offline import replay
from perform.rave.archive import read
from perform.recorder import take_index

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RATE = 48000
SET = """
name = "swapped"
[[songs]]
name = "one"
decks.1 = "swap"
[songs.files]
1 = "{sound}"
[songs.values]
"deck/1/source" = "file"
"deck/1/attribute/1" = 0.5
"deck/1/z/0/scale" = 0.5
"""


def run(*args: object) -> Result:
    done = CliRunner().invoke(main, [str(arg) for arg in args])
    assert done.exit_code == 0, done.output
    return done


def test_an_effect_module_renders_replays_and_transfers(tmp_path: Path, tiny_models: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = export(Swap(), tmp_path / "swap.ts")
    wrapped(read(module), tiny_models / "swap.safetensors", delay=Swap.LATE)
    consent.give(repack(read(module)), "swap")
    x = 0.1 * np.random.default_rng(0).standard_normal((RATE // 2, 2)).astype(np.float32)
    soundfile.write(tmp_path / "sound.wav", x, RATE, subtype="FLOAT")
    (tmp_path / "set.toml").write_text(SET.format(sound=tmp_path / "sound.wav"))
    options = ("--seconds", 0.4, "--take", tmp_path / "takes")
    take = take_index.read(Path(run("render", tmp_path / "set.toml", *options).stdout.strip()))
    rendered = soundfile.read(take.path)[0]
    assert np.abs(rendered).max() > 0.01
    replay.render(take, tmp_path / "again.wav", replay.ReplayOptions(), lambda seconds: None)
    assert np.array_equal(soundfile.read(tmp_path / "again.wav")[0], rendered)

    run("transfer", tmp_path / "sound.wav", "--model", "swap", "-o", tmp_path / "out.wav", "--scale", "1=0.5")
    y = soundfile.read(tmp_path / "out.wav")[0]
    assert len(y) == len(x)
    inside = slice(6000, -6000)  # behind the DC blocker's beginning
    assert np.abs(y[inside] - (x[:, ::-1] * [0.5, 1.0])[inside]).max() < 0.02, "in time, sides swapped"
    matrix = (
        "matrix",
        tmp_path / "sound.wav",
        "--from",
        "swap",
        "--model",
        "bells",
        "-o",
        tmp_path / "a.matrix",
    )
    refused = CliRunner().invoke(main, [str(arg) for arg in matrix])
    assert refused.exit_code != 0
    assert "an effect module has no latents" in refused.output
