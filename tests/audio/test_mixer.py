"""The block function on real ring buffers: fades, faders, late and damaged blocks, the history."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.audio import mixer as mixing
from perform.audio.guard import DcBlocker
from perform.audio.mixer import Mixer
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import DECK_METER, HELD, LANE, LANES, lanes_of
from perform.core.event_log import (
    ALL_VALUES,
    CHANGED_VALUES,
    FIRST_VALUES,
    RECORD_HEADER,
    RING_READ,
    RingReadEvent,
    unpack_values,
)
from perform.core.messages.recorder_messages import StartTake
from perform.core.ring_buffers import RingBuffer
from perform.recorder.recorder_process import Recorder

RATE, BLOCK = 48000, 256
CEILING = 10 ** (-1 / 20)


def live(arena: Arena, *decks: int) -> None:
    for deck in decks:
        lane(arena, lanes_of(deck)[0], live=1, gate=1)


def lane(arena: Arena, index: int, **numbers: float) -> None:
    for name, value in numbers.items():
        arena.lanes[index, LANE[name]] = value


class Player:
    """Feeds constant sine decks and pulls the mixer."""

    def __init__(self, arena: Arena, *decks: int, level: float = 0.25) -> None:
        self.arena, self.decks, self.level = arena, decks, level
        live(arena, *decks)
        self.mixer = Mixer(arena, RATE, opening=(1.0, 1.0))
        self.fed = dict.fromkeys(decks, 0)

    def feed(self, deck: int, n: int) -> None:
        t = np.arange(self.fed[deck], self.fed[deck] + n) / RATE
        x = self.level * np.sin(2 * np.pi * 220 * deck * t)
        self.fed[deck] += self.arena.rings[lanes_of(deck)[0]].write(
            np.repeat(x[:, None], 2, 1).astype(np.float32)
        )

    def play(self, n: int = 40, silent: tuple[int, ...] = ()) -> np.ndarray:
        out = np.zeros((n * BLOCK, 2), np.float32)
        for i in range(n):
            for deck in self.decks:
                if deck not in silent:
                    self.feed(deck, BLOCK)
            self.mixer.fill(out[i * BLOCK : (i + 1) * BLOCK])
        return out

    def put(self, **values: float) -> None:
        for address, value in values.items():
            params.set_value(self.arena.table, address.replace("_", "/"), value)


def rms(x: np.ndarray) -> np.ndarray:
    return np.sqrt((x.astype(np.float64) ** 2).mean(axis=0))


def steepest(x: np.ndarray) -> float:
    """Largest jump between neighbouring samples."""
    return float(np.abs(np.diff(x, axis=0)).max())


SMOOTH = 2 * np.pi * 220 / RATE * 0.25 * 1.05  # the slope of the 220 Hz sine itself
RAMP = 0.25 / (0.010 * RATE) * 1.5  # and of a 10 ms fade on it


def test_the_mixer_adds_only_the_delay_of_the_limiter(arena: Arena) -> None:
    player = Player(arena, 1)
    y = player.play(60)[30 * BLOCK :]
    t = (np.arange(len(y)) + 30 * BLOCK - player.mixer.delay) / RATE
    assert (
        np.abs(y[:, 0] - 0.25 * np.sin(2 * np.pi * 220 * t)).max() < 0.01
    )  # the DC blocker turns the phase a bit


@pytest.mark.parametrize(
    ("change", "left", "right"),
    [
        ({"deck_1_gain": -6}, 10 ** (-6 / 20), 10 ** (-6 / 20)),
        ({"deck_1_gain": -60}, 0, 0),
        ({"deck_1_mute": 1}, 0, 0),
        ({"deck_2_solo": 1}, 0, 0),
        ({"deck_1_solo": 1}, 1, 1),
        ({"deck_1_pan": -1}, 1, 0),
        ({"deck_1_pan": 1}, 0, 1),
        ({"deck_1_side": 0, "xfade": 0}, 1, 1),
        ({"deck_1_side": 0, "xfade": 1}, 0, 0),
        ({"deck_1_side": 0, "xfade": 0.5}, 0.5**0.5, 0.5**0.5),
        ({"deck_1_side": 2, "xfade": 0.5}, 0.5**0.5, 0.5**0.5),
        ({"master_gain": -12}, 10 ** (-12 / 20), 10 ** (-12 / 20)),
        ({"master_mute": 1}, 0, 0),
    ],
)
def test_every_fader_moves_without_a_click(
    arena: Arena, change: dict[str, float], left: float, right: float
) -> None:
    player = Player(arena, 1)
    before = player.play()
    player.put(**change)
    after = player.play()
    assert rms(after[20 * BLOCK :]) == pytest.approx(rms(before[20 * BLOCK :]) * [left, right], abs=2e-3)
    assert steepest(np.concatenate([before[20 * BLOCK :], after])) < SMOOTH + RAMP


def test_a_late_deck_fades_out_and_back_while_the_other_plays(arena: Arena) -> None:
    player = Player(arena, 1)
    player.play()
    gap = player.play(20, silent=(1,))
    back = player.play(40)
    assert rms(gap[3 * BLOCK :]).max() < 6e-3  # what is left is the DC blocker's own tail
    assert rms(back[20 * BLOCK :])[0] == pytest.approx(0.25 / 2**0.5, rel=0.02)
    assert steepest(np.concatenate([gap, back])) < SMOOTH + RAMP + 0.25 / (0.005 * RATE) * 2
    assert arena.deck_meters(1)[DECK_METER["late"]] == 20


class Watched(RingBuffer):
    """A ring in which other processes do `next` things just when the mixer has asked how full it is."""

    def __init__(self, ring: RingBuffer) -> None:
        super().__init__(ring._ends, ring._data)
        self.next: list[Callable[[], object]] = []

    @property
    def fill(self) -> int:
        fill = super().fill
        if self.next:
            self.next.pop()()
        return fill


def test_a_block_that_arrives_while_the_lane_fades_makes_no_click(arena: Arena) -> None:
    ring = arena.rings[0] = Watched(arena.rings[0])
    player = Player(arena, 1)
    before = player.play()
    ring.next.append(lambda: player.feed(1, BLOCK))
    missed = player.play(1, silent=(1,))
    back = player.play()
    assert not ring.next
    assert arena.deck_meters(1)[DECK_METER["late"]] == 1
    assert steepest(np.concatenate([before, missed, back])) < SMOOTH + RAMP + 0.25 / (0.005 * RATE) * 2
    assert rms(back[20 * BLOCK :])[0] == pytest.approx(0.25 / 2**0.5, rel=0.02)


def test_a_closed_gate_fades(arena: Arena) -> None:
    player = Player(arena, 1)
    player.play()
    lane(arena, 0, gate=0)
    closing = player.play(40)
    assert rms(closing[10 * BLOCK :]).max() < 1e-3
    assert steepest(closing) < SMOOTH + RAMP


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -1e30, 1000.0, 1e-40, 0.0, 3.0]),
            st.integers(0, BLOCK - 1),
            st.integers(1, BLOCK),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_nan_infinite_and_loud_blocks_never_reach_the_output(
    tmp_path_factory: pytest.TempPathFactory, hostile: list[tuple]
) -> None:
    arena = Arena.create(tmp_path_factory.mktemp("hostile") / "arena")
    arena.set_meter("block", BLOCK)
    live(arena, 1, 2)
    mixer = Mixer(arena, RATE)
    out = np.zeros((BLOCK, 2), np.float32)
    for value, at, n in hostile:
        x = np.full((BLOCK, 2), 0.1, np.float32)
        x[at : at + n] = value
        arena.rings[0].write(x)
        arena.rings[2].write(np.full((BLOCK, 2), 0.1, np.float32))
        bad = arena.meter("deck/1/bad")
        mixer.fill(out)
        assert arena.meter("deck/1/bad") - bad == (not np.isfinite(value))
        assert np.isfinite(out).all()
        assert np.abs(out).max() <= CEILING
    for _ in range(200):  # and it is over when it is over: no NaN lives on in a filter
        for index in (0, 2):
            arena.rings[index].write(np.zeros((BLOCK, 2), np.float32))
        mixer.fill(out)
    assert np.abs(out).max() < 1e-3


def test_the_ceiling_can_be_lower(arena: Arena) -> None:
    player = Player(arena, 1, 2, 3, level=0.9)
    player.put(master_ceiling=-12)
    assert np.abs(player.play()).max() <= 10 ** (-12 / 20)
    assert arena.meter("reduction") > 6


def test_panic_is_silent_at_once_and_comes_back_slowly(arena: Arena) -> None:
    player = Player(arena, 1)
    player.play()
    params.trigger(arena.table, "panic")
    y = player.play(300)
    dead = round((0.020 + 0.002) * RATE) + BLOCK
    assert np.abs(y[dead : round(0.3 * RATE)]).max() < 2e-3
    assert rms(y[-20 * BLOCK :])[0] == pytest.approx(0.25 / 2**0.5, rel=0.02)
    assert steepest(y) < SMOOTH + RAMP


def test_the_first_sound_rises_from_20_db_down(arena: Arena) -> None:
    live(arena, 1)
    player = Player(arena, 1)
    player.mixer = Mixer(arena, RATE, opening=(0.1, 2.0))
    y = player.play(round(2.5 * RATE / BLOCK))
    early, late = y[round(0.1 * RATE) : round(0.15 * RATE)], y[-round(0.2 * RATE) :]
    assert 0.08 < rms(early)[0] / rms(late)[0] < 0.3


def test_the_history_holds_what_was_played(arena: Arena) -> None:
    y = Player(arena, 1, 2).play(30)
    history, lost = arena.history.read(0, len(y))
    assert lost == 0
    assert np.array_equal(history, y)
    assert arena.meter("frames") == len(y)


@pytest.mark.parametrize("block", [16, 100, 480, 1024, 3000])
def test_any_block_size_sounds_the_same(tmp_path_factory: pytest.TempPathFactory, block: int) -> None:
    def play(n: int) -> np.ndarray:
        arena = Arena.create(tmp_path_factory.mktemp("blocks") / "arena")
        player = Player(arena, 1, 2)
        out = np.zeros((12000, 2), np.float32)
        for at in range(0, 12000, n):
            for deck in (1, 2):
                player.feed(deck, min(n, 12000 - at))
            player.mixer.fill(out[at : at + n])
        return out

    assert np.abs(play(block) - play(256)).max() < 1e-6


def test_a_silent_mixer_leaves_no_trace_in_the_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of silence are not computed. The sound before and after is the same to the last bit."""

    def play(decay_s: float) -> tuple[np.ndarray, bool]:
        monkeypatch.setattr(mixing, "DECAY_S", decay_s)
        player = Player(Arena.create(tmp_path / f"{decay_s}"), 1)
        parts = [player.play()]
        lane(player.arena, 0, live=0)
        parts.append(player.play(round(10 * RATE / BLOCK), silent=(1,)))
        was_silent = player.mixer.is_silent
        lane(player.arena, 0, live=1)
        parts.append(player.play())
        assert player.arena.meter("frames") == player.arena.history.written
        return np.concatenate(parts), was_silent

    shortened, was_silent = play(8.0)
    computed, was_computed = play(1000.0)
    assert was_silent and not was_computed
    assert np.array_equal(shortened, computed)


