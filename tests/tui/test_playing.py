"""Keys and mouse write parameters into the table, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hands import playing
from msgspec.structs import replace
from textual.events import MouseScrollUp

from perform.core import params
from perform.core.params import SOURCES, SPEC_AT, SPECS
from perform.tui.parameter_rows import STAGE_ROWS, deck_rows

Z0 = "deck/1/z/0/bias"


async def test_digits_and_tab_focus_a_deck(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("3")
        assert hands.value("focus") == 3
        assert "3 ▸ FOCUS" in hands.text()
        await hands.press("tab")
        assert hands.value("focus") == 4
        await hands.press("1", "shift+tab")
        assert hands.value("focus") == 8


async def test_a_focus_moved_by_midi_moves_the_screen(stage, clock):
    async with playing(stage, clock) as hands:
        params.set_value(stage.arena.table, "focus", 2)
        await hands.press("m")
        assert hands.value("deck/2/mute") == 1
        assert hands.value("deck/1/mute") == 0


async def test_arrows_nudge_one_and_ten_percent_and_clamp(stage, clock):
    async with playing(stage, clock) as hands:
        params.set_value(stage.arena.table, Z0, 0)
        await hands.press("down", "down")
        assert hands.app.frame.selected.address == Z0
        await hands.press("right")
        assert hands.value(Z0) == pytest.approx(0.08)
        await hands.press("shift+left")
        assert hands.value(Z0) == pytest.approx(0.08 - 0.8)
        await hands.press(*["shift+right"] * 12)
        assert hands.value(Z0) == 4
        await hands.press("0")
        assert hands.value(Z0) == 0


async def test_every_row_can_be_reached_and_changed(stage, clock):
    async with playing(stage, clock) as hands:
        seen = []
        for _ in range(80):
            row = hands.app.read_frame().selected
            if row.address in seen:
                break
            seen.append(row.address)
            before = hands.value(row.address)
            key = "left" if before == row.spec.high else "right"
            await hands.pilot.press(key)
            assert hands.value(row.address) != before, row
            await hands.pilot.press("down")
        assert {
            "deck/1/gain",
            "deck/1/pan",
            "deck/1/source",
            "deck/1/speed",
            Z0,
            "xfade",
            "scene/morph",
            "scene/a",
            "tempo",
            "quantise",
            "master/gain",
        } <= set(seen)
        rows = (*hands.app.read_frame().rows(1), *STAGE_ROWS)
        assert seen == [row.address for row in rows], "each once, in the order in which they are drawn"


async def test_banks_reach_latents_below_the_panel(stage, clock):
    async with playing(stage, clock, (80, 24)) as hands:
        await hands.press("2", "]")
        assert hands.app.frame.selected.address == "deck/2/z/6/bias"
        await hands.press("]", "]")
        assert "z15" in hands.text()
        await hands.press("[", "[", "[", "[")
        assert hands.app.frame.selected.address == "deck/2/gain"


async def test_letters_change_switches_side_and_source(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("m", "s", "f", "x", "a")
        own = {k: hands.value(f"deck/1/{k}") for k in ("mute", "solo", "freeze", "side", "source")}
        assert own == {"mute": 1, "solo": 1, "freeze": 1, "side": 2, "source": 1}
        assert "MUTE SOLO FREEZE" in hands.text()
        assert "side B" in hands.text()
        await hands.press("m", "x", "a", "a")
        own = {k: hands.value(f"deck/1/{k}") for k in ("mute", "solo", "freeze", "side", "source")}
        input_ = SOURCES.index("input")  # a prior, which comes before it, this model has not
        assert own == {"mute": 0, "solo": 1, "freeze": 1, "side": 0, "source": input_}


async def test_crossfader_keys(stage, clock):
    async with playing(stage, clock) as hands:
        for key, value in ((".", 0.51), (",", 0.5), ("<", 0.0), (",", 0.0), (">", 1.0), ("\\", 0.5)):
            await hands.press(key)
            assert hands.value("xfade") == pytest.approx(value), key


@pytest.mark.parametrize(("typed", "stored"), [("-1.25", -1.25), ("+2,5 σ", 2.5), ("4", 4.0)])
async def test_a_typed_value(stage, clock, typed, stored):
    async with playing(stage, clock) as hands:
        await hands.press("down", "down", "=")
        await hands.press(*typed.replace("σ", "").strip())
        await hands.press("enter")
        assert hands.value(Z0) == stored


async def test_a_wrong_value_is_refused_and_the_range_shown(stage, clock):
    async with playing(stage, clock) as hands:
        before = hands.value(Z0)
        await hands.press("down", "down", "=", "9", "enter")
        assert "'9' is not -4 to 4 σ" in hands.text()
        assert hands.value(Z0) == before
        await hands.press("escape", "right")
        assert hands.value(Z0) != before


async def test_bias_and_scale_share_the_rows(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("down", "down", "b", "left")
        assert hands.value("deck/1/z/0/scale") == pytest.approx(0.96)
        for side in ("mute", "freeze", "smooth", "level", "pitch", "silence"):
            await hands.press("b")
            assert hands.app.frame.selected.address == f"deck/1/z/0/{side}"
        await hands.press("b")
        assert hands.app.frame.selected.address == Z0


async def test_each_source_has_its_own_rows(stage, clock):
    async with playing(stage, clock) as hands:
        for source, own in (("input", "input/gate"), ("file", "deck/1/file/loop"), ("deck", "deck/1/from")):
            params.set_value(stage.arena.table, "deck/1/source", params.SOURCES.index(source))
            assert own in [row.address for row in hands.app.read_frame().rows(1)]


async def test_opening_the_input_takes_two_presses(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("I")
        assert hands.value("input/open") == 0
        assert "feeds back" in hands.text()
        await hands.press("I")
        assert hands.value("input/open") == 1
        await hands.press("I")
        assert hands.value("input/open") == 0


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
@pytest.mark.parametrize(
    ("widget", "address"),
    [
        ("decks", Z0),
        ("decks", "deck/1/gain"),
        ("foot", "xfade"),
        ("foot", "scene/morph"),
        ("foot", "master/gain"),
    ],
)
async def test_the_mouse_sets_and_drags_a_bar(stage, clock, size, widget, address):
    async with playing(stage, clock, size) as hands:
        hit = next(
            h
            for h in hands.app._play.query_one(f"#{widget}").hits()
            if h.address == address and h.value is None
        )
        spec = SPECS[address]
        place = f"#{widget}"
        await hands.pilot.mouse_down(place, offset=(hit.x1 - 1, hit.y))
        await hands.pilot.pause()
        assert hands.value(address) == pytest.approx(spec.high)
        await hands.pilot.hover(place, offset=(hit.x0, hit.y))
        await hands.pilot.pause()
        assert hands.value(address) == pytest.approx(spec.low)
        await hands.pilot.mouse_up(place, offset=(hit.x0, hit.y))
        await hands.pilot.hover(place, offset=(hit.x1 - 1, hit.y))
        await hands.pilot.pause()
        assert hands.value(address) == pytest.approx(spec.low), "let go, but it still follows"
        assert hands.app.read_frame().selected.address == address


async def test_a_click_focuses_a_deck_and_turns_its_switch(stage, clock):
    async with playing(stage, clock) as hands:
        hit = hands.target("decks", action="deck(2)")
        await hands.pilot.click("#decks", offset=(hit.x0 + 2, hit.y))
        assert hands.value("focus") == 2
        hit = hands.target("decks", address="deck/1/solo")
        await hands.pilot.click("#decks", offset=(hit.x0, hit.y))
        assert (hands.value("focus"), hands.value("deck/1/solo")) == (1, 1)


async def test_the_wheel_nudges(stage, clock):
    async with playing(stage, clock) as hands:
        params.set_value(stage.arena.table, Z0, 0)
        hit = hands.target("decks", address=Z0)
        await hands.pilot._post_mouse_events([MouseScrollUp], "#decks", offset=(hit.x0, hit.y))
        await hands.pilot.pause()
        assert hands.value(Z0) == pytest.approx(0.08)


async def test_keys_touch_only_their_own_slot(stage, clock):
    async with playing(stage, clock) as hands:
        before = stage.arena.table.copy()
        await hands.press("down", "down", "right")
        moved = np.flatnonzero(stage.arena.table != before)
        assert [params.ADDRESSES[i] for i in moved] == [Z0]


def test_every_row_has_a_spec():

    for row in (*deck_rows(8, 32, "bias"), *deck_rows(8, 32, "scale"), *STAGE_ROWS):
        assert SPEC_AT[row.slot] is SPECS[row.address]


def test_a_pitched_model_has_a_row_of_voices():
    for labels, has_it in ((("pitch", "loudness"), True), ((), False)):
        rows = deck_rows(3, 2, "bias", labels=labels)
        assert ("deck/3/voices" in [row.address for row in rows]) == has_it


async def test_a_latent_has_the_range_of_its_model_on_the_screen(stage, clock):
    """Keys, mouse and bar use the range of the knob; a value outside it stays until it is moved back."""
    stage.arena.knobs.set_deck(1, [(-0.2, 0.6)] * 8, [6.0] * 7 + [0.1])
    stage.arena.table[params.slot("deck/1/z/1/bias")] = 0.0
    async with playing(stage, clock) as hands:
        hands.app.screen.action_select("deck/1/z/1/bias")
        await hands.press("right", "shift+right")
        assert hands.value("deck/1/z/1/bias") == pytest.approx(0.088)
        assert "+.088" in hands.text(), "each step shows"
        await hands.press(*["shift+right"] * 12)
        assert hands.value("deck/1/z/1/bias") == 0.6
        assert "effect 6.0 dB" in hands.text()
        hit = hands.target("decks", address="deck/1/z/1/bias")
        await hands.pilot.click("#decks", offset=(hit.x0, hit.y))
        assert hands.value("deck/1/z/1/bias") == -0.2
        stage.arena.table[params.slot("deck/1/z/1/bias")] = 2.0
        await hands.press("right")
        assert hands.value("deck/1/z/1/bias") == 2.0
        await hands.press("left")
        assert hands.value("deck/1/z/1/bias") == pytest.approx(1.992)
        assert "z7 ≈" in hands.text() and "z6 ≈" not in hands.text()
        hands.app.screen.action_select("deck/1/z/7/bias")
        await hands.settle()
        assert "≈ hardly heard, 0.1 dB" in hands.text()


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_deck_says_why_its_source_plays_as_hand(stage, clock, size):
    note = "no prior: prior plays as hand"
    told = replace(stage.words.decks[0], note=note)
    stage.words = replace(stage.words, decks=(told, *stage.words.decks[1:]))
    async with playing(stage, clock, size) as hands:
        assert "no prior: prior plays" in hands.text()


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_c_puts_a_deck_on_cue_and_says_if_nobody_hears_it(stage, clock, size):
    async with playing(stage, clock, size) as hands:
        await hands.press("c")
        assert hands.value("deck/1/cue") == 1
        assert "the cue has no outputs: start with --cue 3" in hands.text()
        assert "CUE" in hands.text()
        await hands.press("c")
        assert hands.value("deck/1/cue") == 0
        stage.arena.set_meter("cue/on", 1)
        await hands.until(lambda: "CUE mix" in hands.text())
        hands.app.screen.action_select("cue/mix")
        await hands.press("right")
        assert hands.value("cue/mix") == pytest.approx(0.01)
        assert "cue mix" in hands.text()
