"""`perform docs`: the manual in the terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from perform.cli import main

DOCS = Path(__file__).parents[2] / "docs"


def test_every_page_is_listed_and_shown() -> None:
    listed = CliRunner().invoke(main, ["docs"]).output.splitlines()
    assert [line.split()[0] for line in listed] == sorted(path.stem for path in DOCS.glob("*.md"))
    for name in ("sets", "docs/sets.md"):
        shown = CliRunner().invoke(main, ["docs", name]).output
        assert shown.rstrip("\n") == (DOCS / "sets.md").read_text().rstrip("\n")


def test_a_page_that_does_not_exist_is_an_error_with_the_nearest() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perform", "docs", "sest"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "there is no page 'sest'" in done.stderr
    assert "sets" in done.stderr
