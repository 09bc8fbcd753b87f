"""Keys choose the effect modules of inserts; their rows and delays are on the deck and below the others."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from conftest import CARD
from hands import playing
from stand_in import FakeStage, deck, play, status

from perform.core.attributes import Attribute
from perform.library.cards import MODULE_FORMAT
from perform.stage.commands import LoadInsert, UnloadInsert
from perform.stage.status import InsertStatus
from perform.tui.screens.dialog import Field

DRIVE = (Attribute("drive", "float", 1.0),)
ECHO = InsertStatus("echo", "/echo", plays=True, delay=0.031, attributes=DRIVE, actions=("reset_tail",))


def add_module(home: Path, name: str) -> None:
    """A third-party module in the library: only its header is read."""
    figures = {f"latent_{n}": [0.0, 0.0] for n in ("mean", "std", "p05", "p95")}
    card = json.dumps(CARD | figures | {"name": name, "latents": 2, "description": "it repeats"})
    header = json.dumps({"__metadata__": {"format": MODULE_FORMAT, "card": card}}).encode()
    (home / "models" / f"{name}.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)


async def test_the_browser_lists_modules_and_inserts_one(stage, clock, home):
    add_module(home, "echo")
    async with playing(stage, clock) as hands:
        await hands.press("F")
        await hands.until(lambda: "echo" in hands.text())
        assert "An effect module behind deck 1" in hands.text()
        assert "organ" not in hands.text(), "a RAVE takes no sound"
        await hands.press("enter")
        await hands.until(lambda: stage.asked == [LoadInsert(1, "echo")])
        await hands.press("ctrl+f")
        await hands.until(lambda: "on the master" in hands.text() and "2 inputs" in hands.text())
        hands.app.screen.query_one(Field).value = f"{home}/models/ec"
        await hands.until(lambda: f"{home}/models/echo.safetensors" in hands.words())
        await hands.press("tab")
        await hands.until(lambda: "insert the file" in hands.text())
        hands.app.screen.query_one(Field).value = ""
        await hands.press("enter")
        await hands.until(lambda: stage.asked[1:] == [LoadInsert(0, "echo")])


async def test_an_insert_is_shown_with_its_delay_rows_and_errors(tmp_path, clock):
    failed = InsertStatus("fuzz", error="its host hung, three times in a minute")
    inserts = (ECHO, ECHO, failed, *[None] * 6)
    stage = FakeStage(tmp_path, status(deck("bells", 2), deck("choir", 2), inserts=inserts))
    async with playing(stage, clock, (160, 48)) as hands:
        await hands.until(lambda: hands.app.read_frame().insert(1))
        text = hands.text()
        assert "bells → echo 31 ms" in text
        assert "choir → ▲ fuzz" in text
        labels = [row.label for row in hands.app.read_frame().rows(1)]
        assert labels[-3:] == ["› wet", "› drive", "› reset_tail"]
        wanted = "deck/1/insert/attribute/1"
        hands.app.view.selected[1] = wanted
        await hands.press("right")
        assert "deck 1 insert drive" in hands.text()
        assert hands.value(wanted) > 0
        assert hands.app.read_frame().row("master/insert/attribute/1").name == "master insert drive"
        names = [row.name for row in hands.app.read_frame().stage_rows[-3:]]
        assert names == ["master insert wet", "master insert drive", "master insert reset_tail"]
        await hands.press("F")
        await hands.until(lambda: "remove echo" in hands.text())
        await hands.press(*"remove", "enter")
        await hands.until(lambda: UnloadInsert(1) in stage.asked)


async def test_a_small_terminal_shows_the_insert_of_the_deck_in_focus(tmp_path, clock):
    failed = InsertStatus("fuzz", error="its host hung")
    stage = FakeStage(
        tmp_path, status(deck("bells"), deck("choir"), inserts=(None, ECHO, failed, *[None] * 6))
    )
    play(stage)
    async with playing(stage, clock, (80, 24)) as hands:
        await hands.until(lambda: hands.app.read_frame().insert(1))
        assert "━━ 1 bells → echo 31 ms " in hands.text()
        await hands.press("2")
        assert "━━ 2 choir → ▲ fuzz insert: its host hung; the" in hands.text()
