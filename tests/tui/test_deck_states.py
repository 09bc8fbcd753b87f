"""A deck that does not simply play says what happens, what is done about it, and which key helps."""

from __future__ import annotations

import re

import msgspec
import pytest
from hands import playing
from stand_in import FakeStage, deck, play, status

from perform.core import params
from perform.core.arena_layout import LOADING
from perform.core.params import SOURCES
from perform.tui.deck_advice import deck_advice

SHED = "faded out: a deck used 97 % of its render time; it plays again once there is room"


def troubled(folder) -> FakeStage:  # type: ignore[no-untyped-def]
    """Eight decks: loading, failed, shed, silent, late, no input, NaN, faded away from."""
    names = ("loading", "failed", "shed", "silent", "late", "input", "nan", "side")
    decks = [deck(name) for name in names]
    decks[1] = msgspec.structs.replace(deck("", 0), model="", error="3 tensors are missing; fetch it again")
    decks[2] = msgspec.structs.replace(deck("", 0), model="", error=SHED)
    stage = FakeStage(folder, status(*decks))
    play(stage)
    arena = stage.arena
    arena.set_meter("deck/1/state", LOADING)
    for number in (2, 3):
        arena.set_meter(f"deck/{number}/state", 3)
    for number in (4, 8):
        for end in "lr":
            arena.set_meter(f"deck/{number}/peak/{end}", 0.0)
    params.set_value(arena.table, "deck/6/source", SOURCES.index("input"))
    params.set_value(arena.table, "deck/8/side", 2)
    params.set_value(arena.table, "xfade", 0.0)
    return stage


async def make_trouble(hands, clock) -> None:  # type: ignore[no-untyped-def]
    """Counts grow, and the silence lasts."""
    clock.now += 4.0
    hands.stage.arena.set_meter("deck/5/late", 3)
    hands.stage.arena.set_meter("deck/7/bad", 2)
    hands.stage.arena.set_meter("frames", 4.0)
    await hands.settle()


EXPECTED = {
    1: "loading: it enters by itself",
    2: "fetch it again · o loads another model",
    3: "plays again once there is room · o loads a lighter model",
    4: "silent: its model is quiet here · move a latent",
    5: "late: it faded out for a moment · a safer margin",
    6: "no input: it is closed, silence is encoded · I I opens it",
    7: "NaN: muted, its decoder starts again · o loads another model",
    8: "silent: the crossfader is away from B · \\ centres it",
}


@pytest.mark.parametrize("size", [(200, 60), (80, 24)])
async def test_each_state_of_a_deck_is_one_line_with_a_key(tmp_path, clock, size):
    async with playing(troubled(tmp_path), clock, size) as hands:
        await make_trouble(hands, clock)
        for number, words in EXPECTED.items():
            assert words in deck_advice(hands.app.read_frame(), number)
            if size == (80, 24):  # the focused deck's title has the line
                await hands.press(str(number))
                seen = hands.text()
                assert words[:30] in seen or (number == 3 and SHED[:30] in seen)
        if size == (200, 60):
            drawn = " ".join(hands.text().split())
            for number in EXPECTED:  # a long one is wrapped
                assert deck_advice(hands.app.read_frame(), number)[:20].strip() in drawn, number


async def test_a_deck_is_quiet_about_itself_once_it_plays(tmp_path, clock):
    async with playing(troubled(tmp_path), clock) as hands:
        await make_trouble(hands, clock)
        clock.now += 20.0
        hands.stage.arena.set_meter("deck/4/peak/l", 0.5)
        await hands.settle()
        frame = hands.app.read_frame()
        assert [deck_advice(frame, number) for number in (4, 5, 7)] == ["", "", ""]
        deck, *rest = hands.stage.words.decks[3:]
        why = "no GPU: this ONNX Runtime has no CUDA; the processor plays it"
        for engine, said in (("GPU", ""), (why, why)):
            there = msgspec.structs.replace(deck, engine=engine)
            hands.stage.words = status(*hands.stage.words.decks[:3], there, *rest)
            await hands.until(lambda engine=engine: hands.app.read_frame().deck(4).engine == engine)
            assert deck_advice(hands.app.read_frame(), 4) == said


async def test_a_deck_with_voices_shows_how_many_sound(tmp_path, clock):
    async with playing(troubled(tmp_path), clock, (200, 60)) as hands:
        await make_trouble(hands, clock)
        assert "♪" not in hands.text()
        params.set_value(hands.stage.arena.table, "deck/4/voices", 3)
        hands.stage.arena.set_meter("deck/4/notes", 2)
        await hands.until(lambda: "♪2/3" in hands.text())
        hands.stage.arena.set_meter("deck/4/notes", 0)
        await hands.until(lambda: "♪0/3" in hands.text())  # a printed number stays for some frames
        assert "no note sounds" in deck_advice(hands.app.read_frame(), 4)


@pytest.mark.parametrize("decks", [8, 5])
async def test_the_stage_view_says_it_too(tmp_path, clock, decks):
    """Eight decks have a line each, five a block each."""
    stage = troubled(tmp_path)
    for number in range(decks + 1, 9):
        stage.arena.set_meter(f"deck/{number}/state", 0)
    stage.words = status(*stage.words.decks[:decks])
    async with playing(stage, clock, (200, 60)) as hands:
        await make_trouble(hands, clock)
        await hands.press("f10")
        lines = hands.text().split("\n")
        for number in range(1, decks + 1):
            advice = deck_advice(hands.app.read_frame(), number)
            assert EXPECTED[number] in advice
            line = next(line for line in lines if re.search(rf"[▲●↻○] \w+ .*{re.escape(advice[:13])}", line))
            assert (f" {number} " in line) and (decks == 5 or line.startswith(f" {number} ")), line
