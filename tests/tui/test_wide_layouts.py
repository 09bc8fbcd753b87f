"""What a large screen shows besides: all songs, traces, spectrograms, the set, the controller, the events."""

from __future__ import annotations

import math
import re

import msgspec
import numpy as np
import pytest
from hands import playing
from stand_in import FakeStage
from test_layouts import blank, three

from perform.core import params
from perform.core.messages.control_messages import BindingRow
from perform.stage.status import TouchStatus

PORT = "nanoKONTROL2 MIDI 1"


def binding(control: str, to: str, mode: str = "absolute", takeover: str = "scale") -> BindingRow:
    return BindingRow(PORT, control, "1:CC1", to, mode, takeover, "device", "nanokontrol2")


def equipped(folder) -> FakeStage:  # type: ignore[no-untyped-def]
    """Three decks that play, expected lengths, and a controller: eight knobs, eight faders, some buttons."""
    stage = three(folder)
    lines = tuple(msgspec.structs.replace(s, length=450.0) for s in stage.words.songs.lines)
    stage.words = msgspec.structs.replace(
        stage.words,
        songs=msgspec.structs.replace(stage.words.songs, lines=lines),
        touched=TouchStatus("nanoKONTROL2 1:CC17=22", "deck/1/z/1/bias", 20, PORT, "1:CC17", 3),
    )
    stage.bindings = (
        *(binding(f"knob {n}", f"focus/z/{n - 1}/bias", takeover="pickup") for n in range(1, 9)),
        *(binding(f"fader {n}", f"deck/{n}/gain") for n in range(1, 9)),
        *(binding(f"M {n}", f"deck/{n}/mute", "toggle", "") for n in range(1, 7)),
        binding("PLAY", "song/go", "trigger", ""),
    )
    table, hardware = stage.arena.table, stage.arena.hardware
    for n in range(8):
        slot = params.slot(f"deck/1/z/{n}/bias")
        hardware[slot] = table[slot] - (0.7 if n == 1 else 0.0)
    hardware[params.slot("deck/1/gain")] = table[params.slot("deck/1/gain")]
    params.set_value(table, "deck/2/mute", 1.0)
    return stage


async def play_on(hands, clock, seconds: float = 13.0) -> None:  # type: ignore[no-untyped-def]
    """Frames in which the latents move."""
    for _ in range(int(seconds / 0.2)):
        clock.now += 0.2
        for deck in (1, 2, 3):
            for latent in range(8):
                value = math.sin(clock.now * (0.5 + 0.3 * latent) + deck)
                hands.stage.arena.set_meter(f"deck/{deck}/z/{latent}", value)
        hands.app.tick()
    await hands.settle()


@pytest.mark.parametrize(("size", "most"), [((160, 50), 0.22), ((200, 60), 0.25)])
async def test_a_large_screen_is_full(tmp_path, clock, size, most):
    async with playing(equipped(tmp_path), clock, size) as hands:
        await hands.until(lambda: hands.app.view.control_rows)
        await play_on(hands, clock)
        text = hands.text()
        assert blank(text) < most, text
        for word in (
            "─ SET ─",
            "─ CONTROLLER nanoKONTROL2",
            "─ EVENTS ─",
            "X-FADE",
            "SCENES",
            "MORPH",
            "LUFS",
        ):
            assert word in text
        assert " 13 s" in text or " 14 s" in text, "traces"
        middle = [line for line in text.split("\n") if line.startswith(("┃", "│"))]
        assert any("⣀" in line or "⠤" in line for line in middle)
        assert sum(line.count("▀") for line in middle) > 50, "spectrograms"


async def test_many_events_never_take_the_place_of_the_keys(tmp_path, clock):
    stage = three(tmp_path)
    async with playing(stage, clock, (200, 60)) as hands:
        await hands.until(lambda: "K keep start" in hands.text())
        place = [line.find("K keep start") for line in hands.text().split("\n")]
        stage.words = msgspec.structs.replace(
            stage.words, log=tuple(f"10:00:{n:02} {'an event ' * 9}" for n in range(40))
        )
        await hands.until(lambda: "10:00:39" in hands.text())
        assert [line.find("K keep start") for line in hands.text().split("\n")] == place


