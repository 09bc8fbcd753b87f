"""A module that shouts on its first frames: no voice lets it be heard, and a replay plays the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from lane_log import bank_places, events
from module_files import no_sandbox, wrapped
from modules import export
from torch import Tensor, nn

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, NEXT, NOW
from perform.core.loudness import chirping_frames
from perform.core.table_reader import TableReader
from perform.engine.protocol import PlayableModel
from perform.foreign.torchscript_model import TorchscriptModel
from perform.library.cards import change_card, read_card
from perform.offline import calibration, calibration_latents
from perform.rave.archive import read
from perform.voice.assignments import Assignments
from perform.voice.lane_replay import LaneReplay
from perform.voice.recorded_streams import recorded_streams
from perform.voice.voice import render_applied
from perform.voice.voice_lane import VoiceLane

RATE, FRAME, SHOUTS = 48000, 512, 5


class Shout(nn.Module):
    """Full scale on its first frames, then a hundredth of it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("decode_params", torch.tensor([2, FRAME, 1, 1]))
        self.sr, self.frames = RATE, 0

    @torch.jit.export
    def decode(self, z: Tensor) -> Tensor:
        self.frames += 1
        level = 1.0 if self.frames <= 5 else 0.01
        wave = (torch.arange(512) % 64 < 32).float() * 2 - 1
        return level * wave.repeat(z.shape[0], 1, z.shape[2])

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.fixture(scope="module")
def shout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shout")
    path = wrapped(read(export(Shout(), folder / "shout.ts")), folder / "shout.safetensors", "decode")
    change_card(path, {"warm_up": SHOUTS})
    return path


def lane_of(arena: Arena, model: PlayableModel, mode: int) -> VoiceLane:
    """A voice as any `StartVoice` makes it: for a load, for the next song, or after a crash."""
    arena.lanes[0, LANE["mode"]] = mode
    reader = TableReader(arena)
    reader.update()
    return VoiceLane(arena, reader, 0, 1, model, RATE, {}, Assignments(model, print))


def played(arena: Arena, model: PlayableModel, lane: VoiceLane, frames: int) -> np.ndarray:
    sound = []
    for _ in range(frames):
        lane._reader.update()
        lane.update()
        sound += render_applied(model, [lane.voice], [lane.table])
        lane.write(sound[-1])
        arena.rings[0].clear()
    return np.concatenate(sound)


@pytest.mark.parametrize("mode", [NOW, NEXT])
def test_a_new_voice_is_warm(arena: Arena, shout: Path, mode: int) -> None:
    model = TorchscriptModel(shout, no_sandbox)
    assert np.abs(played(arena, model, lane_of(arena, model, mode), 8)).max() == pytest.approx(0.01)


@pytest.mark.parametrize("address", ["deck/1/reset", "panic", "deck/1/seed"])
def test_a_voice_that_is_reset_is_warm_and_the_replay_is_equal(
    arena: Arena, shout: Path, address: str
) -> None:
    model = TorchscriptModel(shout, no_sandbox)
    lane = lane_of(arena, model, NOW)
    first = arena.rings[0].written
    sound = [played(arena, model, lane, 4)]
    arena.table[params.slot(address)] += 1
    sound.append(played(arena, model, lane, 4))
    whole = np.concatenate(sound)
    assert np.abs(whole).max() == pytest.approx(0.01)
    assert len(whole) == 8 * FRAME, "warming takes no time of the sound"
    streams = recorded_streams(events(arena.event_logs[0].read(0)), bank_places(1))
    assert [stream.model.warm_up for stream in streams] == [SHOUTS, SHOUTS]
    replay = LaneReplay(streams, lambda recorded: model, RATE, RATE)
    assert np.array_equal(replay.read(first, len(whole)), whole)


def test_a_take_from_before_the_calibration_replays_as_it_was(arena: Arena, shout: Path) -> None:
    """It has the shout in it."""
    change_card(shout, {"warm_up": 0})
    model = TorchscriptModel(shout, no_sandbox)
    first = arena.rings[0].written
    whole = played(arena, model, lane_of(arena, model, NOW), 8)
    assert np.abs(whole).max() == 1.0
    streams = recorded_streams(events(arena.event_logs[0].read(0)), bank_places(1))
    change_card(shout, {"warm_up": SHOUTS})
    model = TorchscriptModel(shout, no_sandbox)
    replay = LaneReplay(streams, lambda recorded: model, RATE, RATE)
    assert np.array_equal(replay.read(first, len(whole)), whole)


def test_calibration_finds_the_shouting_frames(shout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "HELD_S", 0.1)
    monkeypatch.setattr(calibration_latents, "GENERATED_S", 1.0)
    monkeypatch.setattr(calibration, "open_model", lambda path, **_: TorchscriptModel(path, no_sandbox))
    change_card(shout, {"warm_up": 0})
    assert calibration.calibrate(shout).warm_up == SHOUTS
    assert read_card(shout).loudness_lufs == pytest.approx(-40, abs=4), "it is measured behind them"


def test_only_what_is_louder_than_all_the_rest_chirps() -> None:
    quiet = np.random.default_rng(0).uniform(-0.1, 0.1, (1, 40 * 64))
    assert chirping_frames(quiet, 64, 8) == 0
    loud = quiet.copy()
    loud[:, 128:192] = 0.9
    assert chirping_frames(loud, 64, 8) == 3
    loud[:, -64:] = 0.9
    assert chirping_frames(loud, 64, 8) == 0
    assert chirping_frames(quiet[:, :256], 64, 8) == 0
