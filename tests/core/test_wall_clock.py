"""A wall clock that jumps changes nothing that plays: only names, dates and ages of files come from it."""

from __future__ import annotations

import ast
from pathlib import Path

import perform

PACKAGE = Path(perform.__file__).parent
WALL = {
    "time.time",
    "time.time_ns",
    "datetime.now",
    "datetime.datetime.now",
    "time.localtime",
    "datetime.today",
}
MAY = {
    "recorder/wav_writer.py": "whether a file was left long ago, where the system has no locks",
    "core/files.py": "whether a temporary file was left long ago",
    "recorder/gesture_log.py": "the date of a take",
    "recorder/recorder_process.py": "names of takes",
    "offline/outputs.py": "names of takes",
    "stage/show.py": "names of sets",
    "stage/autosave.py": "names of damaged autosaves",
    "cli/training_bar.py": "dates in a log",
    "foreign/rebuilding.py": "the date of a model",
}


def test_what_plays_reads_only_the_monotonic_clock() -> None:
    used = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL
    }
    used = {path for path in used if not path.startswith(("train/", "bench/"))}
    assert used == MAY.keys()