async def test_the_controller_is_drawn_with_its_positions_and_what_waits(tmp_path, clock):
    async with playing(equipped(tmp_path), clock, (200, 60)) as hands:
        await hands.until(lambda: "CONTROLLER nanoKONTROL2" in hands.text())
        side = [line[164:] for line in hands.text().split("\n")]
        knobs = next(line for line in side if "knob" in line)
        assert "▹" in knobs and sum(glyph in "▁▂▃▄▅▆▇█" for glyph in knobs) == 8
        assert next(line for line in side if " M " in line).count("■") == 1
        fader = next(line for line in side if "fader" in line)
        assert fader.count("┆") == 7, "only one has moved since it was plugged in"
        assert any("▹ knob 2 waits: turn right 20" in line for line in side)
        slot = params.slot("deck/1/z/1/bias")
        hands.stage.arena.hardware[slot] = hands.stage.arena.table[slot]
        await hands.settle()
        assert "waits" not in hands.text() and "all controls act at once" in hands.text()
        hit = hands.target("decks", action="select('deck/3/gain')")
        await hands.pilot.click("#decks", offset=(hit.x0, hit.y))
        assert "deck/3/gain" in hands.app.view.selected.values()


async def test_the_set_shows_times_states_and_loads(tmp_path, clock):
    stage = equipped(tmp_path)
    async with playing(stage, clock, (200, 60)) as hands:
        await play_on(hands, clock, 1.0)
        change = msgspec.structs.replace
        songs = stage.words.songs
        lines = (change(songs.lines[0], load=0.14), *songs.lines[1:])
        stage.words = change(
            stage.words, songs=change(songs, lines=lines, now=4, since=clock.now - 5.0, next=5)
        )
        await hands.until(lambda: "▶ 4 Choir of Rust" in hands.text())
        side = [line[164:] for line in hands.text().split("\n")]
        assert any("✓ 3 Glass Harbour" in line and "06:08" in line for line in side), side
        assert any("1 Init" in line and "DSP 14 %" in line for line in side), "predicted"
        assert any("▶ 4 Choir of Rust" in line and "▲ 1 missing" in line for line in side)
        assert any("○ 5 SAFE" in line for line in side)


async def test_a_bar_that_grows_redraws_only_its_end(tmp_path, clock):
    async with playing(equipped(tmp_path), clock, (120, 40)) as hands:
        decks, asked = hands.app.play_screen.query_one("#decks"), []
        decks.refresh = lambda *regions, **_: asked.extend(regions)  # type: ignore[method-assign]
        for end in "lr":
            hands.stage.arena.set_meter(f"deck/1/peak/{end}", 0.4)
        hands.app.tick()
        assert asked and sum(region.width for region in asked) <= 4, asked


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
async def test_all_songs_stand_in_one_line_and_a_click_arms(tmp_path, clock, size):
    async with playing(equipped(tmp_path), clock, size) as hands:
        strip = hands.text().split("\n")[6]
        for word in ("✓ 1 Init", "▶ 3 Glass Harbour", "○ 4 Choir of Rust", "5 SAFE"):
            assert word in strip
        hit = hands.target("status", action="app.arm_song(5)")
        await hands.pilot.click("#status", offset=(hit.x0 + 1, hit.y))
        await hands.until(lambda: hands.app.read_frame().armed == 5)


async def test_a_long_set_shows_the_songs_around_the_one_that_plays(tmp_path, clock):
    stage = equipped(tmp_path)
    change, songs = msgspec.structs.replace, stage.words.songs
    lines = songs.lines * 6
    stage.words = change(stage.words, songs=change(songs, lines=lines, now=14, next=15))
    async with playing(stage, clock) as hands:
        strip = hands.text().split("\n")[6]
        assert "▶ 14" in strip and "‹ 12" in strip and "›" in strip


