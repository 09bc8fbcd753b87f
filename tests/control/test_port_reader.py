"""A process for each port: opening one holds nobody up, and nothing that a device sends makes it deaf."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest
import rtmidi

from perform.control.port_reader import PortReader
from perform.control.port_reader_process import messages_of
from tests.control.conftest import Controller, Jack, eventually


@pytest.fixture
def opened(jack: Jack, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    for name, value in jack.env.items():
        monkeypatch.setenv(name, value)
    return threading.Event()


def received(reader: PortReader, controller: Controller, *messages: tuple[int, ...]) -> list[list[int]]:
    """Send until something comes: a busy server may lose a period of MIDI."""

    def came() -> bool:
        controller.send(*messages)
        end = time.monotonic() + 0.5
        while time.monotonic() < end and len(reader._messages) < len(messages):
            time.sleep(0.005)
        return len(reader._messages) >= len(messages)

    eventually(came)
    found = []
    while message := reader.get_message():
        assert message[1] >= 0.0
        found.append(message[0])
    return found


def test_a_port_is_opened_while_others_play(jack: Jack, opened: threading.Event) -> None:
    with jack.controller("Keys") as keys:
        began = time.monotonic()
        reader = PortReader(rtmidi.API_UNIX_JACK, "Keys:MIDI 1", opened)
        returned = time.monotonic() - began
        eventually(lambda: reader.is_open)
        assert returned < 0.5 * (time.monotonic() - began), "the control process does not wait"
        assert opened.is_set()
        opened.clear()
        assert [0xB0, 7, 1] in received(reader, keys, (0xB0, 7, 1), (0xB0, 7, 2))
        assert opened.is_set()

        keys.send((0xF0, 1, 2, 3))  # a SysEx without its end
        assert [0x90, 60, 9] in received(reader, keys, (0x90, 60, 9)), "it hears on"
        reader.close_port()
        reader.delete()
        eventually(lambda: reader.is_gone)


def test_a_reader_ends_with_the_control_process(jack: Jack, opened: threading.Event) -> None:
    with jack.controller("Keys"):
        reader = PortReader(rtmidi.API_UNIX_JACK, "Keys:MIDI 1", opened)
        eventually(lambda: reader.is_open)
        assert reader._process.stdin
        reader._process.stdin.close()  # as the system does where the control process was killed
        eventually(lambda: reader.is_gone)


def test_messages_after_a_sysex_that_never_ended_are_found() -> None:
    whole = [0xF0, 1, 2, 0xF7]
    assert messages_of(whole) == [whole]
    assert messages_of([0xF0, 1, 2, 0x90, 60, 9, 0xB0, 7, 1, 0xF8, 0xF7]) == [
        [0x90, 60, 9],
        [0xB0, 7, 1],
        [0xF8],
    ]
    assert messages_of([0xF0, 1, *whole]) == [whole]
    assert messages_of([0xF0, 0xF7]) == [[0xF0, 0xF7]] and messages_of([0xF7]) == []


def test_a_port_that_cannot_be_opened_is_gone(opened: threading.Event) -> None:
    reader = PortReader(rtmidi.API_UNIX_JACK, "Nobody:MIDI 1", opened)
    eventually(lambda: reader.is_gone)
    assert not reader.is_open and reader.get_message() is None


def test_the_reader_imports_little() -> None:
    """It starts with each controller that is plugged in."""
    names = "import sys, perform.control.port_reader_process; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", names], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"numpy", "msgspec", "mido"} & set(loaded)
