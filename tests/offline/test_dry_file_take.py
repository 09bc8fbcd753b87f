"""A file's own sound beside the model's: live, render and replay are the same bits, with moving gains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from song_texts import row
from test_modulated_take import played_alike
from tiny import tiny_model

from perform.core.event_log import FILE_MIXED
from perform.recorder import gesture_log

SET = """
name = "transfers"
[[songs]]
name = "one"
decks = {{ 1 = "near", 2 = "far" }}
files = {{ 1 = "{sound}", 2 = "{sound}" }}
[songs.values]
"deck/1/source" = "file"
"deck/2/source" = "file"
"deck/2/file/dry" = -6.0
"deck/2/speed" = 0.7
"lfo/1/rate" = 3.0
""" + row("lfo 1", "deck/1/file/dry", 0.0, 60.0)


def test_live_render_and_replay_of_the_dry_sound_are_the_same_bits(
    shared_cache: None, tiny_models: Path, tmp_path: Path
) -> None:
    """One model has the stage's rate and is decoded many frames at a time; the other is resampled."""
    tiny_model(tiny_models / "near.safetensors")
    tiny_model(tiny_models / "far.safetensors", sample_rate=44100)
    x = 0.1 * np.random.default_rng(0).standard_normal((48000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "sound.wav", x, 48000, subtype="FLOAT")
    path = tmp_path / "transfers.toml"
    path.write_text(SET.format(sound=tmp_path / "sound.wav"))
    take, wanted = played_alike(path, tmp_path)
    records = gesture_log.read(take.path.with_suffix(gesture_log.SUFFIX)).records
    assert {event.who for event in records if event.kind == FILE_MIXED} == {0, 2}
    assert not np.array_equal(wanted[:, 0], wanted[:, 1]), "the file is stereo"
