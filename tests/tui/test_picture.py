"""Pictures of the screen: snapshots at two sizes, small terminals, no colour, other themes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hands import Hands, playing
from stand_in import FakeStage, deck, play, status

from perform.core import params
from perform.core.attributes import Attribute
from perform.stage.status import SongsStatus, TouchStatus
from perform.tui.app import Instrument
from perform.tui.widgets.deck_panel import draw_panel
from perform.tui.widgets.line_widget import LinePen, LineWidget

NAMES = ("vintage", "percussion", "wheel", "[b]choir", "glass", "night bus", "z32", "organ")


def eight(folder: Path) -> FakeStage:
    stage = FakeStage(folder, status(*(deck(n, 32 if n == "z32" else 8) for n in NAMES)))
    play(stage)
    return stage


def keys(*presses: str):
    """Play these once the status is there."""

    async def run_before(pilot) -> None:
        hands = Hands(pilot.app, pilot, None)
        await hands.until(lambda: pilot.app.stage_line.status is not None)
        for press in presses:
            await pilot.press(press)
        await hands.settle()

    return run_before


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "small"])
@pytest.mark.parametrize(
    ("name", "presses"),
    [
        ("playing", ()),
        ("second", ("2", "down", "down", "m", "x")),
        ("learning", ("down", "down", "down", "down", "l")),
        ("muted", ("!", "!")),
        ("value", ("=",)),
        ("leave", ("ctrl+q",)),
        ("help", ("?",)),
        ("songs", ("j",)),
        ("broken_song", ("j", "home", "down", "down", "down", "n")),
        ("remove", ("j", "home", "delete")),
        ("sets", ("j", "o")),
        ("prefix", ("w",)),
        ("store", ("w", "f3")),
    ],
)
def test_picture(snap_compare, stage, clock, size, presses, name):
    assert snap_compare(Instrument(stage, clock), terminal_size=size, run_before=keys(*presses))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "small"])
def test_picture_of_eight_decks(snap_compare, tmp_path, clock, size):
    assert snap_compare(Instrument(eight(tmp_path), clock), terminal_size=size, run_before=keys())


ATTRIBUTES = (
    Attribute("gain/0", "float", 1.0),
    Attribute("gain/1", "float", 1.0),
    Attribute("mute", "bool", 0.0),
    Attribute("partials", "int", 1.0, 0.0, 10.0),
    Attribute("shape of the wave", "str", "sine"),
    Attribute("tilt", "tensor", "4 values"),
)


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "small"])
def test_picture_of_a_module_with_attributes(snap_compare, tmp_path, clock, size):
    synth = msgspec.structs.replace(
        deck("synth", 2),
        attributes=ATTRIBUTES,
        texts={"5": ("sine", "noise")},
        actions=("reset_phase",),
        has_prior=True,
    )
    stage = FakeStage(tmp_path, status(synth, deck("choir")))
    play(stage)
    for number, value in ((1, 0.25), (3, 1.0), (5, 1.0)):
        params.set_value(stage.arena.table, f"deck/1/attribute/{number}", value)
    params.set_value(stage.arena.table, "deck/1/source", params.SOURCES.index("prior"))
    presses = ["]"] + ["down"] * 5  # the cursor stands on one of them
    assert snap_compare(Instrument(stage, clock), terminal_size=size, run_before=keys(*presses))


def test_picture_of_an_empty_stage(snap_compare, tmp_path, clock):
    nothing = {
        "bindings": (),
        "touched": TouchStatus(),
        "log": (),
        "loops": (),
        "excluded": (),
        "scenes": (),
        "scene": 0,
    }
    words = status(midi=(), midi_error="no MIDI: libasound is missing", songs=SongsStatus(), **nothing)
    stage = FakeStage(tmp_path, words)
    play(stage)
    for end in ("a", "b"):
        params.set_value(stage.arena.table, f"scene/{end}", 0)
    assert snap_compare(Instrument(stage, clock), terminal_size=(120, 40), run_before=keys())


def test_picture_of_a_take_and_of_trouble(snap_compare, stage, clock):
    stage.words = status(*stage.words.decks[:3], take="/music/take07.wav")
    for name, value in (
        ("take/on", 1),
        ("take/frames", 48000 * 2467),
        ("take/left", 500),
        ("xruns", 4),
        ("load", 0.93),
    ):
        stage.arena.set_meter(name, value)
    assert snap_compare(Instrument(stage, clock), terminal_size=(120, 40), run_before=keys())


@pytest.mark.parametrize("size", [(79, 24), (80, 23), (40, 10), (10, 3)])
async def test_a_terminal_too_small_keeps_the_status_bar(stage, clock, size):
    async with playing(stage, clock, size) as hands:
        text = hands.text()
        assert "rec" in text
        assert "enlarge the terminal to 80x24"[: size[0]] in text


async def test_the_screen_follows_a_resize(stage, clock):
    async with playing(stage, clock) as hands:
        for size, seen in (
            ((80, 24), "z7"),
            ((60, 20), "enlarge the terminal"),
            ((120, 40), "1 ▸ FOCUS"),
            ((200, 60), "z7"),
        ):
            await hands.pilot.resize_terminal(*size)
            await hands.settle()
            text = hands.text()
            assert seen in text
            assert all(len(line) == size[0] for line in text.split("\n"))


async def test_a_panel_may_be_of_any_height_for_a_moment(stage, clock):
    async with playing(stage, clock) as hands:
        frame, ink = hands.app.read_frame(), next(iter(hands.app.query(LineWidget))).ink
        for height in range(24):
            for deck in range(1, 9):
                pens = [LinePen(ink, y) for y in range(height)]
                draw_panel(pens, frame, deck, 30)
                assert all(pen.x == 30 for pen in pens)


async def test_lines_fill_the_screen_and_the_decks_stay_in_place(tmp_path, clock):
    async with playing(eight(tmp_path), clock) as hands:
        lines = hands.text().split("\n")
        assert len(lines) == 40
        assert {len(line) for line in lines} == {120}
        tops = [line for line in lines if "┌─" in line or "┏━" in line]
        assert [line.index(f" {d} ") for line, d in zip(tops, (2, 6), strict=True)] == [32, 32]


async def test_no_state_is_shown_by_colour_alone(stage, clock):
    async with playing(stage, clock) as hands:
        text = hands.text()
        assert "● LIVE" in text
        assert "▲ FAILED" in text
        assert "○ EMPTY" in text


async def test_only_what_changed_is_redrawn(stage, clock):
    async with playing(stage, clock) as hands:
        decks, asked = hands.app._play.query_one("#decks"), []
        decks.refresh = lambda *regions, **_: asked.append(regions)  # type: ignore[method-assign]
        hands.app.tick()
        assert asked == [], "nothing moved"
        stage.arena.set_meter("deck/2/z/3", 3.9)
        hands.app.tick()
        assert [len(regions) for regions in asked] == [1]
        assert asked[0][0].height == 1


@pytest.mark.parametrize(
    "theme", ["stage", "stage-contrast", "ansi-dark", "ansi-light", "textual-light", "nord"]
)
async def test_every_theme_draws(stage, clock, theme):
    async with playing(stage, clock) as hands:
        hands.app.theme = theme
        await hands.press("o", "escape", "m")
        assert "MUTE" in hands.text()


async def test_the_screen_survives_nan_in_the_meters(stage, clock):
    stage.arena.meters[:] = float("nan")
    async with playing(stage, clock) as hands:
        stage.arena.meters[:] = float("inf")
        await hands.settle()
        stage.arena.meters[:] = -1e9
        await hands.settle()
        assert "vintage" in hands.text()


def test_no_color_is_honoured(stage, clock, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert Instrument(stage, clock).no_color


def test_the_screen_imports_no_sound_no_model_and_no_network():
    code = (
        "import sys, perform.tui.app;"
        "never = ('torch', 'onnxruntime', 'sounddevice', 'mido', 'rtmidi', 'soundfile', 'http', 'email');"
        "print([m for m in never if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root, env=os.environ
    )
    assert out.stdout.strip() == "[]"


def test_descriptor_2_goes_to_the_log_and_comes_back(tmp_path, monkeypatch, capfd):
    from perform.tui import terminal

    seen = {}

    class Quiet(Instrument):
        def run(self, *_, **__):
            os.write(2, b"a library complains\n")
            print("drawn", file=sys.__stderr__, flush=True)
            seen["ran"] = True
            return "leave"

    monkeypatch.setattr(terminal, "Instrument", Quiet)
    log = tmp_path / "logs" / "screen.log"
    assert terminal.run(eight(tmp_path), log) == "leave"
    os.write(2, b"after\n")
    assert seen["ran"]
    assert log.read_text() == "a library complains\n"
    assert capfd.readouterr().err == "drawn\nafter\n"


def test_run_raises_what_ended_the_stage(tmp_path, monkeypatch):
    from perform.stage.client import StageGone
    from perform.tui import terminal

    class Ended(Instrument):
        def run(self, *_, **__):
            self.stage_line.gone = StageGone("the stage has ended", where="process 4321")
            return "leave"

    monkeypatch.setattr(terminal, "Instrument", Ended)
    with pytest.raises(StageGone, match="the stage has ended"):
        terminal.run(eight(tmp_path))
