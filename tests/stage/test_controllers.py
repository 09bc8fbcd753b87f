"""The stage replaces a control process that died; its mapping and learned controls stay."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import until

from perform.control import mapping_files
from perform.core.arena import Arena
from perform.core.messages.control_messages import MappingChanged
from perform.stage.child import Child, ChildEvent
from perform.stage.commands import Answer
from perform.stage.controllers import Controllers


class ControllersRig:
    """`Controllers` with a real control process, but no MIDI system."""

    def __init__(self, arena: Arena, folder: Path, wanted: str) -> None:
        self.events: queue.SimpleQueue[ChildEvent] = queue.SimpleQueue()
        self.lines: list[str] = []
        self.mappings = 0
        self.children: list[Child] = []
        self._log = (folder / "log").open("ab")
        self.controllers = Controllers(arena, self._spawn, self.lines.append, wanted, ())

    def _spawn(self, module: str) -> Child:
        self.children.append(Child(self.events, self._log, module))
        return self.children[-1]

    def until(self, true: Callable[[], Any], why: str) -> None:
        until(lambda: self._look() or true(), 20, why)

    @property
    def mapped(self) -> set[str]:
        return {binding.address for binding in self.controllers.bindings}

    def _look(self) -> None:
        self.controllers.tick()
        while not self.events.empty():
            child, report = self.events.get()
            if report is None:
                self.controllers.handle_death(child)
                continue
            self.controllers.handle_report(child, report)
            self.mappings += isinstance(report, MappingChanged)

    def restart(self) -> None:
        """Kill the process, and wait until another one has loaded a mapping."""
        before = len(self.children)
        self.children[-1].kill()
        self.until(lambda: len(self.children) > before, "its death")
        seen = self.mappings
        self.until(lambda: self.mappings > seen, "a new process")

    def end(self) -> None:
        for child in self.children:
            child.kill()
            child.wait(10)
        self._log.close()


@pytest.fixture
def stage(
    arena: Arena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], ControllersRig]]:
    monkeypatch.setenv("PERFORM_MIDI", "jack")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "nobody-runs-this")
    stages: list[ControllersRig] = []

    def start(wanted: str) -> ControllersRig:
        stages.append(ControllersRig(arena, tmp_path, wanted))
        stages[-1].until(lambda: stages[-1].mappings, "a mapping")
        return stages[-1]

    yield start
    for one in stages:
        one.end()


def test_an_unlearned_control_stays_so_in_the_next_process(stage: Callable[[str], ControllersRig]) -> None:
    bundled = mapping_files.find("nanokontrol2")
    playing = stage(str(bundled))
    assert {"deck/1/gain", "deck/2/gain"} <= playing.mapped
    playing.controllers.unlearn("deck/1/gain", lambda answer: None)
    playing.until(lambda: "deck/1/gain" not in playing.mapped, "unlearned")
    assert mapping_files.find("nanokontrol2") != bundled, "the player has a copy"
    playing.restart()
    assert playing.mapped & {"deck/1/gain", "deck/2/gain"} == {"deck/2/gain"}


def test_the_list_of_bindings_is_answered(stage: Callable[[str], ControllersRig]) -> None:
    playing, answers = stage(""), list[Answer]()
    playing.controllers.list_bindings(answers.append)
    playing.until(lambda: answers, "an answer")
    assert answers == [Answer(bindings=())], "no controller is connected"


def test_removing_controls_is_answered_when_it_is_done_or_refused(
    stage: Callable[[str], ControllersRig],
) -> None:
    playing, answers = stage(str(mapping_files.find("nanokontrol2"))), list[Answer]()
    for _ in range(2):
        playing.controllers.unlearn("deck/1/gain", answers.append)
    playing.until(lambda: len(answers) == 2, "two answers")
    assert [it.error for it in answers] == ["", "no control is mapped to 'deck/1/gain'"]
    assert "deck/1/gain" not in playing.mapped


def test_a_mapping_that_cannot_be_loaded_is_not_chosen(
    stage: Callable[[str], ControllersRig], own_places: Path
) -> None:
    playing = stage("")
    answers: list[Answer] = []
    playing.controllers.use("nothing", answers.append)
    playing.until(lambda: answers, "an answer")
    assert "nothing" in answers[0].error
    playing.restart()
    own = own_places / "home" / "controllers" / "generic.toml"  # the player's own default mapping
    own.parent.mkdir(parents=True)
    own.write_text('name = "mine"\n')
    playing.restart()
    assert playing.controllers.mapping == "mine"
