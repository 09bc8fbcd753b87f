"""The campaign in short: a few faults of a seed, and everything that must not change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from campaign.__main__ import order
from campaign.faults import FAULTS

QUICK = (
    "host: killed",
    "host: NaN",
    "recorder: killed",
    "disk: all folders full",
    "MIDI: unplugged",
    "mixer: killed",
)


def test_a_seed_gives_every_kind_once_and_the_same_order_again() -> None:
    faults = order(3, 2 * len(FAULTS), long=True, kinds=[])
    assert faults == order(3, 2 * len(FAULTS), long=True, kinds=[])
    assert set(faults[: len(FAULTS)]) == set(faults[len(FAULTS) :]) == set(FAULTS)
    assert faults != order(4, 2 * len(FAULTS), long=True, kinds=[])


@pytest.mark.alone
def test_a_short_campaign() -> None:
    kinds = [word for kind in QUICK for word in ("--kind", kind)]
    command = [sys.executable, "-m", "tests.campaign", "--seed", "1", "--faults", str(len(QUICK)), *kinds]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=500, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 missed" in done.stdout
