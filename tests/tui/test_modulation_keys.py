"""Modulation on the screen: `e` lets modulators move a parameter; the row shows base and modulated value."""

from __future__ import annotations

import msgspec
from hands import Hands, playing
from textual.widgets import OptionList

from perform.core import params
from perform.core.modulators import MODULATORS
from perform.library.song import ModulationRow
from perform.stage.commands import AddExample, ClearExamples, Modulate, Unmodulate
from perform.stage.modulation_writer import ModulationWriter

Z0 = "deck/1/z/0/bias"


def rows(stage) -> list[tuple[str, str, float, float]]:
    return [(row.source, row.address, row.low, row.high) for row in stage.words.modulation]


def mark(hands: Hands, name: str) -> None:
    """Mark a modulator of the list."""
    options = hands.app.screen.query_one(OptionList)
    options.highlighted = options.get_option_index(name)


async def test_two_keys_and_an_arrow_modulate_a_parameter(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("down", "down", "e")
        assert "Modulate deck 1 z0 bias" in hands.words()
        await hands.press("right", "shift+right")
        await hands.until(lambda: rows(stage) == [("lfo 1", Z0, -0.88, 0.88)])
        assert "∿ lfo 1 -0.88 … +0.88 σ" in " ".join(hands.words().split())
        await hands.press("down", "left")
        await hands.until(lambda: len(rows(stage)) == 2)
        assert rows(stage)[1] == ("lfo 2", Z0, 0.08, -0.08)
        await hands.press("delete")
        await hands.until(lambda: len(rows(stage)) == 1)
        await hands.press("up", "left", "shift+left")
        await hands.until(lambda: not rows(stage))
        assert [type(c) for c in stage.asked if isinstance(c, Modulate | Unmodulate)][-1] is Unmodulate
        await hands.press("escape")
        assert "Modulate" not in hands.text()
        hands.app.play_screen.action_select("tempo")
        await hands.press("e")
        assert "tempo cannot be modulated" in hands.text()


async def test_a_macro_moves_one_way_and_both_ends_can_be_typed(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("down", "down", "e")
        mark(hands, "macro 8")
        await hands.press("right")
        await hands.until(lambda: rows(stage) == [("macro 8", Z0, 0.0, 0.08)])
        await hands.press("delete", "home")
        await hands.press("equals_sign", *"x", "enter")
        assert "type two numbers" in hands.words()
        await hands.press("backspace", *"0", "space", *"1", "full_stop", *"5", "enter")
        await hands.until(lambda: rows(stage) == [("lfo 1", Z0, 0.0, 1.5)])


async def test_fingers_are_the_last_of_the_list_and_their_pressure_moves_one_way(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("down", "down", "e")
        options = hands.app.screen.query_one(OptionList)
        names = [options.get_option_at_index(i).id for i in range(options.option_count)]
        assert sorted(names) == sorted(MODULATORS)
        assert names[-31:-28] == ["hold 4", "finger 1 press", "finger 1 slide"]
        mark(hands, "finger 1 press")
        await hands.press("right")
        mark(hands, "finger 2 bend")
        await hands.press("right")
        await hands.until(lambda: len(rows(stage)) == 2)
        assert rows(stage) == [("finger 1 press", Z0, 0.0, 0.08), ("finger 2 bend", Z0, -0.08, 0.08)]


async def test_a_row_shows_base_and_modulated_value_and_the_modulator_has_rows(stage, clock):
    async with playing(stage, clock) as hands:
        hands.app.play_screen.action_select("deck/1/pan")
        await hands.press("e")
        mark(hands, "macro 8")
        await hands.press(*["shift+right"] * 3, "escape")
        await hands.until(lambda: rows(stage) == [("macro 8", "deck/1/pan", 0.0, 0.6)])
        await hands.press("e", "down", "right", "escape")  # the first in the list is the one in use
        await hands.until(lambda: len(rows(stage)) == 2)
        params.set_value(stage.arena.table, "macro/8", 1.0)
        ModulationWriter(stage.arena).write([ModulationRow("macro 8", "deck/1/pan", 0.0, 0.6)])
        await hands.settle()
        line = next(line for line in hands.text().split("\n") if "▸pan" in line)
        assert "∿" in line
        assert line.index("●") < line.index("◆")
        assert "∿ +0.60 by macro 8, lfo 1" in hands.text()
        labels = [row.label for row in hands.app.read_frame().rows(1)]
        assert [label for label in labels if label.startswith("lfo1")] == [
            f"lfo1 {key}" for key in ("shape", "sync", "rate", "beats", "phase", "depth", "seed")
        ]
        assert not [row for row in hands.app.read_frame().rows(2) if row.label.startswith("lfo1")]


async def test_macros_have_a_line_once_the_song_uses_them_and_can_be_learnt(stage, clock):
    async with playing(stage, clock) as hands:
        assert "MACROS" not in hands.text()
        stage.words = msgspec.structs.replace(stage.words, examples={2: ((0.0,) * 8,)})
        params.set_value(stage.arena.table, "macro/4", 0.25)
        await hands.until(lambda: "MACROS" in hands.text())
        (line,) = [line for line in hands.text().split("\n") if "MACROS" in line]
        assert line.split("4 ", 1)[1].startswith("━●─")
        assert " 0.25" in line
        hit = hands.target("foot", address="macro/8")
        await hands.pilot.click("#foot", offset=(hit.x1 - 1, hit.y))
        assert hands.value("macro/8") == 1.0
        hands.app.play_screen.action_select("macro/3")
        await hands.press("shift+right", "right", "l")
        assert round(hands.value("macro/3"), 6) == 0.11
        assert hands.app.view.learning == "macro/3"


async def test_the_pad_moves_two_macros_and_shows_the_examples_that_h_adds(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("2", "h")
        await hands.until(lambda: "deck 2 has 1 example:" in hands.text())
        await hands.press("h", "H")
        await hands.until(lambda: "deck 2: examples cleared" in hands.text())
        asked = [c for c in stage.asked if isinstance(c, AddExample | ClearExamples)]
        assert asked == [AddExample(2), AddExample(2), ClearExamples(2)]
        await hands.press("1")
        stage.words = msgspec.structs.replace(
            stage.words, examples={1: ((0.0,) * 8, (1.0, 1.0, *[0.0] * 6), (0.5,) * 8)}
        )
        await hands.press("z", "y", "shift+right", "shift+up", "right")
        await hands.until(lambda: "3 examples" in hands.text())
        assert [round(hands.value(f"macro/{n}"), 6) for n in (1, 2, 3)] == [0.11, 0.1, 0.0]
        assert "→ macro 1 " in hands.text()
        assert "↑ macro 2 " in hands.text()
        hit = next(h for h in hands.app.play_screen.query_one("#latents").hits() if h.lines > 1)
        top = hands.app.play_screen.query_one("#latents").region.y + hit.y
        pad = [line[hit.x0 : hit.x1] for line in hands.text().split("\n")[top : top + hit.lines]]
        assert (pad[-1][0], pad[0][-1]) == ("1", "2")
        assert "3" in pad[hit.lines // 2]
        await hands.pilot.mouse_down("#latents", offset=(hit.x1 - 1, hit.y))
        await hands.pilot.pause()
        assert (hands.value("macro/1"), hands.value("macro/2")) == (1.0, 1.0)
        await hands.press("]", "0", "y", "right")
        assert "→ macro" not in hands.text()
        assert hands.value("macro/3") == 0.0
        assert hands.app.view.macro_axes == (2, 1)
