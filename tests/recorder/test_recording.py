"""The stage's `Recording` with a real recorder: early ends, a hanging or dead recorder, the last minutes."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from recorder_rig import feed, until

from perform.core.arena import Arena
from perform.core.messages.recorder_messages import LastMinutesOpened, OpenRecorder
from perform.recorder import gesture_log, take_check, take_index
from perform.recorder.markers import Marker
from perform.stage.child import Child
from perform.stage.commands import Answer, StartRecording
from perform.stage.recording import Recording


class Stage:
    """The parts of a stage that a recorder needs."""

    def __init__(self, arena: Arena, folder: Path, retro: float) -> None:
        self.arena, self.folder, self.log = arena, folder, (folder / "recorder.log").open("wb")
        self._retro, self._events = retro, queue.SimpleQueue()
        self.children: list[Child] = []
        self.lines: list[str] = []
        self.recording = Recording(arena, self._spawn, self.lines.append, "demo")

    def _spawn(self) -> Child:
        child = Child(self._events, self.log, "perform.recorder.recorder_process")
        child.order(OpenRecorder(str(self.arena.path), (str(self.folder),), self._retro))
        self.children.append(child)
        return child

    def hear(self) -> None:
        """What the recorder reports, and its death."""
        while not self._events.empty():
            child, report = self._events.get()
            recording = self.recording
            recording.handle_death(child) if report is None else recording.handle_report(child, report)

    def until(self, done: Callable[[], object]) -> None:
        """Run until then."""

        def step() -> object:
            self.hear()
            self.recording.tick()
            return done()

        until(step)

    def ask(self, what: Callable[..., None], *how: object) -> Callable[[], Answer]:
        """Ask for something -> a function that waits for the answer."""
        answers: list[Answer] = []
        what(answers.append, *how)

        def answer() -> Answer:
            self.until(lambda: answers)
            return answers[0]

        return answer

    def follow(self) -> None:
        """Wait until the recorder has written all of the history."""
        beat = self.arena.meter("heartbeat/recorder")
        self.until(lambda: self.arena.meter("heartbeat/recorder") > beat + 2)


@pytest.fixture
def stage(arena: Arena, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(arena, tmp_path, retro=20.0)
    made.until(lambda: arena.meter("heartbeat/recorder"))
    yield made
    made.recording.end()
    made.log.close()
    assert (tmp_path / "recorder.log").read_text() == ""


def test_a_take_that_ended_before_it_began_is_not_the_last_take(stage: Stage, arena: Arena) -> None:
    """A foot switch that bounces ends the take before a mixer writes its tracks."""
    recording = stage.recording
    began = stage.ask(recording.record, StartRecording(stems=True))
    ended = stage.ask(recording.stop)
    assert ended() == Answer("")
    assert began().error == "the take was ended before it began"
    assert not recording.busy
    assert arena.meter("tracks/on") == 0
    began = stage.ask(recording.record, StartRecording(stems=True))
    feed(arena, 5000)
    path = began().value
    assert stage.ask(recording.stop)().value == path != ""


def test_markers_set_while_the_recorder_hangs_or_is_dead_are_in_the_take(stage: Stage, arena: Arena) -> None:
    recording, marked = stage.recording, {}
    feed(arena, 9000)
    recording.mark("before the take")
    feed(arena, 1000)
    path = Path(stage.ask(recording.record, StartRecording())().value)

    def go_on(name: str) -> None:
        feed(arena, 5000)
        recording.mark(name)
        marked[name] = arena.history.written - 10_000

    go_on("well")
    stage.until(lambda: len(gesture_log.read(path.with_suffix(gesture_log.SUFFIX)).marks()) == 1)
    os.kill(stage.children[0].pid, signal.SIGSTOP)
    go_on("hung")
    stage.children[0].kill()
    until(lambda: stage.children[0].exit_code is not None)
    go_on("dead")
    until(lambda: stage.hear() or "died" in stage.lines[-1])
    go_on("gone")
    kept = stage.ask(recording.keep)
    stage.until(lambda: len(stage.children) == 2)
    feed(arena, 5000)
    assert stage.ask(recording.stop)().value == str(path)
    take = take_index.read(path)
    assert (len(take.files), take.frames) == (2, 25_000)
    assert take_check.verify(take) == []
    assert {mark.name: mark.frame for mark in take.marks} == marked
    path = kept().value
    stage.until(lambda: any(line.startswith(f"kept: {path}") for line in stage.lines))
    assert take_index.read(Path(path)).marks == (Marker(9000, "before the take"),)


def test_the_path_of_the_last_minutes_is_reported_at_once(stage: Stage, arena: Arena) -> None:
    feed(arena, 5000)
    stage.follow()
    path = stage.ask(stage.recording.keep)().value
    stage.until(lambda: any(line.startswith(f"kept: {path}") for line in stage.lines))
    assert stage.recording.last == path
    assert take_index.read(Path(path)).state == "whole"
    stage.recording.handle_report(stage.children[-1], LastMinutesOpened("a long one"))
    assert stage.ask(stage.recording.keep)() == Answer("a long one")
