"""An effect module in a set, in its take and in a transfer: the same samples, in its sandbox."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from module_files import add_to_library, no_sandbox, wrapped
from modules import Swap, export

from perform.cli import main
from perform.foreign.torchscript_model import TorchscriptModel
from perform.offline import replay
from perform.offline.transfer import Transfer, TransferOptions
from perform.rave.archive import read
from perform.recorder import take_index
from perform.recorder.take_names import track_path

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


def write_set(text: str, folder: Path, models: Path) -> np.ndarray:
    """Write a set with the module `swap` and a sound file; return the file's sound (n, 2)."""
    add_to_library(models, "swap", Swap(), Swap.LATE)
    x = 0.1 * np.random.default_rng(0).standard_normal((RATE // 2, 2)).astype(np.float32)
    soundfile.write(folder / "sound.wav", x, RATE, subtype="FLOAT")
    (folder / "set.toml").write_text(text.format(sound=folder / "sound.wav"))
    return x


def test_an_effect_module_in_its_sandbox_renders_and_replays_the_same_bits(
    tmp_path: Path, tiny_models: Path
) -> None:
    write_set(SET, tmp_path, tiny_models)
    options = ("--seconds", 0.4, "--take", tmp_path / "takes")
    take = take_index.read(Path(run("render", tmp_path / "set.toml", *options).stdout.strip()))
    rendered = soundfile.read(take.path)[0]
    assert np.abs(rendered).max() > 0.01
    replay.render(take, tmp_path / "again.wav", replay.ReplayOptions(), lambda seconds: None)
    assert np.array_equal(soundfile.read(tmp_path / "again.wav")[0], rendered)


INSERTS = """
name = "inserted"
[[songs]]
name = "one"
decks.1 = "swap"
inserts.1 = "swap"
inserts.master = "swap"
[songs.files]
1 = "{sound}"
[songs.values]
"deck/1/source" = "file"
"deck/1/gain" = -6
"deck/1/insert/attribute/1" = 0.5
"deck/1/insert/wet" = 0.75
"master/insert/attribute/1" = 2.0
[[songs.modulation]]
source = "lfo 1"
to = "master/insert/wet"
low = -0.5
high = 0.0
"""


def test_inserts_render_into_master_and_stem_and_replay_the_same_bits(
    tmp_path: Path, tiny_models: Path
) -> None:
    x = write_set(INSERTS, tmp_path, tiny_models)
    options = ("--seconds", 0.4, "--take", tmp_path / "takes", "--stems", "--float")
    take = take_index.read(Path(run("render", tmp_path / "set.toml", *options).stdout.strip()))
    rendered, stem = (soundfile.read(track_path(take.path, name))[0] for name in ("master", "deck1"))
    once = Swap.LATE + (256 + 2 * 256) + Swap.LATE  # through the deck's module, then through its insert
    wanted = (x * 0.5 * 0.75)[: len(stem) - once] * 10 ** (-6 / 20)
    dry = x[: len(stem) - once, ::-1] * 0.25 * 10 ** (-6 / 20)
    assert np.allclose(stem[once:][2000:], (wanted + dry)[2000:], atol=1e-5), "swapped twice, and once"
    assert np.abs(rendered[4000:]).max() > 0.01
    options = replay.ReplayOptions(stems=True)
    replay.render(take, tmp_path / "again.wav", options, lambda seconds: None)
    for name, before in (("master", rendered), ("deck1", stem)):
        assert np.array_equal(soundfile.read(track_path(tmp_path / "again.wav", name))[0], before), name


def test_a_transfer_is_in_time_with_the_sound(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive = read(export(Swap(), tmp_path / "swap.ts"))
    model = TorchscriptModel(wrapped(archive, tmp_path / "swap.safetensors", delay=Swap.LATE), no_sandbox)
    assert model.encoder is not None
    x = 0.1 * np.random.default_rng(0).standard_normal((RATE // 4, 2)).astype(np.float32)
    through = Transfer(model.encoder, model, RATE, RATE, options=TransferOptions(scale={1: 0.5}))
    y = np.concatenate([through.feed(x[:5000]), through.feed(x[5000:]), through.finish()])
    assert len(y) == len(x)
    inside = slice(4000, -4000)  # behind the DC blocker's beginning
    assert np.abs(y[inside] - (x[:, ::-1] * [0.5, 1.0])[inside]).max() < 0.02, "sides are swapped"
