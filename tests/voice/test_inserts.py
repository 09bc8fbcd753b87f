"""An insert: an effect module between a deck and its fader, or before the master's; in time, never silent."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from lane_log import events
from module_files import no_sandbox, wrapped
from modules import Swap, export
from peers.environment import export as genuine

from perform.audio.mixer import Mixer
from perform.audio.strip import TAIL_S
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import (
    LANE,
    LANE_METER,
    LANES,
    NAMES,
    STEMS,
    bank_of,
    insert_lane,
    lanes_of,
    log_of,
)
from perform.core.event_log import RING_READ, RingReadEvent
from perform.core.insert_delay import insert_delay
from perform.core.table_reader import TableReader
from perform.engine.resampling import resampling_both_ways
from perform.foreign.torchscript_model import TorchscriptModel
from perform.rave.archive import read
from perform.voice.assignments import Assignments
from perform.voice.insert_lane import InsertLane
from perform.voice.lane_replay import LaneReplay
from perform.voice.recorded_streams import recorded_streams

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RATE, BLOCK, FRAME = 48000, 256, 256
FADE_S = 0.03


def swapping(folder: Path, rate: int = RATE) -> TorchscriptModel:
    module = Swap()
    module.sr = rate
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive = read(export(module, folder / f"swap{rate}.ts"))
    made = wrapped(archive, folder / f"swap{rate}.safetensors", delay=Swap.LATE)
    return TorchscriptModel(made, no_sandbox)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TorchscriptModel:
    return swapping(tmp_path_factory.mktemp("swap"))


class InsertRig:
    """A mixer without a clock, a deck that plays given sound, and the host's part of an insert.

    insert : 0 the master's, 1 the deck's
    """

    def __init__(self, arena: Arena, model: TorchscriptModel, insert: int = 1) -> None:
        self.arena, self.insert, self.model = arena, insert, model
        for name, value in (("rate", RATE), ("block", BLOCK), ("burst", BLOCK), ("tracks/on", 1)):
            arena.set_meter(name, value)
        self.deck, self.row = lanes_of(1)[0], arena.lanes[insert_lane(insert)]
        arena.lanes[self.deck, LANE["live"]] = arena.lanes[self.deck, LANE["gate"]] = 1
        card = model.card
        resampling_s, shift_s = resampling_both_ways(card.sample_rate, RATE)
        delay_s = insert_delay(card.ratio / card.sample_rate, resampling_s, BLOCK, RATE)
        dry_s = card.delay / card.sample_rate + shift_s
        self.delay = round(delay_s * RATE) + round(dry_s * RATE)
        self.row[LANE["delay"]], self.row[LANE["dry"]], self.row[LANE["fade"]] = delay_s, dry_s, FADE_S
        self.reader, self.lane = TableReader(arena), None
        self.runs = True
        self.mixer = Mixer(arena, RATE, opening=(1.0, 1.0))

    def start(self, gate: float = 1) -> None:
        self.row[LANE["live"]], self.row[LANE["gate"]] = 1, gate
        assignments = Assignments(self.model, print)
        lane = insert_lane(self.insert)
        self.lane = InsertLane(self.arena, self.reader, lane, self.model, RATE, {}, assignments)

    def put(self, name: str, value: float) -> None:
        params.set_value(self.arena.table, f"{params.insert_head(self.insert)}/{name}", value)

    def play(self, sound: np.ndarray, before: Callable[[int], None] = lambda block: None) -> np.ndarray:
        """(frames, 2) from the deck -> (frames, 2) of the track `deck1`, or of `pre` for the master's."""
        track = self.arena.tracks[STEMS[0] if self.insert else "pre"]
        out, parts = np.zeros((BLOCK, 2), np.float32), []
        for i, block in enumerate(sound.reshape(-1, BLOCK, 2)):
            before(i)
            self.arena.rings[self.deck].write(block)
            self.reader.update()
            while self.runs and self.lane and self.lane.is_due:
                self.lane.render()
            at = self.arena.history.written + self.mixer.delay  # tracks are as late as the master
            self.mixer.fill(out)
            parts.append(track._data[np.arange(at, at + BLOCK) % track.capacity].copy())
        return np.concatenate(parts)


def noise(blocks: int) -> np.ndarray:
    """The same on both sides, so that a module which swaps them changes nothing but the delay."""
    x = 0.1 * np.random.default_rng(0).standard_normal((blocks * BLOCK, 1)).astype(np.float32)
    return np.repeat(x, 2, 1)


def delayed(x: np.ndarray, frames: int) -> np.ndarray:
    return np.concatenate([np.zeros((frames, 2), x.dtype), x])[: len(x)]


def test_a_deck_plays_through_the_module_with_the_delay_that_is_shown(
    arena: Arena, model: TorchscriptModel
) -> None:
    rig, x = InsertRig(arena, model), noise(40)
    x[:, 1] = 0.0
    params.set_value(arena.table, "deck/1/gain", -6)
    rig.start()
    rig.put("attribute/1", 2.0)
    y = rig.play(x)
    first = rig.delay + 1000  # behind the fades
    wanted = delayed(x, rig.delay)[:, ::-1] * 2.0 * params.gain(-6)
    assert np.allclose(y[first:], wanted[first:], atol=1e-6), "its sides are swapped, then comes the fader"
    assert rig.delay == FRAME + 2 * BLOCK + Swap.LATE


