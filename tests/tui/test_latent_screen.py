"""The latent screen: a pad that moves two biases, traces of all latents, source and decoded value."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hands import Clock, Hands, playing
from safetensors.numpy import save_file
from stand_in import FakeStage, deck, play, status

from perform.core import params
from perform.core.arena_layout import EMPTY, LIVE
from perform.tui import braille
from perform.tui.app import Instrument
from perform.tui.screens.help_screen import _page
from perform.tui.trace_history import RATE, RESULT, SAMPLES, SOURCE, TraceHistory
from perform.tui.widgets.deck_picture import draw_picture
from perform.tui.widgets.deck_traces import draw_deck_traces
from perform.tui.widgets.latent_traces import draw_traces, split
from perform.tui.widgets.line_widget import LinePen, MouseTarget

SIZES = pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["wide", "small"])
X, Y = "deck/1/z/0/bias", "deck/1/z/1/bias"
LOOP = params.SOURCES.index("loop")


def with_corpus(folder: Path, words: str, latents: int = 8) -> Path:
    """A model's file with a gesture: a ring in its first two latents, 2 σ wide."""
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    gesture = np.zeros((400, latents), np.float32)
    gesture[:, 0], gesture[:, 1] = 2 * np.cos(turn), 2 * np.sin(turn)
    figures = {
        f"latent_{n}": [v] * latents for n, v in (("mean", 0.0), ("std", 1.0), ("p05", -1.0), ("p95", 1.0))
    }
    card = {
        "name": "ring",
        "sample_rate": 48000,
        "ratio": 2048,
        "latents": latents,
        "full_latents": 8,
        "delay": 0,
    }
    path = folder / "ring.safetensors"
    about = json.dumps(card | figures | {"loudness_db": -20.0, "corpus": words})
    save_file({"gesture": gesture}, path, {"format": "perform-rave-1", "card": about})
    return path


@pytest.fixture
def ring(tmp_path: Path, stage: FakeStage) -> FakeStage:
    """A stage whose deck 1 plays that model's corpus."""
    model = msgspec.structs.replace(stage.words.decks[0], path=str(with_corpus(tmp_path, "a ring")))
    stage.words = msgspec.structs.replace(stage.words, decks=(model, *stage.words.decks[1:]))
    params.set_value(stage.arena.table, "deck/1/source", LOOP)
    return stage


def sing(stage: FakeStage, clock: Clock, app: Instrument, seconds: float) -> None:
    """Let time pass while the source swings; the decoded latents are the source plus the biases."""
    for _ in range(round(seconds * RATE)):
        clock.now += 1 / RATE
        for i in range(8):
            came = 1.5 * np.sin(clock.now * (1 + i / 2)) / (1 + i / 4)
            stage.arena.set_meter(f"deck/1/in/{i}", came)
            bias = stage.arena.table[params.slot(f"deck/1/z/{i}/bias")]
            stage.arena.set_meter(f"deck/1/z/{i}", came + bias)
        app.read_frame()


def pad(hands: Hands) -> MouseTarget:
    return next(h for h in hands.app.play_screen.query_one("#latents").hits() if h.lines > 1)


def at(hands: Hands, glyph: str) -> tuple[float, float]:
    """Where a mark stands on the pad, as positions 0..1 across and up."""
    hit, top = pad(hands), hands.app.play_screen.query_one("#latents").region.y
    lines = hands.text().split("\n")[top + hit.y : top + hit.y + hit.lines]
    ((x, y),) = [
        (hit.x0 + line[hit.x0 : hit.x1].index(glyph), row)
        for row, line in enumerate(lines)
        if glyph in line[hit.x0 : hit.x1]
    ]
    return hit.position(x), hit.height(hit.y + y)


@SIZES
def test_picture_of_latents(snap_compare, ring, clock, size):
    async def run_before(pilot) -> None:
        hands = Hands(pilot.app, pilot, ring)
        await hands.until(lambda: pilot.app.stage_line.status is not None)
        sing(ring, clock, pilot.app, 14)
        await hands.press("z")
        await hands.until(lambda: " corpus ┘" in hands.text())

    assert snap_compare(Instrument(ring, clock), terminal_size=size, run_before=run_before)


