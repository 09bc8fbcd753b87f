"""The model browser offers the other methods of the deck's module."""

from __future__ import annotations

import msgspec
from hands import playing
from stand_in import FakeStage, deck, status

from perform.foreign.module_file import wrap
from perform.library.cards import Card
from perform.stage.commands import Load


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
