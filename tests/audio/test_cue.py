"""The cue: it hears decks before their faders, the master does not, and nothing of it reaches the master."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import thread_time

import numpy as np
import pytest

from perform.audio.cue_output import FADE, CueOutput, DriftBuffer
from perform.audio.device import Device
from perform.audio.mixer import MIXER_SLOTS, Mixer
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, lanes_of
from perform.core.spec import SILENCE_DB

RATE, BLOCK, LEVEL = 48000, 256, 0.25


class CuePlayer:
    """Sine decks, and a mixer with or without outputs for the cue."""

    def __init__(self, arena: Arena, *decks: int, channels: int = 4) -> None:
        self.arena, self.decks, self.channels, self.fed = arena, decks, channels, 0
        for deck in decks:
            for column in ("live", "gate"):
                arena.lanes[lanes_of(deck)[0], LANE[column]] = 1
        self.mixer = Mixer(arena, RATE, opening=(1.0, 1.0))

    def put(self, address: str, value: float) -> None:
        params.set_value(self.arena.table, address, value)

    def play(self, blocks: int = 20) -> np.ndarray:
        out = np.zeros((blocks * BLOCK, self.channels), np.float32)
        for block in range(blocks):
            t = np.arange(self.fed, self.fed + BLOCK) / RATE
            self.fed += BLOCK
            for deck in self.decks:
                sine = LEVEL * np.sin(2 * np.pi * 220 * deck * t)
                self.arena.rings[lanes_of(deck)[0]].write(np.repeat(sine[:, None], 2, 1).astype(np.float32))
            self.mixer.fill(out[block * BLOCK : (block + 1) * BLOCK])
        return out


def peak(x: np.ndarray) -> float:
    return float(np.abs(x).max())


def steepest(x: np.ndarray) -> float:
    return float(np.abs(np.diff(x, axis=0)).max())


def moves(player: CuePlayer, *, cue: bool) -> np.ndarray:
    """Every fader and switch moves while it plays; the cue too where it is there."""
    parts = []
    for address, value in (
        ("deck/1/gain", -6.0),
        ("deck/1/cue", 1),
        ("deck/2/pan", 0.4),
        ("cue/mix", 0.5),
        ("deck/2/cue", 1),
        ("master/gain", 5.0),
        ("deck/2/gain", 12.0),
        ("cue/level", 6.0),
        ("deck/1/mute", 1),
        ("deck/1/cue", 0),
        ("panic", 1),
    ):
        if cue or "cue" not in address:
            player.put(address, value)
        parts.append(player.play(3))
    return np.concatenate(parts)


def test_the_cue_hears_a_deck_before_its_fader_and_the_master_does_not(arena: Arena) -> None:
    player = CuePlayer(arena, 1, 2)
    player.put("deck/1/gain", SILENCE_DB)
    player.put("deck/2/cue", 0)
    player.play()
    heard = player.play()
    assert peak(heard[:, 2:]) == 0.0, "nothing is on cue"
    assert peak(heard[:, :2]) == pytest.approx(LEVEL, rel=0.01), "the master has deck 2"
    player.put("deck/1/cue", 1)
    player.put("deck/2/mute", 1)
    player.play()
    heard = player.play()
    assert peak(heard[:, :2]) < 1e-3
    assert peak(heard[:, 2:]) == pytest.approx(LEVEL, rel=0.01)
    player.put("deck/2/cue", 1)
    player.play()
    assert peak(player.play()[:, 2:]) > 1.5 * LEVEL, "mute is for the master"


def test_the_master_is_the_same_bit_by_bit_with_and_without_cue(tmp_path: Path) -> None:
    """So is what takes record, and what the mixer logs."""
    sounds, taken = [], []
    for channels in (4, 2):
        arena = Arena.create(tmp_path / f"{channels}.arena")
        player = CuePlayer(arena, 1, 2, channels=channels)
        sounds.append(moves(player, cue=channels == 4)[:, :2])
        taken.append(arena.history.read(0, arena.history.written)[0])
    assert np.array_equal(*sounds) and np.array_equal(*taken)
    assert np.array_equal(sounds[0], taken[0])
    assert not [
        slot for slot in MIXER_SLOTS if slot < len(params.ADDRESSES) and "cue" in params.ADDRESSES[slot]
    ]


def test_the_cue_has_the_master_in_time_with_it(arena: Arena) -> None:
    player = CuePlayer(arena, 8)
    player.put("cue/mix", 1.0)
    player.play()
    heard = player.play()
    assert np.array_equal(heard[:, :2], heard[:, 2:])
    player.put("cue/mix", 0.0)
    player.put("deck/8/cue", 1)
    player.play()
    heard = player.play()
    apart = [peak(heard[100:, 2:] - np.roll(heard[:, :2], by, axis=0)[100:]) for by in (-1, 0, 1)]
    assert apart[1] == min(apart) and apart[1] < 0.05 * LEVEL


def test_the_cue_moves_without_a_click_and_below_its_ceiling(arena: Arena) -> None:
    player = CuePlayer(arena, 1, 2)
    smooth = 2 * np.pi * (220 + 440) * 1.42 * LEVEL / RATE  # both decks, on cue and in the master
    player.play()
    heard = [player.play(4)]
    for address, value in (
        ("deck/1/cue", 1),
        ("deck/2/cue", 1),
        ("cue/mix", 0.6),
        ("cue/mix", 0.2),
        ("cue/level", -12.0),
        ("cue/level", 0.0),
        ("deck/2/cue", 0),
        ("panic", 1),
    ):
        player.put(address, value)
        heard.append(player.play(6))
    cue = np.concatenate(heard)[:, 2:]
    assert steepest(cue) < smooth + 2.5 * LEVEL / (0.01 * RATE)
    assert peak(heard[-1][-BLOCK:, 2:]) < 1e-6, "a panic silences the cue too"
    player.put("cue/level", 6.0)
    for deck in (1, 2):
        arena.lanes[lanes_of(deck)[0], LANE["trim"]] = 18.0
        player.put(f"deck/{deck}/cue", 1)
    assert 0.5 < peak(player.play(400)[:, 2:]) <= 10 ** (-1 / 20)


def test_the_cost_of_the_cue_is_a_small_part_of_a_block(arena: Arena) -> None:
    """All eight decks on cue, against the same mixer without outputs for it."""
    player = CuePlayer(arena, *range(1, 9))
    for deck in range(1, 9):
        player.put(f"deck/{deck}/cue", 1)
    player.put("cue/mix", 0.5)
    player.play(20)
    spent: dict[int, list[float]] = {2: [], 4: []}
    for _ in range(100):  # in turn, and in time of this thread alone: other programs want the cores too
        for player.channels, costs in spent.items():
            began = thread_time()
            player.play(1)
            costs.append(thread_time() - began)
    alone, with_cue = (float(np.quantile(costs, 0.2)) for costs in spent.values())
    print(f"a block of 8 decks: {1e6 * alone:.0f} us, with the cue {1e6 * with_cue:.0f} us")
    assert with_cue < 2.0 * alone


# -- where it plays


def output(wanted: str, channels: int) -> CueOutput:
    return CueOutput(np, Device(0, "box", "api", channels, 48000.0), wanted)


@pytest.mark.parametrize(
    ("wanted", "has", "text"),
    [
        ("3", 2, "no cue: api: box has 2 outputs, none called 3 and 4"),
        ("3", 3, "no cue: api: box has 3 outputs, none called 3 and 4"),
        ("1", 4, "no cue: outputs 1 and 2 play the master; choose 3 or another device"),
        ("5", 4, "no cue: api: box has 4 outputs, none called 5 and 6"),
        ("", 2, ""),
    ],
)
def test_a_device_without_outputs_for_the_cue_plays_the_master(wanted: str, has: int, text: str) -> None:
    cue = output(wanted, has)
    assert (cue.text, cue.is_wanted, cue.channels) == (text, False, 2)


class TwoCards:
    """PortAudio with two sound cards, of which the second can be unplugged: no test machine has them."""

    class PortAudioError(Exception):
        pass

    def __init__(self) -> None:
        self.plugged, self.streams, self.closed = True, 0, 0
        self.active = False

    def query_hostapis(self) -> list[dict[str, object]]:
        return [{"name": "api"}]

    def query_devices(self) -> list[dict[str, object]]:
        card = {
            "hostapi": 0,
            "max_output_channels": 2,
            "default_samplerate": 48000.0,
            "default_low_output_latency": 0.01,
        }
        return [card | {"name": name} for name in ("box", "headphones")]

    def OutputStream(self, device: int, callback: Callable[..., None], **_: object) -> TwoCards:  # noqa: N802
        assert device == 1
        if not self.plugged:
            raise self.PortAudioError("Device unavailable")
        self.callback, self.streams, self.active = callback, self.streams + 1, True
        return self

    def start(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1
        raise self.PortAudioError("Invalid stream pointer")

    def take(self) -> np.ndarray:
        """The next block of the second card."""
        out = np.ones((BLOCK, 2), np.float32)
        self.callback(out, BLOCK, None, None)
        return out


@pytest.mark.parametrize("stalls", [False, True])
def test_a_second_device_that_was_unplugged_is_opened_again(stalls: bool) -> None:
    """Some drivers end the stream, others only call back no more."""
    cards = TwoCards()
    cue = CueOutput(cards, Device(0, "box", "api", 2, 48000.0), "headphones")  # type: ignore[arg-type]
    both, out = np.full((BLOCK, 4), 0.5, np.float32), np.zeros((BLOCK, 2), np.float32)
    cue.open(48000, BLOCK)

    def play(seconds: float, begin: float) -> np.ndarray:
        heard = np.zeros((BLOCK, 2), np.float32)
        for at in np.arange(begin, begin + seconds, 0.02):
            cue.split(both, out)
            heard = cards.take() if cards.plugged and cards.active else heard
            cue.poll(at)
        return heard

    assert play(1.5, 0.0)[-1, 0] == 0.5
    assert (cue.is_playing, cue.text) == (True, "cue on api: headphones")
    cards.plugged, cards.active = False, stalls
    play(5.0, 1.5)
    assert not cue.is_playing
    assert cue.text == "no cue: api: headphones is gone; perform waits for it"
    assert (cards.streams, cards.closed) == (1, 1)
    cards.plugged = True
    play(2.1, 6.5)
    assert (cue.is_playing, cue.text, cards.streams) == (True, "cue on api: headphones", 2)
    assert play(1.5, 8.6)[-1, 0] == 0.5
    assert np.all(out == 0.5), "the master plays all the time"


@pytest.mark.parametrize(("wanted", "first"), [("3", 2), ("5", 4)])
def test_the_cue_plays_on_its_outputs_alone(wanted: str, first: int) -> None:
    cue = output(wanted, 8)
    out, both = np.ones((4, cue.channels), np.float32), np.arange(16, dtype=np.float32).reshape(4, 4)
    cue.split(both, out)
    assert np.array_equal(out[:, :2], both[:, :2])
    assert np.array_equal(out[:, first : first + 2], both[:, 2:])
    assert not out[:, 2:first].any()


@pytest.mark.parametrize("ratio", [0.98, 1.0, 1.02])
@pytest.mark.parametrize("blocks", [(256, 256), (64, 1024), (512, 100)])
def test_a_second_device_of_another_clock_hears_no_click(ratio: float, blocks: tuple[int, int]) -> None:
    """Its clock is 2 % off, much more than of any device; for a while the first device stands still."""
    buffer, (mine, its) = DriftBuffer(), blocks
    heard, written, read = [], 0, 0.0
    for step in range(60000 // mine):
        if not 0.4 < step * mine / 60000 < 0.5:
            t = np.arange(written, written + mine) / RATE
            buffer.put(np.repeat(LEVEL * np.sin(2 * np.pi * 220 * t)[:, None], 2, 1).astype(np.float32))
            written += mine
        read += mine * ratio
        while read >= its:
            out = np.zeros((its, 2), np.float32)
            buffer.fill(None, out, 0.0, None)
            heard.append(out)
            read -= its
    sound = np.concatenate(heard)
    assert steepest(sound) < 2 * np.pi * 220 * LEVEL / RATE + LEVEL / min(FADE, its) * 1.1
    silent = (np.abs(sound).max(axis=1) == 0).mean()
    assert silent < 0.25 and peak(sound) > 0.9 * LEVEL
