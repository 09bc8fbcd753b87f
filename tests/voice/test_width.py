"""The stereo width of a mono model: the right channel gets other noise; at 0 nothing changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lane_log import RATE, recorded, replay_of
from tiny import tiny_model

from perform.core import params
from perform.core.arena import Arena
from perform.engine.compiled_model import CompiledModel
from perform.voice.chord import WIDEN_S
from perform.voice.voice import Voice, render

#: frame -> values of the deck: opened, moved, tuned, reset, closed, opened again
MOVES = {
    10: {"width": 1},
    50: {"width": 0.3},
    70: {"tune": 3},
    90: {"reset": 1},
    130: {"width": 0},
    180: {"width": 1},
}


def model_at(path: Path, rate: int, **shape: object) -> CompiledModel:
    return CompiledModel(
        tiny_model(path / "mono.safetensors", rate, noise_ratios=(4,), noise_taps=3, **shape)
    )


def played(model: CompiledModel, width: float, frames: int) -> np.ndarray:
    table = params.defaults()
    params.set_value(table, "deck/1/width", width)
    voice = Voice(model, 1, RATE, table)
    return np.concatenate([render(model, [voice], [table])[0] for _ in range(frames)])


def test_the_left_channel_is_the_mono_sound_and_the_right_one_has_other_noise(
    shared_cache: None, tmp_path: Path
) -> None:
    model = model_at(tmp_path, RATE)
    mono, half, wide = (played(model, width, 150) for width in (0.0, 0.5, 1.0))
    assert np.array_equal(mono[:, 0], mono[:, 1])
    for sound in (half, wide):
        assert np.array_equal(sound[:, 0], mono[:, 0])
    assert np.ptp(wide[:, 1] - wide[:, 0]) > 0.1 * np.ptp(mono[:, 0])
    settled = slice(round(2 * WIDEN_S * RATE), None)
    middle = (mono[settled, 0] + wide[settled, 1]) / 2
    assert np.allclose(half[settled, 1], middle, atol=1e-6)
    first = wide[: model.card.ratio]  # it opens without a click
    assert np.abs(first[:16, 1] - first[:16, 0]).max() < 0.01 * np.ptp(mono[:, 0])


def test_at_width_0_no_second_stream_is_decoded(shared_cache: None, tmp_path: Path) -> None:
    decoded = []

    class Counted(CompiledModel):
        def render(self, streams, z, noise):  # type: ignore[no-untyped-def]
            decoded.append(len(streams))
            return super().render(streams, z, noise)

    model = Counted(model_at(tmp_path, RATE)._path)
    table = params.defaults()
    voice = Voice(model, 1, RATE, table)
    for width in (0.0, 1.0, 0.0):
        params.set_value(table, "deck/1/width", width)
        for _ in range(60):
            render(model, [voice], [table])
    assert decoded[:60] == [1] * 60
    assert decoded[100] == 2
    assert decoded[-1] == 1


def test_a_stereo_model_keeps_its_own_width(shared_cache: None, tmp_path: Path) -> None:
    model = CompiledModel(tiny_model(tmp_path / "two.safetensors", RATE, channels=2))
    assert model.card.channels == 2
    assert np.array_equal(played(model, 1.0, 20), played(model, 0.0, 20))


@pytest.mark.parametrize("rate", [RATE, 44100])
def test_a_replay_gives_the_same_bits(shared_cache: None, arena: Arena, tmp_path: Path, rate: int) -> None:
    model = model_at(tmp_path, rate)
    sound, logged = recorded(arena, model, (MOVES.get(i, {}) for i in range(220)))
    audio = np.concatenate(sound)
    assert not np.array_equal(audio[:, 0], audio[:, 1])
    for begin in (0, len(audio) // 2):
        replayed = replay_of(logged, model).read(begin, len(audio) - begin)
        assert np.array_equal(replayed, audio[begin:])
