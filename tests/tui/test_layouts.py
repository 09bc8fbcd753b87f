"""The layouts: room for what plays, big letters, hues, the lock; nothing covers the levels, nothing lies."""

from __future__ import annotations

import math
import re

import msgspec
import numpy as np
import pytest
from hands import playing
from rich.color import ColorSystem
from stand_in import FakeStage, deck, play, status
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from perform.core.arena_layout import LANE
from perform.stage.status import TouchStatus
from perform.tui import themes
from perform.tui.widgets.big_letters import big
from perform.tui.widgets.deck_grid import deck_rows_of

SIZES = [(80, 24), (100, 30), (120, 40), (160, 50), (200, 60)]


def three(folder, **words) -> FakeStage:  # type: ignore[no-untyped-def]
    """Three decks that play, with sound in the history and in their ring buffers: low, middle, high."""
    stage = FakeStage(folder, status(deck("glass"), deck("percussion"), deck("wheel"), **words))
    play(stage)
    t = np.arange(1 << 14) / 48000
    tones = [np.repeat(0.2 * np.sin(2 * np.pi * f * t)[:, None], 2, axis=1) for f in (110, 800, 5000)]
    for number, tone in enumerate(tones):
        ring = stage.arena.rings[2 * number]
        ring.write(tone.astype(np.float32))
        ring.read(np.zeros((1 << 14, 2), np.float32))
        stage.arena.lanes[2 * number, LANE["live"]] = 1.0
    for at in range(0, 1 << 14, 256):
        stage.arena.history.write(sum(tones)[at : at + 256].astype(np.float32))
    return stage


def blank(text: str) -> float:
    """Share of the cells in gaps of three or more spaces; one or two only part words."""
    lines = text.split("\n")
    return sum(len(gap) for line in lines for gap in re.findall(" {3,}", line)) / sum(map(len, lines))


@pytest.mark.parametrize(("size", "most"), [((120, 40), 0.20), ((200, 60), 0.25)])
async def test_room_goes_to_what_plays(tmp_path, clock, size, most):
    async with playing(three(tmp_path), clock, size) as hands:
        for _ in range(40):
            clock.now += 0.25
            hands.app.tick()
        await hands.settle()
        assert blank(hands.text()) < most, hands.text()
        assert "○ EMPTY  4 +  5 +  6 +  7 +  8 +" in hands.text(), "empty decks are one line"


async def test_decks_in_use_share_the_width(tmp_path, clock):
    stage = FakeStage(tmp_path, status(deck("a"), deck(""), deck("c")))
    play(stage)
    async with playing(stage, clock) as hands:
        assert deck_rows_of(hands.app.read_frame(), 120) == [[1, 3]]
        top = next(line for line in hands.text().split("\n") if "1 ▸ FOCUS" in line)
        assert top.index(" 3 ") == 62
        row = next(line for line in hands.text().split("\n") if " z7 " in line)
        assert len(re.search("[─━┿●◆◇◈]+", row.split(" z7 ")[1])[0]) >= 20, "cells of a bar"


@pytest.mark.parametrize("size", SIZES)
async def test_every_layout_fills_every_size(tmp_path, clock, size):
    async with playing(three(tmp_path), clock, size) as hands:
        for layout in ("play", "stage", "latents"):
            assert hands.app.layout_name == layout
            lines = hands.text().split("\n")
            assert [len(line) for line in lines] == [size[0]] * size[1]
            assert "glass" in hands.text() or big("glass", 3, 99)[0] in hands.text()
            assert "NEXT" in hands.text() and "-6.2" in hands.text()
            await hands.press(*(["f10"] if layout == "stage" else []), "plus")
        assert hands.app.layout_name == "play"


async def test_song_clock_next_and_level_are_in_big_letters(tmp_path, clock):
    async with playing(three(tmp_path), clock) as hands:
        for text in ("Glass Harbour", "06:12"):
            for line in big(text, 3, 120):
                assert line.strip() in hands.text(), text
        assert big("Choir of Rust", 3, 46)[0][:30].strip() in hands.text()
        assert big("-6.2", 3, 20)[1].strip() in hands.text()
        await hands.press("plus")
        for text, lines in (
            ("Glass Harbour", 5),
            ("06:12", 5),
            ("Choir of Rust", 3),
            ("-6.2", 3),
            ("-6.7", 3),
        ):
            for line in big(text, lines, 120):
                assert line.strip() in hands.text(), text


