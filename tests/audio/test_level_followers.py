"""Level followers of decks and input: RMS on a scale of 60 dB, rise and fall, nothing without a row."""

from __future__ import annotations

import numpy as np
import pytest

from perform.audio.mixer import Mixer
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import DECK_METER, LANE, METER_SLOTS, lanes_of
from perform.library.song import ModulationRow
from perform.stage.modulation_writer import ModulationWriter

RATE, BLOCK = 48000, 256
TO_INPUT = ModulationRow("follow input", "deck/8/z/0/bias", 0.0, 1.0)
TO_DECK = ModulationRow("follow deck/1", "deck/2/gain", 0.0, -20.0)


class Playing:
    """Deck 1 plays noise of a level; the mixer is pulled."""

    def __init__(self, arena: Arena, *rows: ModulationRow) -> None:
        self.arena, lane = arena, lanes_of(1)[0]
        arena.lanes[lane, LANE["live"]] = arena.lanes[lane, LANE["gate"]] = 1
        self.ring, self.dice = arena.rings[lane], np.random.default_rng(0)
        ModulationWriter(arena).write(rows)
        self.mixer = Mixer(arena, RATE, opening=(1.0, 1.0))

    def play(self, seconds: float, rms: float, came: float = 0.0) -> None:
        for _ in range(round(seconds * RATE / BLOCK)):
            noise = self.dice.choice([-rms, rms], (BLOCK, 2)).astype(np.float32)
            self.ring.write(noise)
            live = np.full((BLOCK, 2), came, np.float32)
            live[::2] *= -1
            self.mixer.fill(np.zeros((BLOCK, 2), np.float32), live)

    def level(self, name: str) -> float:
        return float(self.arena.meters[METER_SLOTS[f"follow/{name}"]])


@pytest.mark.parametrize(("db", "level"), [(0.0, 1.0), (-30.0, 0.5), (-54.0, 0.1), (-90.0, 0.0)])
def test_a_deck_is_followed_after_its_fader(arena: Arena, db: float, level: float) -> None:
    playing = Playing(arena, TO_DECK)
    params.set_value(arena.table, "deck/1/gain", max(db, -60.0))
    playing.play(1.5, 1.0)
    assert playing.level("deck/1") == pytest.approx(level, abs=0.01)
    assert playing.level("deck/2") == 0.0


def test_rise_and_fall_have_their_own_times(arena: Arena) -> None:
    playing = Playing(arena, TO_DECK)
    params.set_value(arena.table, "follow/deck/1/rise", 0.0)
    params.set_value(arena.table, "follow/deck/1/fall", 0.5)
    playing.play(0.1, 1.0)
    assert playing.level("deck/1") == pytest.approx(1.0, abs=0.01)
    playing.play(0.5, 0.0)  # one time constant: the power falls to 1/e, 4.3 of 60 dB
    assert playing.level("deck/1") == pytest.approx(1.0 - 4.34 / 60, abs=0.01)


def test_the_input_is_followed_only_while_it_is_open(arena: Arena) -> None:
    playing = Playing(arena, TO_INPUT)
    for address, value in (("input/open", 1.0), ("input/gate", -90.0), ("follow/input/fall", 0.05)):
        params.set_value(arena.table, address, value)
    playing.play(0.5, 0.0, came=0.1)
    assert playing.level("input") == pytest.approx(1.0 - 20 / 60, abs=0.02)
    params.set_value(arena.table, "input/open", 0.0)
    playing.play(1.0, 0.0, came=0.1)
    assert playing.level("input") == 0.0


def test_nothing_is_measured_without_a_row_that_needs_it(arena: Arena) -> None:
    playing = Playing(arena, ModulationRow("lfo 1", "xfade", 0.0, 0.1))
    playing.play(0.2, 1.0)
    assert playing.level("deck/1") == 0.0
    assert playing.arena.meter("deck/1/peak/l") > 0.5


def test_a_fader_returns_to_its_base_once_its_row_is_gone(arena: Arena) -> None:
    playing = Playing(arena)
    writer = ModulationWriter(arena)
    params.set_value(arena.table, "macro/1", 1.0)
    peaks = []
    for rows in ([], [ModulationRow("macro 1", "deck/1/gain", 0.0, -20.0)], []):
        writer.write(rows)
        playing.play(0.5, 0.1)
        meters = arena.deck_meters(1)
        meters[DECK_METER["peak/l"]] = 0.0
        playing.play(0.1, 0.1)
        peaks.append(float(meters[DECK_METER["peak/l"]]))
    assert peaks == pytest.approx([0.1, 0.01, 0.1], abs=1e-4)