def test_the_meter_of_an_unloaded_deck_falls_to_zero(arena: Arena) -> None:
    player = Player(arena, 1)
    player.play()
    assert arena.meter("deck/1/peak/l") > 0.2
    lane(arena, 0, gate=0)
    player.play(10)
    lane(arena, 0, live=0)
    player.play(10, silent=(1,))
    assert arena.meter("deck/1/peak/l") == 0


@pytest.mark.parametrize("fade", [0.0, 0.1, 1.0])
def test_one_lane_fades_while_the_other_enters(arena: Arena, fade: float) -> None:
    """The old voice keeps its level though the table has moved on; the sum never dips, nothing clicks."""
    player = Player(arena, 1)
    before = player.play()[20 * BLOCK :]
    other = arena.rings[1]

    def both(blocks: int) -> np.ndarray:
        y = []
        for _ in range(blocks):
            t = np.arange(player.fed[1], player.fed[1] + BLOCK) / RATE  # in quadrature: powers add
            x = 0.25 * np.cos(2 * np.pi * 220 * t)
            other.write(np.repeat(x[:, None], 2, 1).astype(np.float32))
            y.append(player.play(1))
        return np.concatenate(y)

    with arena.batch():
        params.set_value(arena.table, "deck/1/gain", -12)
        lane(arena, 0, mode=HELD, gate=0, fade=fade)
        lane(arena, 1, live=1, gate=1, fade=fade)
    y = both(2)
    params.set_value(arena.table, "deck/1/gain", 0)  # the new voice's
    y = np.concatenate([y, both(round(fade * RATE / BLOCK) + 30)])
    middle = y[: round(fade * RATE) + BLOCK]
    loud = [rms(middle[at : at + 1024])[0] for at in range(0, len(middle) - 1024, 512)]
    if fade > 0.5:
        assert min(loud) > 0.9 * rms(before)[0]
    assert rms(y[-10 * BLOCK :])[0] == pytest.approx(0.25 / 2**0.5, rel=0.02)
    assert steepest(y) < 2 * SMOOTH + 2 * RAMP


