"""Tempo and beat on the screen: tapped, quantised, shown with the changes that wait."""

from __future__ import annotations

import msgspec
from hands import playing

from perform.core.beat import BeatLine


async def test_tap_start_and_quantise(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("t", "t", "T")
        assert (hands.value("clock/tap"), hands.value("clock/start")) == (2, 1)
        await hands.press("q")
        assert hands.value("quantise") == 1
        assert "loops, scenes and go wait for the beat" in hands.text()
        await hands.press("q", "q")
        assert hands.value("quantise") == 0


async def test_the_beat_and_what_waits_for_it(stage, clock):
    async with playing(stage, clock, (80, 24)) as hands:
        stage.arena.write_beat_line(BeatLine(-5.5 * 24000, 120.0, 48000.0))  # beat 5.5: the second of a bar
        await hands.settle()
        assert "♩124 2/4" in hands.text()
        await hands.press("q", "q")
        stage.words = msgspec.structs.replace(stage.words, pending=("scene 3",))
        await hands.until(lambda: "♩124 2/4 bar: scene 3" in hands.text())
