"""A set of three songs, and helpers that ask a running stage about it."""

from __future__ import annotations

import time
from pathlib import Path

from rig import Instrument, until

from perform.core.arena import Arena
from perform.core.messages.host_messages import StartHost
from perform.core.messages.message_lines import AnyOrder
from perform.core.params import SLOTS
from perform.library import sets
from perform.library.song import Song
from perform.stage import commands
from perform.stage.command_table import CommandTable
from perform.stage.commands import Answer, AnyCommand
from perform.stage.controllers import Controllers
from perform.stage.host_pool import HostPool
from perform.stage.rack import Rack
from perform.stage.recording import Recording
from perform.stage.show import Show
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

    pid = 0
    exit_code = 1

    def order(self, order: AnyOrder) -> None:
        pass

    def kill(self) -> None:
        pass


class StandingShow:
    """A set whose hosts never get ready: its decks have models and values, and make no sound."""

    def __init__(self, arena: Arena, path: Path) -> None:
        hosts = HostPool(SilentChild, print, StartHost("", "", 48000.0, False))  # type: ignore[arg-type]
        rack = Rack.empty(arena, hosts, print)
        spawn = SilentChild
        recording = Recording(arena, spawn, print, "tour")  # type: ignore[arg-type]
        controllers = Controllers(arena, spawn, print, "", ())  # type: ignore[arg-type]
        self.table, self.path, self._commands = arena.table, path, CommandTable()
        self.recording = recording
        self.show = Show(rack, recording, controllers, None)
        self.show.register(self._commands)
        self.show.open(str(path), sets.read_set(path), path)

    def ask(self, command: AnyCommand) -> Answer:
        answers: list[Answer] = []
        self._commands.run(command, answers.append)
        while not answers:
            self.show.tick(settled=False)
            time.sleep(0.001)
        assert not answers[0].error
        return answers[0]

    def written(self) -> Song:
        return sets.read_set(self.path).songs[0]


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
