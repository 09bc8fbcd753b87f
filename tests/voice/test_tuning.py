"""A deck in tune: the pitch asked for, the same tempo, the input on time, and a replay of the same bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lane_log import recorded, replay_of
from test_sources import BLOCK, RATE, Rig, noise
from tiny import tiny_model

from perform.core import params
from perform.core.arena import Arena
from perform.core.params import CONCERT_PITCH
from perform.engine.compiled_model import CompiledModel
from perform.voice.voice import Voice, render


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny.safetensors")


def played(voice: Voice, model: CompiledModel, table: np.ndarray, frames: int) -> np.ndarray:
    return np.concatenate([render(model, [voice], [table])[0] for _ in range(frames)])


def line_hz(x: np.ndarray, near: float) -> float:
    """The frequency of the partial that is nearest to `near`, from the phases of two windows."""
    size, hop = 8192, 64
    window, bins = np.hanning(size), np.arange(size // 2 + 1) * RATE / size
    first, second = (np.fft.rfft(x[at : at + size] * window) for at in (0, hop))
    at = int(np.argmax(np.abs(first) * (np.abs(bins - near) < 0.06 * near)))
    turn = np.angle(second[at] / first[at]) / (2 * np.pi) - bins[at] * hop / RATE
    return float(bins[at] + (turn - round(turn)) * RATE / hop)


@pytest.mark.parametrize("sample_rate", [48000, 44100])
def test_a_deck_plays_within_five_cents_of_its_tuning(tmp_path: Path, sample_rate: int) -> None:
    """A held tiny model repeats once a frame; its tenth partial moves with tuning and reference."""
    model = CompiledModel(tiny_model(tmp_path / "tiny.safetensors", sample_rate=sample_rate))
    table = params.defaults()
    params.set_value(table, "deck/1/temperature", 0)
    params.set_value(table, "deck/1/z/0/bias", 1.5)
    partial = 10 * sample_rate / model.card.ratio
    for semitones, a4 in ((0.0, 440.0), (-12.0, 440.0), (0.5, 415.0), (7.37, 466.0)):
        voice = Voice(model, 1, RATE, table)
        params.set_value(table, "deck/1/tune", semitones)
        params.set_value(table, "master/reference", a4)
        wanted = partial * 2 ** (semitones / 12) * a4 / CONCERT_PITCH
        ratio = params.tuning_ratio(table, 1)
        y = played(voice, model, table, round(11_000 * ratio / 128))[2000:, 0]
        assert abs(1200 * np.log2(line_hz(y, wanted) / wanted)) < 5, (semitones, a4)


def test_an_untuned_deck_plays_the_samples_of_its_model(model: Path) -> None:
    playable, table = CompiledModel(model), params.defaults()
    params.set_value(table, "deck/1/source", params.SOURCES.index("walk"))
    voice, stream, wanted = Voice(playable, 1, RATE, table), playable.stream(), []
    y = []
    random = np.random.default_rng([0, 1])
    for _ in range(20):
        y.append(render(playable, [voice], [table])[0])
        drawn = random.standard_normal(playable.noise).astype(np.float32)
        wanted.append(playable.render([stream], voice.z[None], drawn[None])[0, 0])
    assert voice.tuning is None
    assert np.array_equal(np.concatenate(y)[:, 0], np.concatenate(wanted))


def test_a_tuned_loop_keeps_its_tempo(model: Path) -> None:
    playable = CompiledModel(model)
    places = []
    for semitones in (0, 12, -12):
        table = params.defaults()
        params.set_value(table, "deck/1/source", params.SOURCES.index("loop"))
        params.set_value(table, "deck/1/tune", semitones)
        voice, heard, z = Voice(playable, 1, RATE, table), 0, []
        while heard < RATE / 8:
            heard += len(render(playable, [voice], [table])[0])
            z.append(voice.z.copy())
        places.append(np.array(z)[:: 2 if semitones > 0 else 1][: 40 if semitones >= 0 else 20])
    assert places[1][8:] == pytest.approx(places[0][8:], abs=1e-5)  # the same latents at the same times
    assert places[2][4:] == pytest.approx(places[0][::2][4:], abs=1e-5)


@pytest.mark.parametrize("sample_rate", [48000, 44100])
def test_a_tuned_lane_replays_bit_by_bit(arena: Arena, tmp_path: Path, sample_rate: int) -> None:
    """Tuned while it plays, swept, back at zero, reset while tuned; also from the middle of the log."""
    model = CompiledModel(tiny_model(tmp_path / "tiny.safetensors", sample_rate=sample_rate))
    tunes = [*[0.0] * 20, *np.linspace(0, 24, 20), *np.linspace(24, -24, 40), *[0.0] * 80, *[-7.25] * 40]
    turns = [{"tune": semitones, "reset": i >= len(tunes) - 20} for i, semitones in enumerate(tunes)]
    sound, logged = recorded(arena, model, turns)
    wanted = np.concatenate(sound)
    assert np.array_equal(replay_of(logged, model).read(0, len(wanted)), wanted)
    assert np.abs(np.diff(wanted[:, 0])).max() < 2.0

    late = [logged[0], *logged[90:]]  # what a log holds that began later; the decoder forgets within frames
    again = replay_of(late, model)
    first = sum(len(audio) for audio in sound[:140])
    part = again.read(first, len(wanted) - first)
    assert np.abs(part[4000:] - wanted[first + 4000 :]).max() < 1e-6 and part[4000:].any()


@pytest.mark.parametrize("semitones", [-19, 3.7, 24])
def test_a_tuned_deck_hears_the_input_on_time_and_without_gaps(
    arena: Arena, model: Path, semitones: float
) -> None:
    """The encoder takes every sample of the input once, and its latents reach the deck when they should."""
    rig, slack = Rig(arena, CompiledModel(model)), 400
    rig.source(1, "input")
    rig.put(input_open=1, input_gate=params.GATE_FLOOR_DB, deck_1_tune=semitones)
    sound = noise(RATE // 3)
    rig.play(sound, slack)
    encoder, ratio = rig.voices[1][0].encoder, 128
    assert encoder is not None
    frames = [(sounds, z) for sounds, z in rig.frames[1] if sounds > 10_000]  # the encoder has settled
    follower = rig.voices[1][2].encoder_input
    assert follower is not None
    # where the frames of input end, from where the last one did
    ends = np.arange(follower.end % ratio, len(sound) + 1, ratio)[1:]
    stream = encoder.stream()
    z = np.stack([encoder.encode([stream], sound[None, None, end - ratio : end])[0] for end in ends])
    step = ratio / 2 ** (semitones / 12)

    def latents_at(position: int) -> np.ndarray:
        """By its end, a frame has reached the newest input before this position."""
        newest = int(np.searchsorted(ends, position, side="right")) - 1
        part = min(1.0, (position - ends[newest] + step) / ratio)
        return z[newest - 1] + part * (z[newest] - z[newest - 1])

    def fits(offset: int) -> bool:  # positions are rounded to whole frames of sound
        return all(
            min(np.abs(latents_at(sounds - slack + offset + n) - got).max() for n in (-1, 0, 1)) < 0.01
            for sounds, got in frames
        )

    assert any(fits(offset) for offset in range(-BLOCK // 2, BLOCK // 2)), "the same offset for all frames"


def test_two_frames_always_fit_into_the_ring_buffer(arena: Arena, tmp_path: Path) -> None:
    """A model with frames of 0.17 s cannot go two octaves down; it goes as far as it can."""
    model = CompiledModel(tiny_model(tmp_path / "slow.safetensors", sample_rate=1500))
    rig = Rig(arena, model)
    rig.put(deck_1_tune=-24)
    rig.play(noise(RATE // 2))
    assert 0.24 < rig.voices[1][2].ratio < 0.5
    assert 2 * rig.voices[1][2].frame_s <= arena.rings[0].capacity / RATE
