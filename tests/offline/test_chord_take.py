"""Chords: what a stage plays, what a render writes and what a replay makes are the same bits."""

from __future__ import annotations

from pathlib import Path

import pytest
from song_texts import loop, row
from test_modulated_take import played_alike
from tiny import tiny_model

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
MOVES = (
    loop("deck/1/note/3/gate", 0.4, [[0.0, 0.0], [0.1, 1.0], [0.3, 0.0]])
    + loop("deck/1/note/3/pitch", 0.3, [[0.0, 7.0], [0.2, 12.0]])
    + row("lfo 1", "deck/1/note/2/pitch", -0.3, 0.3)
)
PITCHED = {"encoder": "pitched", "decoder": "harmonic", "bottleneck": "pitched", "harmonics": 8}


@pytest.fixture(params=["", MOVES], ids=["held", "moving"])
def chords(request: pytest.FixtureRequest, shared_cache: None, tiny_models: Path, tmp_path: Path) -> Path:
    shape = PITCHED | {"noise_ratios": (4,), "noise_taps": 3}
    tiny_model(tiny_models / "flute.safetensors", latents=8, **shape)
    path = tmp_path / "chords.toml"
    path.write_text(SET + request.param)
    return path


def test_live_render_and_replay_of_a_chord_are_the_same_bits(chords: Path, tmp_path: Path) -> None:
    played_alike(chords, tmp_path)
