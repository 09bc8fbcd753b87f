"""A set of three songs, and helpers that ask a running stage about it."""

from __future__ import annotations

from pathlib import Path

from rig import Instrument, until

from perform.core.messages.message_lines import AnyOrder
from perform.core.params import SLOTS
from perform.stage import commands
from perform.stage.status import SongsStatus

SET = """
# a tour
name = "tour"

[[songs]]
name = "one" # the first
fade = 0.2
decks.1 = "bells"
decks.2 = "choir"
[songs.values]
"deck/1/source" = "loop"
"deck/1/z/0/bias" = 1.0
"deck/2/source" = "walk"

[[songs]]
name = "two"
fade = 0.2
switch = "crossfade"
decks.1 = "bells"
decks.3 = "choir"
[songs.values]
"deck/1/source" = "loop"
"deck/1/z/0/bias" = -1.0
"deck/3/source" = "walk"
"xfade" = 0.25

[[songs]]
name = "three"
switch = "cut"
decks.1 = "choir"
decks.2 = {name = "nowhere", source = "https://models.example/nowhere"}
[songs.values]
"deck/1/source" = "walk"
"""


class SilentChild:
    """A host process that never gets ready."""

    def order(self, order: AnyOrder) -> None:
        pass

    def kill(self) -> None:
        pass


def write(path: Path) -> Path:
    path.write_text(SET)
    return path


def song(instrument: Instrument) -> SongsStatus:
    return instrument.client.status().songs


def go(instrument: Instrument, number: int) -> None:
    instrument.client.ask(commands.Arm(number))
    instrument.client.ask(commands.Go())
    until(lambda: song(instrument).now == number, 20, f"song {number}; {instrument.log()}")


def value(instrument: Instrument, address: str) -> float:
    return float(instrument.arena.table[SLOTS[address]])


def states(instrument: Instrument) -> list[float]:
    return [instrument.meter(f"deck/{d}/state") for d in (1, 2, 3)]
