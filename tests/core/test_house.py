"""Names of classes and files occur once in the package; its processes and its clock suit Windows too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import perform

PACKAGE = Path(perform.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def repeated(names: list[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def test_every_class_name_is_unique() -> None:
    classes = [
        node.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert len(classes) > 100
    assert repeated(classes) == []


def test_every_file_name_is_unique() -> None:
    names = [path.name for path in FILES if not path.name.startswith("__")]
    assert len(names) > 100
    assert repeated(names) == []


def test_every_process_is_started_without_a_console_window() -> None:
    """On Windows each child of the stage, which has no console, would open one of its own."""
    calls = [
        (path.name, node)
        for path in FILES
        if "bench" not in path.parts
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("subprocess.Popen", "subprocess.run")
    ]
    assert len(calls) >= 5
    for name, call in calls:
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert "NO_WINDOW" in given.get("creationflags", "") or name == "start.py", f"{name}: {call.lineno}"


def test_the_clock_of_windows_is_fine_enough_for_frames() -> None:
    script = (
        "import sys, time; sys.platform = 'win32'; import perform; print(time.monotonic is time.perf_counter)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(sys.version_info < (3, 13)), "from 3.13 on Python's own is fine"
