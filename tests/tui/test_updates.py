"""What is sent to the terminal is what the screen shows: what changed, and at once what a player moves."""

from __future__ import annotations

import math
import re

import pytest
from hands import playing
from rich.cells import cell_len
from stand_in import FakeStage
from test_layouts import three
from textual._compositor import ChopsUpdate
from textual.geometry import Region

from perform.core import params
from perform.tui import narrow_updates
from perform.tui.deck_watch import DeckWatch
from perform.tui.narrow_updates import NarrowUpdate
from perform.tui.widgets.kept_lines import SELDOM, KeptLines
from perform.tui.widgets.line_widget import LinePen

PARTS = re.compile(r"\x1b\[(\d+);(\d+)H|\x1b\[[\d;]*m|([^\x1b]+)")


class Terminal:
    """The cells that a terminal shows, and the bytes that it was sent."""

    def __init__(self, text: str) -> None:
        self.rows, self.bytes = [list(line) for line in text.split("\n")], 0

    def write(self, sent: str) -> None:
        self.bytes += len(sent.encode())
        y = x = 0
        for line, column, text in PARTS.findall(sent):
            if line:
                y, x = int(line) - 1, int(column) - 1
            for character in text:
                assert cell_len(character) == 1
                self.rows[y][x] = character
                x += 1

    def text(self) -> str:
        return "\n".join("".join(row) for row in self.rows)


def play_on(stage: FakeStage, number: int) -> None:
    """The levels and latents of three decks in one frame."""
    for deck in (1, 2, 3):
        for end in "lr":
            stage.arena.set_meter(f"deck/{deck}/peak/{end}", 0.3 + 0.2 * math.sin(number * deck))
        for latent in range(8):
            stage.arena.set_meter(f"deck/{deck}/z/{latent}", math.sin(number / 9 + latent + deck))
    stage.arena.set_meter("peak/l", 0.4 + 0.2 * math.sin(number))


async def test_where_textual_has_changed_inside_its_own_updates_are_written(tmp_path, clock, monkeypatch):
    def changed(*_: object) -> NarrowUpdate:
        raise TypeError("it takes other arguments")

    async with playing(three(tmp_path), clock) as hands:
        compositor = hands.app.screen._compositor
        for narrow in (True, False):
            compositor._dirty_regions.add(Region(3, 5, 10, 1))
            assert isinstance(compositor.render_partial_update(), NarrowUpdate) == narrow
            monkeypatch.setattr(narrow_updates, "NarrowUpdate", changed)
        compositor._dirty_regions.add(Region(3, 5, 10, 1))
        assert type(compositor.render_partial_update()) is ChopsUpdate


@pytest.mark.parametrize("layout", ["play", "stage", "latents"])
async def test_a_terminal_that_is_sent_only_the_changes_shows_the_screen(tmp_path, clock, layout):
    async with playing(three(tmp_path), clock) as hands:
        while hands.app.layout_name != layout:
            await hands.press(*(["f10"] if hands.app.layout_name == "stage" else []), "plus")
        terminal, sent = Terminal(hands.text()), []

        def display(screen, update) -> None:  # type: ignore[no-untyped-def]
            if isinstance(update, ChopsUpdate):
                sent.append(update)
                terminal.write(update.render_segments(hands.app.console))

        hands.app._display = display
        for number in range(60):
            clock.now += 0.04
            play_on(hands.stage, number)
            if number == 30:
                params.set_value(hands.stage.arena.table, "xfade", 0.1)
            hands.app.tick()
            await hands.pilot.pause()
        assert terminal.text() == hands.text()
        assert len(sent) >= 30 and all(isinstance(update, NarrowUpdate) for update in sent)
        assert terminal.bytes / 60 * 25 < 150_000, "a second"


async def test_under_a_dialog_the_screen_is_drawn_as_textual_does(tmp_path, clock):
    async with playing(three(tmp_path), clock) as hands:
        await hands.press("question_mark")
        play_on(hands.stage, 7)
        hands.stage.arena.set_meter("load", 0.77)
        await hands.settle()
        assert "DSP  77 %" in hands.text() and "Keys" in hands.text()


async def test_what_a_player_moves_is_drawn_in_the_next_frame(tmp_path, clock):
    async with playing(three(tmp_path), clock) as hands:
        for value in (0.1, 0.9, 0.2, 0.8):
            params.set_value(hands.stage.arena.table, "xfade", value)
            params.set_value(hands.stage.arena.table, "deck/1/pan", value)
            hands.app.tick()
            await hands.pilot.pause()
            assert f"{100 * value:.0f} % 1:48" in hands.text() and f" +{value:.2f} " in hands.text()


async def test_a_change_read_between_two_frames_is_drawn_in_the_next(tmp_path, clock):
    async with playing(three(tmp_path), clock) as hands:
        for value in (0.1, 0.9, 0.2, 0.8):
            params.set_value(hands.stage.arena.table, "xfade", value)
            hands.app.read_frame()  # as a key does
            hands.app.tick()
            await hands.pilot.pause()
            assert f"{100 * value:.0f} % 1:48" in hands.text()
            hands.app.view.selected[1] = f"deck/1/z/{round(10 * value) % 3}/bias"
            hands.app.tick()
            await hands.pilot.pause()
            assert f"deck 1 z{round(10 * value) % 3} bias" in hands.text()


async def test_a_text_is_drawn_in_one_of_four_frames_and_after_each_change(tmp_path, clock):
    async with playing(three(tmp_path), clock) as hands:
        ink, kept, drawn = hands.app.play_screen.query_one("#decks").ink, KeptLines(), []
        for number in range(10):
            if number == 6:
                params.set_value(hands.stage.arena.table, "xfade", 0.1)
            kept.begin_frame()
            frame, pen = hands.app.read_frame(), LinePen(ink)
            kept.draw(1, [pen], 9, frame, lambda n=number: drawn.append(n), True, SELDOM)
        assert drawn == [0, 2, 6]


async def test_every_part_is_drawn_in_one_of_two_frames(tmp_path, clock):
    async with playing(three(tmp_path), clock) as hands:
        frame, ink = hands.app.read_frame(), hands.app.play_screen.query_one("#decks").ink
        kept, drawn = KeptLines(), []
        for number in range(6):
            kept.begin_frame()
            for part in (1, 2):
                pen = LinePen(ink)

                def draw(pen: LinePen = pen, text: str = f"{part} {number}") -> None:
                    drawn.append(text)
                    pen.text(text, ink.text)

                kept.draw(part, [pen], 9, frame, draw)
                assert pen.pieces[0][0].text == next(text for text in reversed(drawn) if text[0] == f"{part}")
        assert drawn == ["1 0", "2 0", "2 1", "1 2", "2 3", "1 4", "2 5"]
        hits: list = []
        pen = LinePen(ink, hits=hits)
        kept.draw(1, [pen], 9, frame, lambda: pen.button("x", ink.text, action="a"))
        assert [hit.action for hit in hits] == ["a"], "the mouse finds what is there now"


def test_a_deck_that_was_silent_before_the_screen_opened_has_three_seconds(tmp_path):
    stage, watch = three(tmp_path), DeckWatch()
    for end in "lr":
        stage.arena.set_meter(f"deck/1/peak/{end}", 0.0)
    watch.sample(90_000.0, stage.arena.meters)
    assert watch.silence(1) == 0.0
    watch.sample(90_004.0, stage.arena.meters)
    assert (watch.silence(1), watch.silence(2)) == (4.0, 0.0)