def test_half_a_batch_is_never_played(arena: Arena) -> None:
    player = Player(arena, 1)
    before = player.play()
    with arena.batch():
        params.set_value(arena.table, "deck/1/mute", 1)
        during = player.play(20)
    assert rms(during)[0] == pytest.approx(rms(before[20 * BLOCK :])[0], rel=0.02)
    assert rms(player.play(20)[10 * BLOCK :]).max() < 2e-3


def read(arena: Arena, track: str, start: int, frames: int) -> np.ndarray:
    audio, lost = arena.tracks[track].read(start, frames)
    assert lost == 0
    return audio.astype(np.float64)


def test_all_tracks_are_aligned_with_the_master(arena: Arena) -> None:
    """The sum of the stems equals the track before the limiter; below the ceiling, that equals the master."""
    arena.set_meter("tracks/on", 1)
    player = Player(arena, 1, 3, level=0.1)
    player.put(deck_1_gain=-3, deck_3_pan=0.5)
    master = player.play(60)
    start, frames = 30 * BLOCK, 20 * BLOCK
    assert arena.meter("tracks/from") == BLOCK
    pre = read(arena, "pre", start, frames)
    assert np.abs(pre - master[start : start + frames]).max() < 1e-6
    stems = {deck: read(arena, f"deck{deck}", start, frames) for deck in range(1, 9)}
    assert not any(stems[deck].any() for deck in (2, 4, 5, 6, 7, 8))
    blocked = DcBlocker(RATE)
    whole = np.zeros((0, 2))
    for at in range(0, start + frames, BLOCK):
        parts = [read(arena, f"deck{deck}", at, BLOCK) for deck in (1, 3)]
        whole = np.concatenate([whole, blocked(parts[0] + parts[1])])
    assert np.abs(whole[start:] - pre).max() < 1e-6
    t = np.arange(start, start + frames) - player.mixer.delay
    expected = 0.1 * 10 ** (-3 / 20) * np.sin(2 * np.pi * 220 * t / RATE)
    assert np.abs(stems[1][:, 0] - expected).max() < 1e-6