def test_picture_of_latents_without_colour_source_or_corpus(snap_compare, tmp_path, clock, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stage = FakeStage(tmp_path, status(deck("wheel", 32)))
    play(stage)

    async def run_before(pilot) -> None:
        hands = Hands(pilot.app, pilot, stage)
        await hands.until(lambda: pilot.app.stage_line.status is not None)
        sing(stage, clock, pilot.app, 4)
        await hands.press("z", "}", "v")

    assert snap_compare(Instrument(stage, clock), terminal_size=(120, 40), run_before=run_before)


async def test_arrows_move_two_biases_and_nothing_else(stage, clock):
    async with playing(stage, clock) as hands:
        params.set_value(stage.arena.table, X, 0)
        params.set_value(stage.arena.table, Y, 0)
        before = stage.arena.table.copy()
        await hands.press("z", "right", "up", "shift+up", "shift+left")
        assert (hands.value(X), hands.value(Y)) == pytest.approx((0.08 - 0.8, 0.08 + 0.8))
        assert hands.app.read_frame().selected.address == X, "so that l, g, E and = mean it"
        moved = np.flatnonzero(stage.arena.table != before)
        assert [params.ADDRESSES[i] for i in moved] == [X, Y]
        await hands.press(*["shift+down"] * 12)
        assert hands.value(Y) == -4
        await hands.press("0")
        assert (hands.value(X), hands.value(Y)) == (0, 0)


async def test_zoomed_in_the_same_keys_move_it_less(ring, clock):
    async with playing(ring, clock) as hands:
        params.set_value(ring.arena.table, X, 0)
        await hands.press("z", "v", "right")
        assert hands.value(X) == pytest.approx(0.01 * 1.5 * (1.2 + 1.5), abs=1e-6)


@SIZES
async def test_the_mouse_presses_and_drags_the_pad(stage, clock, size):
    async with playing(stage, clock, size) as hands:
        await hands.press("z")
        hit, place = pad(hands), "#latents"
        middle = (hit.x0 + hit.x1 - 1) // 2, hit.y + hit.lines // 2
        await hands.pilot.mouse_down(place, offset=(hit.x1 - 1, hit.y))
        await hands.pilot.pause()
        assert (hands.value(X), hands.value(Y)) == (4, 4)
        await hands.pilot.hover(place, offset=middle)
        await hands.pilot.pause()
        assert (hands.value(X), hands.value(Y)) == (0, 0), "its middle is zero, exactly"
        await hands.pilot.mouse_up(place, offset=middle)
        await hands.pilot.hover(place, offset=(hit.x0, hit.y))
        await hands.pilot.pause()
        assert (hands.value(X), hands.value(Y)) == (0, 0), "let go, but it still follows"


async def test_marks_are_drawn_at_the_meters_values(ring, clock):
    async with playing(ring, clock) as hands:
        for name, value in ((X, -4), (Y, -4)):
            params.set_value(ring.arena.table, name, value)
        for name, value in (("in/0", 4), ("in/1", 0), ("z/0", 0), ("z/1", 9)):
            ring.arena.set_meter(f"deck/1/{name}", value)
        await hands.press("z")
        assert {glyph: at(hands, glyph) for glyph in "●◆◇"} == {"●": (0, 0), "◆": (0.5, 1), "◇": (1, 0.5)}
        params.set_value(ring.arena.table, "deck/1/source", 0)
        await hands.settle()
        with pytest.raises(ValueError, match="not enough"):
            at(hands, "◇")


async def test_the_pad_shows_the_corpus(ring, clock):
    async with playing(ring, clock) as hands:
        await hands.press("z")
        await hands.until(lambda: " corpus ┘" in hands.text())
        hit, top = pad(hands), hands.app.play_screen.query_one("#latents").region.y
        lines = hands.text().split("\n")[top + hit.y : top + hit.y + hit.lines]
        dots = [
            (x, y) for y, line in enumerate(lines) for x in range(hit.x0, hit.x1) if line[x] > chr(0x2800)
        ]
        far = [np.hypot(8 * hit.position(x) - 4, 8 * hit.height(hit.y + y) - 4) for x, y in dots]
        assert len(dots) > 40
        assert 1.6 < min(far) < max(far) < 2.4, "a ring of 2 σ"


async def test_keys_and_clicks_choose_the_two_latents(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("z", "]")
        assert "→ z2 " in hands.text(), "z1 goes up already"
        await hands.press("{", "right")
        assert "↑ z0 " in hands.text()
        assert hands.app.read_frame().selected.address == "deck/1/z/2/bias"
        hit = hands.target("latents", action="span('x', 5)")
        await hands.pilot.click("#latents", offset=(hit.x0, hit.y))
        await hands.settle()
        assert "→ z5 " in hands.text()
        stage.words = msgspec.structs.replace(stage.words, decks=(deck("small", 2), *stage.words.decks[1:]))
        await hands.until(lambda: "→ z1 " in hands.text() and "↑ z0 " in hands.text())


@SIZES
async def test_it_draws_any_deck(stage, clock, size):
    """One latent, none, more than have numbers, a failed deck, an empty one; in an ANSI theme too."""
    async with playing(stage, clock, size) as hands:
        await hands.press("z")
        for latents, seen in ((1, "→ z0 "), (0, "no latents"), (200, "more: ]")):
            stage.words = msgspec.structs.replace(
                stage.words, decks=(deck("other", latents), *stage.words.decks[1:])
            )
            await hands.until(lambda n=latents: hands.app.stage_line.status.decks[0].latents == n)
            await hands.press("up", "]", "v")
            assert seen in hands.text()
        for focus, seen in (("2", "night"), ("3", "its model failed"), ("8", "no latents")):
            await hands.press(focus, "up", "v")
            assert seen in hands.text()
        stage.arena.set_meter("deck/1/state", EMPTY)
        hands.app.theme = "ansi-light"
        await hands.press("1")
        assert all(len(line) == size[0] for line in hands.text().split("\n"))
        await hands.pilot.resize_terminal(60, 20)
        await hands.settle()
        assert "enlarge the terminal" in hands.text()


async def test_other_keys_work_and_hidden_widgets_are_not_drawn(stage, clock):
    async with playing(stage, clock) as hands:
        await hands.press("z")
        drawn: list[object] = []
        hands.app._play._middle.show = drawn.append  # type: ignore[method-assign]
        for key, address in (("m", "deck/1/mute"), ("!", "panic"), ("k", "take/mark"), (".", "xfade")):
            before = hands.value(address)
            await hands.press(key)
            assert hands.value(address) != before, key
        await hands.press("r", "=")
        await hands.until(lambda: "Record" in str(stage.asked))
        text = hands.text()
        assert "NOW 3/5" in text
        assert "┌─ ↑ z1" in text, "it stays in sight under a dialog"
        assert not drawn
        await hands.press("escape", "l", "up")
        assert hands.app.view.learning == Y
        await hands.press("escape")
        assert hands.app.play_screen is not hands.app._play, "it ended learning alone"
        await hands.press("z")
        assert hands.app.play_screen is hands.app._play
        assert drawn


async def test_a_row_shows_source_and_decoded_value(stage, clock):
    async with playing(stage, clock) as hands:
        for name, value in (("in/0", -3.5), ("z/0", 3.5)):
            stage.arena.set_meter(f"deck/1/{name}", value)
        await hands.press("down", "down")
        assert "◇" not in hands.text(), "the hand alone plays"
        params.set_value(stage.arena.table, "deck/1/source", LOOP)
        await hands.settle()
        row = next(line for line in hands.text().split("\n") if "▸z0" in line)
        assert row.index("◇") < row.index("●") < row.index("◆")
        assert "decoded +3.50   source -3.50" in hands.text()


def test_the_trace_history_keeps_the_samples(stage):
    past, arena = TraceHistory(), stage.arena
    params.set_value(arena.table, "deck/2/source", LOOP)
    arena.set_meter("deck/2/in/0", 0.5)
    for look in (100, 101, 103, 120):
        arena.set_meter("deck/1/z/0", look)
        past.sample(look / RATE + 0.001, arena.table, arena.meters)
    result = past.window(1, 100, 21)[:, RESULT, 0]
    assert result[[0, 1, 2, 3, 20]].tolist() == [100, 101, 103, 103, 120], "a look missed is the next one"
    assert np.isnan(result[4:16]).all(), "longer it was not there"
    assert np.isnan(past.window(1, 100, 21)[:, SOURCE]).all(), "the hand gives nothing"
    assert past.window(2, 120, 1)[0, SOURCE, 0] == 0.5
    assert np.isnan(past.window(4, 100, 21)).all(), "nothing plays there"
    arena.set_meter("deck/1/z/0", 7.0)
    for look in range(121, 400 + SAMPLES):
        past.sample(look / RATE + 0.001, arena.table, arena.meters)
    result = past.window(1, 398, SAMPLES + 4)[:, RESULT, 0]
    assert np.isnan(result[:2]).all() and np.isnan(result[-2:]).all(), "no longer kept, and not yet there"
    assert (result[2:-2] == 7.0).all()


async def test_pictures_show_only_what_is_kept(stage, clock):
    """At any width and time: a sample that is gone has the newest one in its place."""
    looks: list[tuple[int, int]] = []

    class Watched(TraceHistory):
        def window(self, deck, first, count):
            looks.append((first - self.now, first + count - 1 - self.now))
            return super().window(deck, first, count)

    stage.words = msgspec.structs.replace(stage.words, decks=tuple(deck(f"m{n}") for n in range(1, 9)))
    for number in range(1, 9):
        stage.arena.set_meter(f"deck/{number}/state", LIVE)
    async with playing(stage, clock) as hands:
        ink = hands.app.play_screen.query_one("#decks").ink
        traces = Watched()
        frame = dataclasses.replace(hands.app.read_frame(), traces=traces)
        for look in range(5000, 5026):
            traces.sample(look / RATE + 0.001, stage.arena.table, stage.arena.meters)
            for number in (1, 4, 8):
                for width in (20, 45, 70, 140, 200):
                    for draw in (draw_deck_traces, draw_picture, draw_traces):
                        draw([LinePen(ink, y) for y in range(8)], frame, number, width)
    assert len(looks) > 300
    assert min(first for first, _ in looks) > -SAMPLES
    assert max(last for _, last in looks) <= 0


@pytest.mark.parametrize("count", [1, 2, 3, 8, 16, 32])
@pytest.mark.parametrize("lines", [0, 1, 2, 5, 11, 25, 60])
def test_traces_share_the_lines(lines, count):
    heights = split(lines, count)
    assert sum(heights) <= lines
    assert len(heights) <= count
    assert heights[:1] >= heights[1:2]


def test_its_keys_are_in_the_help():
    assert "shift+←" in _page({}).plain
    assert "the deck's latents" in _page({}).plain


def test_braille_dots_are_in_the_right_cells():
    dots = braille.blank(1, 2)
    assert braille.text(dots) == ["  "]
    dots[0, 0] = dots[3, 3] = True
    assert braille.text(dots) == ["⠁⢀"]
