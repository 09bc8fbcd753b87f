"""Keys for scenes, the morph between two scenes, gesture loops, and excluded parameters."""

from __future__ import annotations

import pytest
from hands import playing
from msgspec.structs import replace

from perform.core import params
from perform.stage.commands import (
    Exclude,
    ForgetLoop,
    ForgetScene,
    RecallScene,
    StoreScene,
    ToggleLoop,
)
from perform.stage.status import SceneStatus
from perform.tui.screens.scene_dialog import SceneDialog

SIZES = [(120, 40), (80, 24)]


async def asked(hands, *commands) -> None:
    await hands.until(lambda: hands.stage.asked == list(commands))
    await hands.settle()


# -- scenes


async def test_function_keys_recall(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press(*(f"f{n}" for n in range(2, 10)))
        await asked(hands, *(RecallScene(n) for n in range(1, 9)))


@pytest.mark.parametrize("size", SIZES)
async def test_scenes_are_named_and_the_one_recalled_is_marked(stage, clock, size):
    async with playing(stage, clock, size) as hands:
        assert "SCENES  F2 init F3 fog◀ F4 – F5 – F6 shatter F7 – F8 – F9 SAFE" in hands.text()
        stage.words = replace(stage.words, scene=5)
        await hands.until(lambda: "F6 shatter◀" in hands.text())


async def test_storing_over_a_scene_asks_first(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("w")
        assert "▸STORE" in hands.text()
        assert "F2 to F9 stores the current settings as a scene; esc cancels" in hands.text()
        await hands.press("f4", "enter")
        await asked(hands, StoreScene(3))
        assert "F4 ●" in hands.text(), "a scene without a name is seen"
        await hands.press("w", "f3")
        assert "Scene F3 is fog: replace it?" in hands.text()
        await hands.press("escape", "w", "f3", *(["backspace"] * 3), *"mist", "enter")
        await asked(hands, StoreScene(3), StoreScene(2, "mist"))
        assert "F3 mist stored" in hands.text()
        await hands.press("f3")
        await asked(hands, StoreScene(3), StoreScene(2, "mist"), RecallScene(2))


async def test_a_scene_is_deleted(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("W", "f3")
        await asked(hands, ForgetScene(2))
        assert "F3 fog deleted; press u to undo" in hands.text()


async def test_esc_or_five_seconds_cancel_a_prefix(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("w", "escape", "f2", "w")
        clock.now += 5.1
        await hands.settle()
        assert "▸STORE" not in hands.text()
        await hands.press("f3")
        await asked(hands, RecallScene(1), RecallScene(2))


@pytest.mark.parametrize("size", SIZES)
async def test_scenes_by_mouse(stage, clock, size):
    async with playing(stage, clock, size) as hands:
        hit = hands.target("foot", action="app.scene(5)")
        await hands.pilot.click("#foot", offset=(hit.x0 + 3, hit.y))
        await asked(hands, RecallScene(5))
        await hands.press("w")
        hit = hands.target("foot", action="app.scene(4)")
        await hands.pilot.click("#foot", offset=(hit.x0, hit.y))
        await hands.settle()
        assert isinstance(hands.app.screen, SceneDialog)


# -- the morph


async def test_the_morph_has_keys_and_ends(stage, clock):
    async with playing(stage, clock) as hands:
        for key, value in (("'", 0.41), (";", 0.4), (":", 0.0), (";", 0.0), ('"', 1.0)):
            await hands.press(key)
            assert hands.value("scene/morph") == pytest.approx(value), key
        await hands.press("A", "f9", "B", "f2")
        assert (hands.value("scene/a"), hands.value("scene/b")) == (8, 1)
        assert "F9 SAFE ──" in hands.text()
        assert stage.asked == []


@pytest.mark.parametrize("size", SIZES)
async def test_a_click_on_an_end_takes_the_next_stored_scene(stage, clock, size):
    async with playing(stage, clock, size) as hands:
        seen = []
        for _ in range(5):
            hit = hands.target("foot", action="app.morph_end('b')")
            await hands.pilot.click("#foot", offset=(hit.x0, hit.y))
            await hands.settle()
            seen.append(hands.value("scene/b"))
        assert seen == [8, 1, 2, 5, 8]


async def test_without_scenes_the_morph_says_so(stage, clock):
    stage.words = replace(stage.words, scenes=(), scene=0)
    for end in ("a", "b"):
        params.set_value(stage.arena.table, f"scene/{end}", 0)
    async with playing(stage, clock) as hands:
        assert "SCENES  F2 – F3 – F4 – F5 – F6 – F7 – F8 – F9 –" in hands.text()
        hit = hands.target("foot", action="app.morph_end('a')")
        await hands.pilot.click("#foot", offset=(hit.x0, hit.y))
        await hands.settle()
        assert "no scene to morph to: press w, then F2 to store one" in hands.text()


@pytest.mark.parametrize("size", SIZES)
async def test_eight_scenes_with_long_names_fit(stage, clock, size):
    names = tuple(SceneStatus(n, f"{n}n 長い名前 of a scene") for n in range(1, 9))
    stage.words = replace(stage.words, scenes=names, decks=(stage.words.decks[0],) * 8)
    for deck in range(1, 9):
        stage.arena.set_meter(f"deck/{deck}/state", 2)
    async with playing(stage, clock, size) as hands:
        for n in range(1, 9):
            assert f"F{n + 1} {n}" in hands.text()
        assert "MORPH" in hands.text()
        assert "40 %" in hands.text()


# -- loops, and what scenes leave alone


async def test_one_key_records_loops_stops_and_plays_on(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("down")
        for words, glyph in (
            ("deck 1 pan: ● recording", "●"),
            ("deck 1 pan: ↻ looping 2.5 s", "↻"),
            ("deck 1 pan: ■ stopped", "■"),
            ("deck 1 pan: ↻ looping", "↻"),
        ):
            await hands.press("g")
            await hands.until(lambda words=words: words in hands.text())
            assert f"▸pan  {glyph}" in hands.text()
        await asked(hands, *[ToggleLoop("deck/1/pan")] * 4)
        await hands.press("G")
        await asked(hands, *[ToggleLoop("deck/1/pan")] * 4, ForgetLoop("deck/1/pan"))


@pytest.mark.parametrize("size", SIZES)
async def test_rows_show_their_loop_and_exclusion(stage, clock, size):
    async with playing(stage, clock, size) as hands:
        assert "▸gain ⊘━" in hands.text()
        assert " z2  ↻⊘─" in hands.text()
        await hands.press("down", "down", "down", "down")
        assert "↻ looping 4.0 s   ⊘ excluded" in hands.text()


async def test_a_parameter_is_excluded_and_included_again(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("down", "E")
        await hands.until(lambda: "deck 1 pan: excluded from scenes" in hands.text())
        assert "▸pan  ⊘" in hands.text()
        await hands.press("E")
        await hands.until(lambda: "deck 1 pan: included in scenes" in hands.text())
        await asked(hands, *[Exclude("deck/1/pan")] * 2)


@pytest.mark.parametrize("size", SIZES)
async def test_loops_and_exclusions_by_mouse(stage, clock, size):
    address = "deck/1/z/2/bias"
    async with playing(stage, clock, size) as hands:
        for place, action in (
            ("decks", f"app.loop('{address}')"),
            ("decks", f"app.exclude('{address}')"),
            ("foot", "app.loop"),
            ("foot", "app.exclude"),
        ):
            hit = hands.target(place, action=action)
            await hands.pilot.click(f"#{place}", offset=(hit.x0, hit.y))
            await hands.settle()
        await asked(
            hands, ToggleLoop(address), Exclude(address), ToggleLoop("deck/1/gain"), Exclude("deck/1/gain")
        )


async def test_a_parameter_of_the_stage_can_loop(stage, clock):
    async with playing(stage, clock) as hands:
        hit = hands.target("foot", action="select('xfade')")
        await hands.pilot.click("#foot", offset=(hit.x0, hit.y))
        await hands.press("g")
        await asked(hands, ToggleLoop("xfade"))
        assert "▸X-FADE ●" in hands.text()