def test_pre_is_not_limited_and_the_master_is(arena: Arena) -> None:
    arena.set_meter("tracks/on", 1)
    player = Player(arena, 1, level=2.0)
    master = player.play(60)[30 * BLOCK :]
    assert np.abs(master).max() <= CEILING
    assert np.abs(read(arena, "pre", 30 * BLOCK, 20 * BLOCK)).max() > 1.9


def test_tracks_that_start_within_a_block_are_complete_from_the_next_block(arena: Arena) -> None:
    ring = arena.rings[0] = Watched(arena.rings[0])
    player = Player(arena, 1)
    player.play(20)
    player.feed(1, BLOCK)
    ring.next.append(lambda: arena.set_meter("tracks/on", 1))
    player.play(1, silent=(1,))
    assert not ring.next
    player.play(20)
    since = int(arena.meter("tracks/from"))
    assert since == 22 * BLOCK
    assert read(arena, "deck1", since, player.mixer.delay).all()


def test_tracks_that_were_off_for_less_than_a_block_start_again(arena: Arena, tmp_path: Path) -> None:
    """Stop and record within one block: the stem of the new take has every frame."""
    ring = arena.rings[0] = Watched(arena.rings[0])
    player, recorder = Player(arena, 1), Recorder(arena, [tmp_path], lambda report: None)
    arena.set_meter("tracks/on", 1)
    player.play(20)
    arena.set_meter("tracks/on", 0)

    def record_again() -> None:
        arena.set_meter("tracks/on", 2)
        recorder.handle(StartTake("again", ("master", "deck1")))

    player.feed(1, BLOCK)
    ring.next.append(record_again)
    player.play(1, silent=(1,))  # this block has no tracks
    for _ in range(5):
        player.play(10)
        recorder.step()
    recorder.end()
    (stem,) = tmp_path.glob("*_deck1.wav")
    sound, _ = soundfile.read(stem)
    assert np.abs(sound[:BLOCK]).max() > 0.1


