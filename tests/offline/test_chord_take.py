"""Chords: what a stage plays, what a render writes and what a replay makes are the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_modulated_take import played_live, rendered
from tiny import tiny_model

from perform.offline import replay

SET = """
name = "chords"
[[songs]]
name = "choral"
decks = { 1 = "flute" }
[songs.values]
"deck/1/voices" = 3
"deck/1/note/1/gate" = "on"
"deck/1/note/2/gate" = "on"
"deck/1/note/2/pitch" = 4.0
"lfo/1/rate" = 5.0
"deck/1/note/3/gate" = "on"
"deck/1/note/3/pitch" = 7.0
"""
MOVES = """
[[songs.loops]]
address = "deck/1/note/3/gate"
seconds = 0.4
points = [[0.0, 0.0], [0.1, 1.0], [0.3, 0.0]]
[[songs.loops]]
address = "deck/1/note/3/pitch"
seconds = 0.3
points = [[0.0, 7.0], [0.2, 12.0]]
[[songs.modulation]]
source = "lfo 1"
to = "deck/1/note/2/pitch"
low = -0.3
high = 0.3
"""
PITCHED = {"encoder": "pitched", "decoder": "harmonic", "bottleneck": "pitched", "harmonics": 8}


@pytest.fixture(params=["", MOVES], ids=["held", "moving"])
def chords(request: pytest.FixtureRequest, shared_cache: None, tiny_models: Path, tmp_path: Path) -> Path:
    shape = PITCHED | {"noise_ratios": (4,), "noise_taps": 3}
    tiny_model(tiny_models / "flute.safetensors", latents=8, **shape)
    path = tmp_path / "chords.toml"
    path.write_text(SET + request.param)
    return path


def test_live_render_and_replay_of_a_chord_are_the_same_bits(chords: Path, tmp_path: Path) -> None:
    take = rendered(chords, tmp_path / "takes")
    wanted = soundfile.read(take.path, dtype="float32", always_2d=True)[0]
    assert np.array_equal(played_live(chords, tmp_path), wanted)
    replay.render(take, tmp_path / "again.wav", replay.ReplayOptions(), lambda seconds: None)
    assert (tmp_path / "again.wav").read_bytes() == take.path.read_bytes()
    assert wanted.any()
