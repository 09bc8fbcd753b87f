"""Sound files in the buffers of a module: from the song to the module, to the take, and back from its log."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from modules import Boxes, export

from perform.cli import main
from perform.core.errors import PerformError
from perform.engine.file_reader import MAX_SOUND, LocalFileReader
from perform.foreign import consent
from perform.foreign.scan.archive_scan import repack
from perform.library import places
from perform.offline import replay
from perform.rave.archive import read
from perform.recorder import take_index

SET = """
name = "boxes"
[[songs]]
name = "one"
decks.1 = "{module}"
[songs.words]
"deck/1/attribute/1" = ["rain.wav", "0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5"]
[songs.values]
"deck/1/attribute/1" = "rain.wav"
"""


@pytest.fixture
def boxes(tmp_path: Path) -> Path:
    """The set; its sound has two channels and a mean of 0.25."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = export(Boxes(), tmp_path / "boxes.ts")
    consent.give(repack(read(module)), "boxes")
    rain(0.25)
    (tmp_path / "boxes.toml").write_text(SET.format(module=module))
    return tmp_path / "boxes.toml"


def rain(mean: float) -> Path:
    path = places.user("sounds") / "rain.wav"
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.tile([2 * mean, 0.0], (4800, 1)), 44100, subtype="FLOAT")
    return path


def render(*args: object) -> Result:
    return CliRunner().invoke(main, ["render", *map(str, args), "--seconds", "0.5"])


def level(path: Path) -> float:
    return float(np.abs(soundfile.read(path)[0][12000:]).mean())


def test_a_song_fills_a_buffer_from_a_file_and_its_take_replays(boxes: Path, tmp_path: Path) -> None:
    done = render(boxes, "--take", tmp_path / "takes")
    assert done.exit_code == 0, done.output
    take = take_index.read(Path(done.stdout.strip()))
    again = tmp_path / "again.wav"
    replay.render(take, again, replay.ReplayOptions(), lambda seconds: None)
    assert np.array_equal(soundfile.read(take.path)[0], soundfile.read(again)[0]) and level(again) > 1e-3
    words = boxes.read_text()
    boxes.write_text(words.replace('/1" = "rain.wav"', '/1" = "own"'))
    assert render(boxes, "-o", tmp_path / "empty.wav").exit_code == 0
    assert level(tmp_path / "empty.wav") < 1e-6, "without a sound the module is silent"
    boxes.write_text(words.replace('/1" = "rain.wav"', '/1" = 1'))
    assert render(boxes, "-o", tmp_path / "values.wav").exit_code == 0
    assert level(tmp_path / "values.wav") == pytest.approx(2 * level(again), rel=0.1), "values by hand"
    boxes.write_text(words)
    path = rain(0.1)
    with pytest.raises(PerformError, match=r"rain\.wav: has changed since the take"):
        replay.render(take, tmp_path / "x.wav", replay.ReplayOptions(), lambda seconds: None)
    path.unlink()
    with pytest.raises(PerformError, match=r"rain\.wav: no such file"):
        replay.render(take, tmp_path / "x.wav", replay.ReplayOptions(), lambda seconds: None)
    done = render(boxes, "-o", tmp_path / "x.wav")
    assert done.exit_code != 0 and "rain.wav: no such file" in done.output


def test_a_sound_for_a_buffer_is_read_whole_or_refused(tmp_path: Path) -> None:
    found = LocalFileReader().sound(str(rain(0.25)))
    assert found.samples.shape == (2, 4800) and found.rate == 44100 and len(found.digest) == 64
    assert found.samples.mean() == pytest.approx(0.25)
    long = tmp_path / "long.wav"
    soundfile.write(long, np.zeros(MAX_SOUND + 1, np.float32), 48000)
    with pytest.raises(PerformError, match="too long; use at most 350 seconds"):
        LocalFileReader().sound(str(long))
