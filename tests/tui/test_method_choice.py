"""The model browser offers the other methods of the deck's module; what takes long never holds the screen."""

from __future__ import annotations

import threading
import time

import msgspec
import pytest
from hands import playing
from stand_in import FakeStage, deck, status

from perform.foreign.module_file import wrap
from perform.library import catalogue, player_config
from perform.library.cards import Card
from perform.stage.commands import Load
from perform.tui import method_imports
from perform.tui.screens.model_browser import METHOD


def module_file(path, method):
    one = [0.0]
    card = Card(path.stem, 48000, 256, 1, 1, 0, one, [1.0], one, one, -23.0)
    path.write_bytes(wrap(b"no code", card, {"method": method, "methods": ["forward", "thin"]}))
    return path


async def test_a_method_that_is_in_the_library_is_loaded(tmp_path, clock, home):
    swap = module_file(home / "models" / "swap.safetensors", "forward")
    module_file(home / "models" / "swap-thin.safetensors", "thin")
    stage = FakeStage(tmp_path, status(msgspec.structs.replace(deck("swap", 2), made=str(swap))))
    async with playing(stage, clock) as hands:
        await hands.until(lambda: hands.app.read_frame().deck(1).made)
        await hands.press("o")
        await hands.until(lambda: "play the method thin of swap" in hands.text())
        await hands.press(*"method", "enter")
        await hands.until(lambda: stage.asked == [Load(1, "swap-thin")])


@pytest.fixture
def slow(monkeypatch):
    """An import that takes until the test says so."""
    free = threading.Event()

    def imported(made, method, on_start):
        on_start(process := FakeProcess())
        processes.append(process)
        free.wait(20)
        return f"{made.stem}-{method}"

    processes: list[FakeProcess] = []
    monkeypatch.setattr(method_imports, "method_model", imported)
    yield free, processes
    free.set()


class FakeProcess:
    ended = False

    def terminate(self):
        self.ended = True


@pytest.mark.parametrize("moved_on", [False, True])
async def test_a_method_is_loaded_only_where_the_deck_holds_what_it_held(
    tmp_path, clock, home, slow, moved_on
):
    free, _ = slow
    swap = module_file(home / "models" / "swap.safetensors", "forward")
    stage = FakeStage(tmp_path, status(msgspec.structs.replace(deck("swap", 2), made=str(swap))))
    async with playing(stage, clock) as hands:
        hands.app._load(1, METHOD + "thin")
        if moved_on:
            stage.words = status(msgspec.structs.replace(deck("bells"), made="/bells.safetensors"))
            await hands.until(lambda: hands.app.read_frame().deck(1).model == "bells")
        free.set()
        if moved_on:
            await hands.until(lambda: "swap-thin is in your library: o loads it" in hands.text())
        else:
            await hands.until(lambda: stage.asked == [Load(1, "swap-thin")])
        assert len(stage.asked) == (not moved_on)


async def test_nothing_that_takes_long_keeps_the_screen_open(tmp_path, clock, home, slow, monkeypatch):
    _, processes = slow
    monkeypatch.setattr(catalogue, "known", lambda *_: time.sleep(20))
    before = set(threading.enumerate())
    async with playing(FakeStage(tmp_path, status(deck("swap", 2))), clock) as hands:
        hands.app._load(1, METHOD + "thin")
        await hands.press("o", "tab")
        assert "reading" in hands.text()
        busy = [thread for thread in threading.enumerate() if thread not in before]
        assert len(busy) >= 3, "the stage's line, the method, the catalogue"
        assert all(thread.daemon for thread in busy), busy
    assert [process.ended for process in processes] == [True]


async def test_a_mistake_in_the_config_is_shown_by_the_catalogue(tmp_path, clock, monkeypatch):
    path = tmp_path / "config.toml"
    path.write_text("[models]\ncatalogues = 5\n")
    monkeypatch.setattr(player_config, "path", lambda: path)
    async with playing(FakeStage(tmp_path, status(deck("swap", 2))), clock) as hands:
        await hands.press("o", "tab")
        await hands.until(lambda: "▲" in hands.words() and "config.toml" in hands.words())