def test_tracks_that_are_off_are_not_written(arena: Arena) -> None:
    player = Player(arena, 1)
    player.play(20)
    assert arena.meter("tracks/from") == 0
    assert not read(arena, "deck1", 0, 10 * BLOCK).any()


def told(arena: Arena) -> list[tuple[int, int, bytes]]:
    """Kind, frame and payload of all events that the mixer logged since the last call."""
    log = arena.event_logs[LANES]
    data, found, at = log.read(log.oldest), [], 0
    log.release(log.oldest + len(data))
    while at < len(data):
        length, kind, _, stamp = RECORD_HEADER.unpack_from(data, at)
        at += RECORD_HEADER.size + length
        found.append((kind, stamp, data[at - length : at]))
    return found


def test_the_event_log_has_the_parameters_and_the_ring_reads_of_each_block(arena: Arena) -> None:
    player = Player(arena, 1)
    player.play(10)
    begin, reading = told(arena)
    assert (begin[0], begin[1]) == (FIRST_VALUES, 0)
    assert json.loads(unpack_values(begin[2])[2]) == {"opening": [1.0, 1.0], "missed": 0}
    assert (reading[0], reading[1]) == (RING_READ, 0)
    assert RingReadEvent.unpack(reading[2]) == RingReadEvent(0, 0, BLOCK, whole=True)
    player.put(deck_1_gain=-6, deck_1_z_0_bias=1.0)  # the second is the voice's to tell
    player.play(5)
    ((kind, at, payload),) = told(arena)
    assert (kind, at) == (CHANGED_VALUES, 10 * BLOCK)
    slots, values, _ = unpack_values(payload)
    assert {params.ADDRESSES[i]: v for i, v in zip(slots, values, strict=True)} == {"deck/1/gain": -6.0}
    arena.rings[0].write(np.zeros((100, 2), np.float32))
    player.play(3, silent=(1,))
    player.play(2)
    late, back = (RingReadEvent.unpack(payload) for kind, _, payload in told(arena) if kind == RING_READ)
    assert late == RingReadEvent(0, 15 * BLOCK, 100, whole=False)
    assert back == RingReadEvent(0, 15 * BLOCK + 100, BLOCK, whole=True)


def test_the_event_log_has_all_values_only_while_no_fade_runs(arena: Arena) -> None:
    """A log that begins there is complete: no gate moves, no start fades in, no panic is running."""
    player = Player(arena, 1)
    player.play(1)
    seconds = round(RATE / BLOCK)
    lane(arena, 0, gate=0, fade=8.0)
    player.play(7 * seconds)
    assert ALL_VALUES not in [kind for kind, *_ in told(arena)]
    player.play(2 * seconds)
    assert [kind for kind, *_ in told(arena)].count(ALL_VALUES) == 1
