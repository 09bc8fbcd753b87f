"""The stage's beat line: it follows the tempo, begins with each song, and is in the gesture log."""

from __future__ import annotations

from pathlib import Path
from typing import Never

import numpy as np
import pytest

from perform.audio.mixer import Mixer
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANES, NAMES
from perform.core.beat import BeatLine
from perform.offline.input_replay import InputReplay
from perform.offline.logged_take import LoggedTake
from perform.offline.take_replay import TakeReplay
from perform.recorder.gesture_log import parse_records
from perform.stage.beat_keeper import BeatKeeper

RATE, BLOCK = 48000, 256


class NoInput(InputReplay):
    """Silence."""

    def __init__(self) -> None: ...

    def read(self, at: int, frames: int) -> np.ndarray:
        return np.zeros((frames, 2), np.float32)


def no_model(deck: int, model: object) -> Never:
    raise AssertionError(f"deck {deck} plays {model}")


def play(arena: Arena, mixer: Mixer, beats: BeatKeeper, blocks: int) -> None:
    out = np.zeros((BLOCK, 2), np.float32)
    for _ in range(blocks):
        beats.tick()
        mixer.fill(out)


def test_the_beat_follows_the_tempo_and_a_replayed_take_has_the_same_beat(
    arena: Arena, tmp_path: Path
) -> None:
    beats, mixer = BeatKeeper(arena), Mixer(arena, RATE, opening=(1.0, 1.0))
    lines = []
    for tempo in (120.0, 90.0, 90.0, 300.0):
        before = arena.beat_line.beat_at(arena.history.written)
        params.set_value(arena.table, "tempo", tempo)
        play(arena, mixer, beats, 1)
        lines.append(arena.beat_line)
        assert arena.beat_line.bpm == tempo
        assert arena.beat_line.beat_at(arena.history.written - BLOCK) == pytest.approx(before)
        play(arena, mixer, beats, 20)
    assert lines[1] == lines[2]
    play(arena, mixer, beats, 10)  # to the middle of a beat
    beats.begin_song()
    assert arena.beat_line.beat_at(arena.history.written) == 0.0
    lines.append(arena.beat_line)
    play(arena, mixer, beats, 1)

    events = list(parse_records(arena.event_logs[LANES].read(0)))
    end = arena.history.written
    slots = np.arange(len(NAMES), dtype=np.intp)
    take = LoggedTake(RATE, BLOCK, "float32", 0, end, events, {}, slots, 0)
    again = Arena.create(tmp_path / "again.arena")
    again.set_meter("rate", RATE)
    heard: list[BeatLine] = []
    for _ in TakeReplay(again, take, no_model, RATE, NoInput()).play(0, end, ["master"]):
        if again.beat_line not in heard:
            heard.append(again.beat_line)
    assert heard == [lines[0], lines[1], lines[3], lines[4]]
