"""`perform bench train`: its JSON, table and errors, and the plain recipe. No test checks the speed."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
import torch
from rig import perform
from tiny import TINY

from perform.bench.plain_training import PlainRecipe
from perform.bench.training_cost import OtherTraining, TrainingCostRow, table
from perform.core.errors import PerformError
from perform.rave.model import RAVE

SMALL = ("--set", "capacity=4", "--set", "ratios=[4,2]", "--set", "dilations=[[1],[1]]", "--steps", "1")
CROP = ("--batch", "1", "--crop", "8192", "--device", "cpu")


def test_each_kind_of_step_is_compared_with_the_plain_recipe(tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("import sys\nfor line in sys.stdin: print(0.5, flush=True)")
    done = perform("bench", "train", *SMALL, *CROP, "--json", "--against", f'"{sys.executable}" "{other}"')
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [row["kind"] for row in rows] == ["1", "critics", "model"]
    for row in rows:
        assert row["ratio"] == row["plain_ms"] / row["ms"] > 0
        assert row["other_ms"] == 500
        assert abs(sum(row["parts"].values()) - 1) < 1e-6
        assert row["parts"]["convolutions"] > 0
    assert "transforms" in rows[0]["parts"]
    lines = table(msgspec.convert(rows, list[TrainingCostRow])).splitlines()
    assert [line.split("  ")[0] for line in lines[2:]] == [
        "phase 1",
        "discriminator step",
        "generator step",
        "phase 2, mean",
    ]


def test_a_program_that_prints_no_seconds_is_named() -> None:
    with (
        ExitStack() as stack,
        pytest.raises(PerformError, match=r"exit 1: the program printed no seconds for a step"),
    ):
        OtherTraining("exit 1", stack).step("1")


def test_the_plain_recipe_learns() -> None:
    torch.manual_seed(0)
    recipe, x = PlainRecipe(RAVE(TINY)), 0.1 * torch.randn(2, 1, 4096)
    for group in recipe.optimiser.param_groups:
        group["lr"] = 1e-3

    def level() -> float:
        with torch.no_grad():
            z, _ = recipe.model.encode(x, recipe.model.encoder_state(2))
            y, _ = recipe.model.decode(
                z, torch.zeros(2, recipe.model.noise, 32), recipe.model.decoder_state(2)
            )
        return float(y.std())

    before = level()
    for _ in range(30):
        recipe.advance("1", x)
    after = level()
    assert abs(after - 0.1) < 0.7 * abs(before - 0.1)
    discriminator, encoder = (
        next(net.parameters()).clone() for net in (recipe.periods, recipe.model.encoder)
    )
    recipe.advance("critics", x)
    assert not torch.equal(next(recipe.periods.parameters()), discriminator)
    recipe.advance("model", x)
    assert torch.equal(next(recipe.model.encoder.parameters()), encoder), (
        "phase 2 does not change the encoder"
    )