async def test_the_locked_stage_layout_obeys_five_keys_only(tmp_path, clock):
    stage = three(tmp_path)
    async with playing(stage, clock) as hands:
        await hands.press("f10")
        before = stage.arena.table.copy()
        await hands.press(
            *"123mscfxaoOubgGeEhHzwtTqDLCSIMRKjnpN", "right", "ctrl+s", "ctrl+q", "ctrl+p", "f3", "plus", "="
        )
        assert hands.app.layout_name == "stage" and "LOCKED" in hands.text()
        assert (stage.arena.table == before).all()
        assert stage.asked == []
        assert "locked: F10 unlocks" in hands.text()
        await hands.press("!", "k")
        assert (hands.value("panic"), hands.value("take/mark")) == (1, 1)
        await hands.press("enter", "r")
        await hands.until(lambda: len(stage.asked) == 2)
        await hands.press("f10", "m")
        assert hands.value("deck/1/mute") == 1, "unlocked, the keys act"
        await hands.press("plus", "plus")
        assert hands.app.layout_name == "play"


async def test_the_mouse_is_locked_too(tmp_path, clock):
    stage = three(tmp_path)
    async with playing(stage, clock) as hands:
        await hands.press("plus")
        foot, view = hands.app.screen.query_one("#foot"), hands.app.screen.query_one("#stage")
        hit = next(h for h in foot.hits() if h.action == "app.panic")
        await hands.pilot.click("#foot", offset=(hit.x0 + 1, hit.y))
        assert hands.value("panic") == 1
        hit = next(h for h in view.hits() if h.action == "app.go")
        await hands.pilot.click("#stage", offset=(hit.x0 + 1, hit.y))
        await hands.until(lambda: len(stage.asked) == 1)
        await hands.pilot.click("#status", offset=(30, 0))  # the tempo
        assert "tempo" not in str(hands.app.view.selected)


async def test_each_band_of_the_spectrum_has_the_hue_of_its_deck(tmp_path, clock):
    async with playing(three(tmp_path), clock) as hands:
        spectrum = hands.app.read_frame().sound.spectrum(59)
        at = [int(59 * math.log(f / 30) / math.log(16000 / 30)) for f in (110, 800, 5000)]
        assert [int(spectrum.deck[b]) for b in at] == [1, 2, 3]
        hands.stage.arena.set_meter("deck/2/peak/l", 0.0)
        hands.stage.arena.set_meter("deck/2/peak/r", 0.0)
        clock.now += 1.0
        hands.app.read_frame()
        assert 2 not in hands.app.read_frame().sound.spectrum(59).deck, (
            "a deck that is faded down leads nothing"
        )


async def test_meters_are_empty_when_the_stage_has_ended(tmp_path, clock):
    stage = three(tmp_path)
    async with playing(stage, clock) as hands:
        assert "█" * 10 in hands.text()
        stage.arena.set_meter("xruns", 2)
        await hands.until(lambda: "XRUN ▲ 2 0 s ago" in hands.text())
        stage.dead = True
        await hands.until(lambda: "the stage has ended" in hands.text())
        await hands.settle()
        assert "XRUN ▲" not in hands.text(), "nor an alarm of dropouts"
        clock.now += 10.0
        await hands.settle()
        decks = [line for line in hands.text().split("\n") if " LR " in line]
        assert decks and "█" not in "".join(decks) and "LIVE" not in hands.text()
        assert "-6.2" not in hands.text()


@pytest.mark.parametrize("keys", ["j", "o", "ctrl+p", "?", "C", "="])
@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_nothing_covers_the_levels_now_and_recording(tmp_path, clock, size, keys):
    async with playing(three(tmp_path), clock, size) as hands:
        await hands.press(keys)
        assert hands.app.screen.is_modal
        text = hands.text()
        assert "rec off" in text and "NOW 3/5" in text and "NEXT 4" in text
        assert "OUT" in text and "-6.2" in text
        await hands.press("f12" if keys == "ctrl+p" else "!")  # the palette takes text
        assert hands.value("panic") == 1


