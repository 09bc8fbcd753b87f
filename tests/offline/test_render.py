"""Rendering a set offline, with its loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from perform.library.cards import change_card
from perform.offline.render import render

SET = """
name = "a"
[[songs]]
name = "b"
decks.1 = "bells"
values."deck/1/source" = "walk"
[[songs.loops]]
address = "deck/1/gain"
seconds = 0.5
points = [[0.0, 0.0], [0.2, 0.0], [0.25, -60.0], [0.45, -60.0], [0.5, 0.0]]
"""


@pytest.mark.usefixtures("tiny_models")
def test_the_loops_of_a_song_play(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(SET)
    out = tmp_path / "a.wav"
    render(str(tmp_path / "a.toml"), out, 2.0, seed=1, rate=48000, on_progress=lambda seconds: None)
    sound, rate = soundfile.read(out)
    for turn in range(4):
        loud, quiet = (
            sound[int(rate * (turn / 2 + begin)) : int(rate * (turn / 2 + end))]
            for begin, end in ((0.05, 0.2), (0.35, 0.45))
        )
        assert np.sqrt((loud**2).mean()) > 0.1
        assert np.abs(quiet).max() < 0.01


def test_a_song_of_an_earlier_version_keeps_the_level_of_a_calibrated_model(
    tiny_models: Path, tmp_path: Path
) -> None:
    change_card(tiny_models / "bells.safetensors", {"loudness_lufs": -3.0, "trim_earlier": -28.0})
    peaks = []
    for name, value in (("earlier", ""), ("new", 'values."deck/1/calibrated" = "on"\n')):
        (tmp_path / f"{name}.toml").write_text(SET.split("[[songs.loops]]", maxsplit=1)[0] + value)
        out = tmp_path / f"{name}.wav"
        render(str(tmp_path / f"{name}.toml"), out, 0.5, seed=1, rate=48000, on_progress=lambda seconds: None)
        peaks.append(np.abs(soundfile.read(out)[0][12000:]).max())
    assert 20 * np.log10(peaks[1] / peaks[0]) == pytest.approx(12.0, abs=0.1)
