"""A process for each port: opening one holds nobody up, and nothing that a device sends makes it deaf."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
import rtmidi

from perform.control.port_opening import open_named_port
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


class Shifting:
    """A MIDI input for which a port vanishes between its number being found and its opening."""

    def __init__(self, vanish: Callable[[], None]) -> None:
        self.input = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name="shifting")
        self._vanish, self.opened = vanish, 0

    def get_ports(self) -> list[str]:
        return self.input.get_ports()  # type: ignore[no-any-return]

    def open_port(self, port: int, name: str) -> None:
        if not self.opened:
            self._vanish()
        self.opened += 1
        self.input.open_port(port, name)

    def close_port(self) -> None:
        self.input.close_port()


def test_the_right_port_is_opened_while_others_come_and_go(jack: Jack, opened: threading.Event) -> None:
    """rtmidi opens by number; where an earlier port leaves meanwhile, the number is the next port's."""
    with jack.controller("First") as first, jack.controller("Keys") as keys, jack.controller("Last") as last:
        shifting = Shifting(first.unplug)
        names = shifting.get_ports()
        assert names.index("First:MIDI 1") < names.index("Keys:MIDI 1") < names.index("Last:MIDI 1")
        open_named_port(shifting, "Keys:MIDI 1", "in")
        assert shifting.opened == 2
        got: list[list[int]] = []

        def came() -> bool:
            last.send((0xB0, 2, 2))
            keys.send((0xB0, 1, 1))
            time.sleep(0.1)
            while message := shifting.input.get_message():
                got.append(message[0])
            return bool(got)

        eventually(came)
        assert [0xB0, 2, 2] not in got
        with pytest.raises(ValueError, match="First"):
            open_named_port(shifting, "First:MIDI 1", "in")
        shifting.input.delete()


def test_a_port_that_comes_behind_it_does_not_matter(jack: Jack, opened: threading.Event) -> None:
    with jack.controller("Keys"):
        late: list[Controller] = []
        shifting = Shifting(lambda: late.append(Controller("Late", "MIDI 1", jack.env)))
        open_named_port(shifting, "Keys:MIDI 1", "in")
        names = shifting.get_ports()
        assert names.index("Keys:MIDI 1") < names.index("Late:MIDI 1")
        assert shifting.opened == 1
        late[0].unplug()
        shifting.input.delete()


def test_a_reader_that_hears_nothing_any_more_ends(jack: Jack, opened: threading.Event) -> None:
    """JACK removes a client that is late for too long, and rtmidi does not say so."""
    with jack.controller("Keys"):
        reader = PortReader(rtmidi.API_UNIX_JACK, "Keys:MIDI 1", opened)
        eventually(lambda: reader.is_open)
        number = reader._process.pid
        ends = [f"perform ender {number}:sysex", f"perform reader {number}:in"]
        subprocess.run(["jack_disconnect", *ends], env=jack.env, check=True, capture_output=True)
        eventually(lambda: reader.is_gone)