async def test_a_spectrogram_shows_low_and_high_decks_at_their_places(tmp_path, clock):
    async with playing(equipped(tmp_path), clock, (200, 60)) as hands:
        await play_on(hands, clock, 1.0)
        history = hands.app.read_frame().sound.history
        loudest = [int(np.argmax(history.window(d, history.now, 1)[0])) for d in (1, 2, 3)]
        assert loudest == sorted(loudest) and len(set(loudest)) == 3
        hands.stage.arena.set_meter("deck/2/peak/l", 0.0)
        hands.stage.arena.set_meter("deck/2/peak/r", 0.0)
        await play_on(hands, clock, 1.0)
        assert history.window(2, history.now, 1).max() < -100, "a deck that is faded down is dark"


@pytest.mark.parametrize(("size", "recording"), [((120, 40), True), ((80, 24), True), ((80, 24), False)])
async def test_the_first_line_keeps_what_matters(tmp_path, clock, size, recording):
    stage = three(tmp_path, midi=("nanoKONTROL2 MIDI 1", "Launch Control XL", "pedal"))
    if recording:
        stage.arena.set_meter("take/on", 1)
        stage.arena.set_meter("take/frames", 48000 * 2467)
        stage.words = msgspec.structs.replace(stage.words, take="/music/take07.wav", stems=4)
    async with playing(stage, clock, size) as hands:
        touched = TouchStatus("pedal 1:CC64=127", "", 0, "pedal", "1:CC64", 9)
        stage.words = msgspec.structs.replace(stage.words, touched=touched)
        await hands.until(lambda: "MIDI ○○●" in hands.text())
        first = hands.text().split("\n")[0]
        wanted = ["OUT -6.2", "LIM -0.8", "124", "DSP", "XRUN 0", "MIDI ○○●"]
        wanted += ["● REC", "41:07", "+4", "9 h"] if recording else ["rec off"]
        wanted += ["RETRO 05:00"] if size[0] == 120 else []
        for word in wanted:
            assert word in first, first


async def test_the_latents_keep_the_log(tmp_path, clock):
    async with playing(equipped(tmp_path), clock, (160, 50)) as hands:
        await hands.press("z")
        assert re.search(r"LOG +21:03:11 controller 'nanoKONTROL2' back", hands.text())


async def test_a_new_player_is_shown_where_help_is(tmp_path, clock):
    async with playing(three(tmp_path), clock, (80, 24), welcome=True) as hands:
        last = hands.text().split("\n")[-1].rstrip()
        assert last.startswith(" new here? ? shows all keys") and last.endswith("^q leaves"), "all of it"
        clock.now += 21.0
        hands.stage.arena.set_meter("frames", 1.0)
        await hands.settle()
        assert "? help" in hands.text().split("\n")[-1]


@pytest.mark.parametrize("any_size", [True, False])
async def test_a_phone_in_a_browser_gets_the_stage_layout(tmp_path, clock, any_size):
    async with playing(three(tmp_path), clock, (50, 24), any_size=any_size, welcome=True) as hands:
        await hands.settle()
        text = hands.text()
        if not any_size:
            assert "enlarge the terminal to 80x24" in text and "+ shows the stage layout" in text
            return
        assert hands.app.layout_name == "stage" and "LOCKED" in text
        for word in ("NEXT 4 Choir of Rust", "⏎ GO", "! panic", "r rec", "X-FADE", "glass", "-6.2"):
            assert word in text, word
        hands.app.show_notice("a take is saved")
        await hands.settle()
        assert "a take is saved" in hands.text() and "! panic" in hands.text(), "a notice covers no key"
        hit = hands.target("stage", action="app.go")
        await hands.pilot.click("#stage", offset=(hit.x0 + 1, hit.y))
        await hands.until(lambda: len(hands.stage.asked) == 1)
        await hands.pilot.resize_terminal(120, 40)
        await hands.settle()
        assert hands.app.layout_name == "stage", "a turned phone keeps its layout"
