"""`perform doctor`: a line for each thing, what to do about it, JSON of one shape, and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from perform.cli import main
from perform.cli.doctor import Finding, State

TOPICS = {
    "MIDI",
    "real time",
    "processor",
    "shared memory",
    "terminal",
    "takes",
    "cache",
    "config",
    "sandbox",
}


def report() -> dict[str, Finding]:
    done = CliRunner().invoke(main, ["doctor", "--json"])
    found = msgspec.convert(json.loads(done.stdout), list[dict[str, str]])
    assert done.exit_code == any(line["state"] == "problem" for line in found)
    return {line["topic"]: Finding(**line) for line in found}  # type: ignore[arg-type]


def test_each_thing_has_a_line_and_each_problem_says_what_to_do() -> None:
    found = report()
    assert set(found) >= TOPICS | {"Python", "numpy", "onnxruntime", "torch", "telemetry"}
    assert {line.state for line in found.values()} <= set(State.__args__)  # type: ignore[attr-defined]
    assert all(line.text for line in found.values())
    assert all(line.advice for line in found.values() if line.state == "problem")
    assert found["telemetry"].state == "ok"
    assert found["takes"].text.startswith(os.environ["PERFORM_TAKES"])


def test_what_is_wrong_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    found = report()
    for topic in ("telemetry", "takes", "cache"):
        assert found[topic].state == "problem" and found[topic].advice, topic


def test_an_onnx_runtime_that_cannot_be_loaded_is_a_problem(tmp_path: Path) -> None:
    """On Windows its DLL needs the Visual C++ runtime. The other lines are shown, too."""
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text("raise ImportError('DLL load failed')")
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "perform", "doctor", "--json"],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    found = {line["topic"]: line for line in json.loads(done.stdout)}
    assert found["onnxruntime"]["state"] == "problem" and "DLL load failed" in found["onnxruntime"]["text"]
    assert found["onnxruntime"]["advice"]
    assert set(found) >= TOPICS and "GPU" not in found


def test_the_plain_report_has_a_mark_a_line() -> None:
    lines = CliRunner().invoke(main, ["doctor"]).stdout.splitlines()
    assert all(line[0] in "✓·▲" or line.lstrip().startswith("→") for line in lines)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals of this kind")
@pytest.mark.parametrize(("size", "state"), [((60, 20), "▲"), ((120, 40), "✓")])
def test_a_terminal_that_is_too_small_is_a_problem(size: tuple[int, int], state: str) -> None:
    import fcntl
    import pty
    import struct
    import termios

    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    environment = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "perform", "doctor"], stdin=its, stdout=its, stderr=its, env=environment
    )
    os.close(its)
    text = b""
    try:
        while part := os.read(ours, 4096):
            text += part
    except OSError:  # Linux reports the end of a terminal as an error
        pass
    process.wait(60)
    os.close(ours)
    line = next(line for line in text.decode().splitlines() if " terminal " in line)
    assert line.startswith(state)
    assert f"{size[0]}x{size[1]}" in line
    assert " signs " in text.decode() and " F-keys " in text.decode()
