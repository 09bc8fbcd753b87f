"""A file's own sound beside the model's: in time with it, with smooth gains, and free while it is silent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from test_effect_modules import deck_sound
from test_sources import RATE, Rig, noise, playing_a_file
from tiny import tiny_model

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE
from perform.core.file_mix import FileMix

QUIET = {"deck_1_file_wet": params.SILENCE_DB}


@pytest.fixture
def file(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """Stereo, half a second."""
    sound = np.stack([noise(RATE // 2, 1), noise(RATE // 2, 2)], 1)
    soundfile.write(tmp_path / "file.wav", sound, RATE, subtype="FLOAT")
    return tmp_path / "file.wav", sound


def playing(arena: Arena, tmp_path: Path, path: Path, **values: float) -> Rig:
    """A centred model, whose latents and sound are late."""
    made = tiny_model(tmp_path / "tiny.safetensors", encoder="convolutional", padding="centred")
    return playing_a_file(arena, made, path, **values)


def test_the_dry_sound_is_the_file_as_late_as_the_model_says(
    arena: Arena, tmp_path: Path, file: tuple[Path, np.ndarray]
) -> None:
    path, sound = file
    rig = playing(arena, tmp_path, path, deck_1_file_dry=0, **QUIET)
    arena.lanes[0, LANE["trim"]] = -6.0
    rig.play(noise(RATE // 4))
    y, late = deck_sound(rig, 1), rig.voices[1][0].card.delay
    assert late > 100
    trim = 10 ** (-6 / 20)
    assert np.allclose(y[2000:] * trim, sound[2000 - late : len(y) - late], atol=1e-6), (
        "the trim is not for it"
    )


def test_a_silent_dry_side_reads_nothing_and_changes_no_sample(
    arena: Arena, tmp_path: Path, file: tuple[Path, np.ndarray]
) -> None:
    rig = playing(arena, tmp_path, file[0])
    rig.play(noise(RATE // 8))
    own = rig.assignments[1].files._sounds[7]
    assert own.length == 0 and rig.voices[1][2].file_mix is None
    rig.put(deck_1_file_dry=0)
    rig.play(noise(RATE // 8))
    assert own.ready == own.length > 0
    rig.source(1, "hand")
    rig.play(noise(RATE // 8))
    assert rig.voices[1][2].file_mix is None


def test_gains_move_without_a_step(arena: Arena, tmp_path: Path) -> None:
    wave = (0.4 * np.sin(np.arange(RATE // 2) * 2 * np.pi * 90 / RATE)).astype(np.float32)
    soundfile.write(tmp_path / "wave.wav", wave, RATE, subtype="FLOAT")
    rig = playing(
        arena, tmp_path, tmp_path / "wave.wav", deck_1_file_start=0.2, deck_1_file_end=0.37, **QUIET
    )
    for dry, source in ((-60, "file"), (0, "file"), (-60, "file"), (0, "file"), (0, "hand")):
        rig.source(1, source)
        rig.put(deck_1_file_dry=dry, deck_1_file_wet=-60)
        rig.play(noise(12 * 256))
    y = deck_sound(rig, 1)[: 4 * 12 * 256, 0]  # before the model sounds
    assert np.abs(y).max() > 0.35
    assert np.abs(np.diff(y)).max() < 0.05, "a step would be up to 0.8"


def test_a_mix_is_packed_and_a_damaged_one_is_refused() -> None:
    y, dry = np.ones((1, 4), np.float32), np.ones((2, 4), np.float32)
    for mix in (FileMix(1.0, 0.5, dry), FileMix(0.5, 0.5, None)):
        again = FileMix.unpack(mix.pack())
        assert np.array_equal(again.mixed(y), mix.mixed(y))
    assert FileMix(1.0, 0.5, dry).mixed(y).shape == (2, 4)
    for payload in (b"", FileMix(1.0, 1.0, dry).pack()[:-2], FileMix(1.0, 1.0, dry[:, :1]).pack()[:-4]):
        with pytest.raises(ValueError, match="cut short"):
            FileMix.unpack(payload)