#: dark or light background -> the terminal's own colours, as xterm and the Linux console or VS Code show them
PALETTES = {
    True: (
        "#000000",
        {"white": "#aaaaaa", "bright_cyan": "#55ffff", "bright_yellow": "#ffff55", "bright_green": "#55ff55"},
        {"bright_magenta": "#ff55ff", "bright_red": "#ff0000", "green": "#00aa00", "white": "#e5e5e5"},
    ),
    False: (
        "#ffffff",
        {"blue": "#0000ee", "magenta": "#cd00cd", "red": "#cd0000", "black": "#000000"},
        {"blue": "#0451a5", "magenta": "#bc05bc", "red": "#cd3131", "bright_black": "#666666"},
    ),
}


@pytest.mark.parametrize("colours", [ColorSystem.TRUECOLOR, ColorSystem.EIGHT_BIT], ids=["true", "256"])
@pytest.mark.parametrize("name", [theme.name for theme in (*themes.THEMES, *BUILTIN_THEMES.values())])
def test_text_has_a_contrast_of_four_and_a_half(name, colours):
    """In each theme that the picker offers, in true colour and as the nearest of 256 colours."""
    theme = next(t for t in (*themes.THEMES, *BUILTIN_THEMES.values()) if t.name == name)
    theme = themes.legible(theme)
    shown = themes.inks(theme) | theme.to_color_system().generate() | theme.variables
    text = {
        n: c for n, c in shown.items() if re.fullmatch(r"foreground|primary|accent|error|ink-(hue.|dim)", n)
    }
    assert len(text) == 13
    if theme.ansi:
        background, *palettes = PALETTES[theme.dark]
        for colour in {c.removeprefix("ansi_") for c in text.values()} - {"default"}:
            shades = [palette[colour] for palette in palettes if colour in palette]
            assert shades and all(themes.contrast(s, background) >= 4.5 for s in shades), colour
        return
    for ink, colour in text.items():
        for ground in ("background", "surface"):
            assert themes.contrast(colour, shown[ground], colours) >= 4.5, (ink, ground)
    for kind in themes.MARKED:  # a marked line of a list
        for ground in themes.marked_grounds(shown, kind):
            colour = shown[f"{kind}-foreground"]
            if colour.startswith("auto"):
                seen = Color.parse(ground)
                colour = seen.blend(seen.get_contrast_text(1), int(colour[5:-1]) / 100).hex
            assert themes.contrast(colour, ground, colours) >= 4.5, (kind, ground)


async def test_the_screen_and_its_picker_use_the_legible_colours(stage, clock):
    async with playing(stage, clock, theme="flexoki") as hands:
        ink, theme = hands.app._play.query_one("#decks").ink, BUILTIN_THEMES["flexoki"]
        assert ink.level.color.name != str(theme.primary).lower()
        assert themes.contrast(ink.level.color.name, str(theme.background)) >= 4.5


async def test_a_hue_never_stands_alone(tmp_path, clock):
    async with playing(three(tmp_path), clock) as hands:
        for number, name in ((1, "glass"), (2, "percussion"), (3, "wheel")):
            assert re.search(rf" {number} (▸ FOCUS )? ?{name}", hands.text())


async def test_a_song_that_runs_late_and_its_expected_length(tmp_path, clock):
    stage = three(tmp_path)
    lines = tuple(msgspec.structs.replace(s, length=450.0) for s in stage.words.songs.lines)
    stage.words = msgspec.structs.replace(
        stage.words, songs=msgspec.structs.replace(stage.words.songs, lines=lines)
    )
    async with playing(stage, clock) as hands:
        assert "of 07:30" in hands.text()
        await hands.press("plus")
        assert "of 07:30" in hands.text()


def test_big_letters_of_any_name():
    assert big("Čeština é", 3, 200) == big("cestina E", 3, 200)
    assert big("日本", 3, 200) is None
    assert len(big("a" * 90, 3, 60)[0]) <= 60
    assert len(big("ab", 10, 60)) == 10


@pytest.mark.parametrize(("touched", "alarm"), [("", False), ("nanoKONTROL2 1:CC17=22", True)])
async def test_no_midi_is_an_alarm_only_after_a_controller_has_played(tmp_path, clock, touched, alarm):
    stage = three(tmp_path)
    stage.words = msgspec.structs.replace(
        stage.words, midi=(), midi_error="no MIDI system", touched=TouchStatus(touched)
    )
    async with playing(stage, clock) as hands:
        first = hands.text().split("\n")[0]
        assert ("MIDI ▲ none" in first, "MIDI none" in first) == (alarm, not alarm)
