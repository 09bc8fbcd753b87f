"""The set that opens by default: its voices are bundled, its tune is in tune, its chord has all its notes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from perform.library import places, sets
from perform.offline.render import render
from perform.rave.fundamental import Fundamental

RATE = 48000
DEMO = places.bundled("presets") / "sets" / "demo.toml"


def heard(
    song: str, without: str, folder: Path, seconds: float, before: str = "", after: str = ""
) -> np.ndarray:
    """The sound (n,) of one song of the demo, without one of its decks, or with one more change."""
    (text,) = [part for part in DEMO.read_text().split("[[songs]]\n") if f'name = "{song}"' in part]
    path, out = folder / "one.toml", folder / "one.wav"
    path.write_text(f'name = "one"\n[[songs]]\n{text}'.replace(without, "").replace(before or without, after))
    out.unlink(missing_ok=True)
    render(str(path), out, seconds, seed=None, rate=RATE, on_progress=lambda seconds: None)
    return np.asarray(soundfile.read(out, dtype="float32")[0].mean(axis=1))


def test_a_prior_sounds_like_its_voice(tmp_path: Path, shared_cache: None) -> None:
    """Between silence and full scale, with strokes and with rests between them, unlike another seed's."""
    x = heard("Night shift", '1 = "strike"', tmp_path, 10.0)
    other = heard("Night shift", '1 = "strike"', tmp_path, 10.0, '"deck/2/seed" = 20', '"deck/2/seed" = 21')
    for sound in (x, other):
        levels = np.sqrt(np.square(sound[: len(sound) // 4800 * 4800].reshape(-1, 4800)).mean(axis=1))
        assert levels.max() > 0.03 and levels.max() > 10 * np.quantile(levels, 0.1)
    assert np.corrcoef(x, other)[0, 1] < 0.5


def test_every_deck_of_the_demo_has_a_bundled_voice() -> None:
    bundled = {path.stem for path in places.bundled("models").glob("*.safetensors")}
    played = {model.name for song in sets.load_set("demo").songs for model in song.models.values()}
    assert played <= bundled and len(played) >= 8


def test_a_piano_plays_its_tune_in_tune(tmp_path: Path, shared_cache: None) -> None:
    x = torch.from_numpy(heard("Long road", '2 = "storm"', tmp_path, 5.0))
    layer = Fundamental(RATE, 512)
    (found,), _ = layer(x[: len(x) // 512 * 512][None, None], layer.init_state(1))
    semitones = 12 * found[0][(found[2] < 0.1) & (found[1] > -2)]
    assert len(semitones) > 300
    apart = (semitones - semitones.round()).abs()
    assert (apart < 0.2).float().mean() > 0.9
    tune = {-8, 4, -1, 8, -4, -10, 2, -3, 6, -6}
    assert {int(note) for note in semitones.round().unique(return_counts=True)[0]} & tune >= {-8, 4, -1, 8}


def test_singers_hold_a_chord_of_four_notes(tmp_path: Path, shared_cache: None) -> None:
    x = heard("Evening", '1 = "cello"', tmp_path, 6.0)[RATE:]
    power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
    hz = np.arange(len(power)) * RATE / len(x)

    def level(semitones: float) -> float:
        note = 220 * 2 ** (semitones / 12)
        return float(10 * np.log10(power[np.abs(hz - note) < 0.02 * note].sum()))

    between = max(level(semitones) for semitones in (-5, -1, 6))
    for note in (-3, 1, 4, 11):
        assert level(note) > between + 10, note
    assert pytest.approx(0, abs=1e-3) == float(x.mean())
