"""Orders and reports as lines. A bad line is logged, and stage and child go on."""

from __future__ import annotations

import queue
import subprocess
import sys
from pathlib import Path

import pytest
from rig import until

from perform.core.attributes import Attribute
from perform.core.messages.host_messages import (
    AssignDecks,
    AttributeRefused,
    DeckAssignment,
    FileAssignment,
    HostFailed,
    HostLoading,
    HostLog,
    HostReady,
)
from perform.core.messages.message_lines import BadMessage, decode_order, decode_report, encode
from perform.core.messages.mixer_messages import MixerReady
from perform.stage.child import Child, ChildEvent

CHILD = """
from perform.core.lifeline import Lifeline
from perform.core.messages.host_messages import HostLog
line = Lifeline()
print("a stray print")
while (order := line.next()) is not None:
    line.report(HostLog(type(order).__name__))
"""


def test_a_message_comes_back_as_it_was_sent():
    files = {7: FileAssignment("/a.wav", 2, coming=True)}
    order = AssignDecks({1: DeckAssignment("/m", "ff"), 2: DeckAssignment()}, (1, 2), files)
    assert decode_order(encode(order)) == order
    attributes = (Attribute("gain", "float", 0.5), Attribute("bank", "str", "a"))
    ready = HostReady(1.5, "ff", "/m", attributes, ("reset",), has_prior=True, has_encoder=True)
    assert decode_report(encode(ready)) == ready


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", '{"order": "Nothing"}', '{"order": "EndTake", "more": 1}', '{"order": "DropVoice"}'],
)
def test_a_line_that_is_no_order_is_refused_and_shown(line):
    with pytest.raises(BadMessage, match="not an order"):
        decode_order(line)


@pytest.mark.parametrize(
    "kind", [HostLoading, HostLog, HostFailed, lambda text: AttributeRefused(1, 2, 3.0, 4.0, text)]
)
def test_texts_of_hosts_come_without_control_characters(kind):
    assert decode_report(encode(kind("\x1b[31mred\x07\nline\x9b"))) == kind("[31mred line")


def test_a_child_logs_a_bad_order_and_goes_on(tmp_path: Path):
    with (tmp_path / "log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-c", CHILD],
            input='{"order": "Dro\n{"order": "EndTake"}\n',
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            check=True,
        )
    assert [decode_report(line) for line in done.stdout.splitlines()] == [HostLog("EndTake")]
    assert "not an order" in (tmp_path / "log").read_text()
    assert '{"order": "Dro' in (tmp_path / "log").read_text()


def test_the_stage_logs_a_bad_report_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "bad_child.py").write_text("print('half a li')\n" + 'print(\'{"report": "MixerReady"}\')\n')
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}")
    events: queue.SimpleQueue[ChildEvent] = queue.SimpleQueue()
    with (tmp_path / "log").open("ab", buffering=0) as log:
        child = Child(events, log, "bad_child")
        assert events.get(timeout=20) == ChildEvent(child, MixerReady())
        assert events.get(timeout=20) == ChildEvent(child, None)
    until(lambda: "half a li" in (tmp_path / "log").read_text(), 5, "the line in the log")