@pytest.mark.parametrize("wet", [0.0, 0.5, 1.0])
def test_dry_and_wet_are_in_time(arena: Arena, model: TorchscriptModel, wet: float) -> None:
    rig, x = InsertRig(arena, model), noise(40)
    rig.put("wet", wet)
    rig.start()
    y = rig.play(x)
    assert np.allclose(y[1500:], delayed(x, rig.delay)[1500:], atol=1e-7), "behind the fades"
    assert np.abs(y[2000:]).max() > 0.1


def test_a_module_of_the_nn_tilde_package_that_changes_nothing_is_not_heard(
    arena: Arena, tmp_path: Path
) -> None:
    path = tmp_path / "effects.ts"
    path.write_bytes(genuine("script_effects").read_bytes())
    made = wrapped(read(path), tmp_path / "through.safetensors", "through")
    rig, x = InsertRig(arena, TorchscriptModel(made, no_sandbox)), noise(40)
    rig.put("wet", 0.5)
    rig.start()
    y = rig.play(x)
    first = rig.delay + 600  # behind the deck's fade-in
    assert np.allclose(y[first:], delayed(x, rig.delay)[first:], atol=1e-7)
    assert np.abs(y[first:]).max() > 0.1


def test_a_module_at_another_rate_is_in_time(arena: Arena, tmp_path: Path) -> None:
    rig = InsertRig(arena, swapping(tmp_path, 44100))
    t = np.arange(60 * BLOCK) / RATE
    x = np.repeat((0.3 * np.sin(2 * np.pi * 1000 * t))[:, None], 2, 1).astype(np.float32)
    rig.put("wet", 0.5)
    rig.start()
    y = rig.play(x)[8000:]
    assert np.abs(y).max() == pytest.approx(0.3, abs=0.0005), "it would be lower if the two were not in time"


def test_the_masters_insert_comes_before_its_fader(arena: Arena, model: TorchscriptModel) -> None:
    rig, x = InsertRig(arena, model, insert=0), noise(60)
    x[:, 1] = 0.0
    params.set_value(arena.table, "master/gain", -6)
    rig.start()
    y = rig.play(x)
    wanted = delayed(x, rig.delay)[:, ::-1] * params.gain(-6)
    assert np.corrcoef(y[2000:, 1], wanted[2000:, 1])[0, 1] > 0.999, "behind the DC blocker"
    assert not y[2000:, 0].any()


def test_it_enters_and_leaves_without_a_click(arena: Arena, model: TorchscriptModel) -> None:
    rig = InsertRig(arena, model)
    t = np.arange(90 * BLOCK) / RATE
    x = np.repeat((0.3 * np.sin(2 * np.pi * 100 * t))[:, None], 2, 1).astype(np.float32)

    def change(block: int) -> None:
        if block == 10:
            rig.start(gate=0)
        if block in (25, 50):
            rig.row[LANE["gate"]] = float(block == 25)
        if block == 70:
            rig.row[LANE["live"]] = 0

    y = rig.play(x, change)
    assert np.abs(np.diff(y, axis=0)[1000:]).max() < 0.01, "a step would be up to 0.3"
    assert np.allclose(y[480 : 25 * BLOCK], x[480 : 25 * BLOCK], atol=1e-7), "before, the sound is as it was"
    assert np.allclose(y[60 * BLOCK :], x[60 * BLOCK :], atol=1e-7), "and afterwards"
    assert np.abs(y[40 * BLOCK : 50 * BLOCK] - x[40 * BLOCK : 50 * BLOCK]).max() > 0.05
    told = events(arena.event_logs[LANES].read(0))
    readings = [RingReadEvent.unpack(payload) for kind, payload in told if kind == RING_READ]
    of_insert = [reading for reading in readings if reading.lane == insert_lane(1)]
    assert [reading.whole for reading in of_insert] == [True, False], "a replay must not read on"


def test_while_its_module_is_late_the_deck_plays_on_in_time(arena: Arena, model: TorchscriptModel) -> None:
    rig, x = InsertRig(arena, model), noise(90)
    rig.start()

    def hang(block: int) -> None:
        rig.runs = not 30 <= block < 60

    y = rig.play(x, hang)
    off = np.abs(y - delayed(x, rig.delay)).max(1)[1500:] > 1e-6
    assert 0 < off.sum() <= TAIL_S * RATE, "nothing but the fade-out of its last sample"
    assert rig.lane is not None
    assert rig.lane.meters[LANE_METER["late"]] == pytest.approx(30, abs=5)


def test_its_lane_replays_bit_by_bit(arena: Arena, model: TorchscriptModel) -> None:
    rig, x = InsertRig(arena, model), noise(60)
    lane, ring = insert_lane(1), arena.rings[insert_lane(1)]
    rig.start()

    def change(block: int) -> None:
        rig.put("attribute/1", 1.0 + block / 100)
        if block == 40:
            params.trigger(arena.table, "panic")

    rig.play(x, change)
    written = ring.written
    places = np.full(len(NAMES), -1)
    places[bank_of(lane)] = np.arange(bank_of(lane).stop - bank_of(lane).start)
    logged = list(events(arena.event_logs[log_of(lane)].read(0)))
    replay = LaneReplay(recorded_streams(logged, places), lambda recorded: model, RATE, RATE)
    again, wanted = replay.read(0, written), ring._data[:written]
    assert np.array_equal(again, wanted) and np.abs(wanted).max() > 0.1
