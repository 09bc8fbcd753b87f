"""The fuzz in short: fifty changed seeds of each target. PERFORM_FUZZ=2000 is the long form, 10^5 each."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from fuzz.__main__ import run
from fuzz.targets import SEEDS, TARGETS, seeds

CASES = 50 * int(os.environ.get("PERFORM_FUZZ", "1"))


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_do_harm(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root, "disabled", True)
    (tmp_path / "home").mkdir()
    read, faults = run(name, CASES, 1, tmp_path, tmp_path / "faults")
    assert faults == 0
    assert read and (read < CASES or name == "midi"), (
        "the changes are too small or too large to find anything"
    )


@pytest.mark.parametrize("name", ["gesture-logs", "cards", "safetensors-headers", "matrices", "archives"])
def test_a_file_of_parts_is_whole_again_once_it_is_joined(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    for data in seeds(name):
        target.read(target.join(target.split(data)), tmp_path)


def test_every_target_has_a_seed() -> None:
    assert {path.name for path in SEEDS.iterdir()} == TARGETS.keys()
