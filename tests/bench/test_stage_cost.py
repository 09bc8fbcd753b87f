"""`perform bench stage`: a real stage on the clock, its processes told apart, its costs counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from perform.bench.process_times import process_tree
from perform.cli import main

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
@pytest.mark.usefixtures("tiny_models")
def test_a_row_has_the_costs_of_every_process() -> None:
    words = ["bench", "stage", "bells", "--decks", "1", "--seconds", "0.5", "--json"]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["model"], row["decks"], row["block"]) == ("bells", 1, 256)
    parts = row["parts"]
    assert parts.keys() >= {"hosts", "mixers", "stage", "control", "recorder"}
    assert "others" not in parts
    assert row["total"] == pytest.approx(sum(parts.values()))
    assert row["deck"] == parts["hosts"] > row["graph"] > 0
    assert row["paced"] > 0
    assert row["paced_ratio"] == pytest.approx(row["deck"] / row["paced"])
    assert row["ratio"] == pytest.approx(row["deck"] / row["graph"])
    assert row["switches"] > 100


@linux
def test_a_tree_has_the_process_and_its_descendants() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        tree = process_tree(os.getpid())
        child.communicate(b"\n")
    assert child.pid in tree
    assert tree[os.getpid()].cpu_s > 0
    assert tree[os.getpid()].switches > 0
    later = process_tree(os.getpid())
    assert child.pid not in later
    assert later[os.getpid()].cpu_s > tree[os.getpid()].cpu_s
