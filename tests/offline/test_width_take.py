"""A width that moves: what a stage plays, what a render writes and what a replay makes are the same bits."""

from __future__ import annotations

from pathlib import Path

from song_texts import loop
from test_modulated_take import played_alike
from tiny import tiny_model

SET = """
name = "widths"
[[songs]]
name = "wide"
decks = { 1 = "mono" }
[songs.values]
"deck/1/source" = "walk"
"deck/1/width" = 0.8
""" + loop("deck/1/width", 0.4, [[0.0, 0.0], [0.1, 1.0], [0.3, 0.0]])


def test_live_render_and_replay_of_a_width_are_the_same_bits(
    shared_cache: None, tiny_models: Path, tmp_path: Path
) -> None:
    tiny_model(tiny_models / "mono.safetensors", noise_ratios=(4,), noise_taps=3)
    path = tmp_path / "widths.toml"
    path.write_text(SET)
    played_alike(path, tmp_path)
