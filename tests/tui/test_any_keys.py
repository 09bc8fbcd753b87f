"""Any keys in any order: the screen survives, and all parameters stay within their range."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hands import Clock, playing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stand_in import FakeStage, deck, play, status

from perform.core.params import SPEC_AT
from perform.tui.keys import ALWAYS, KEYS
from perform.tui.page_keys import LATENTS, SET_LIST

PRESSES = sorted(
    {key for k in (*ALWAYS, *KEYS, *LATENTS, *SET_LIST) for key in k.keys.split(",") if key != "ctrl+q"}
    | {"enter", "backspace", "space", "z", "9", "minus", "k"}
)


@given(
    presses=st.lists(st.sampled_from(PRESSES), max_size=20),
    small=st.booleans(),
    latents=st.sampled_from([0, 1, 8, 32]),
)
@settings(max_examples=12, suppress_health_check=list(HealthCheck), derandomize=True)
def test_any_keys(presses, small, latents):
    async def run_it() -> None:
        with tempfile.TemporaryDirectory() as folder:
            stage = FakeStage(Path(folder), status(deck("vintage", latents), deck("other", 32)))
            play(stage)
            stage.arena.table[:] = [s.default for s in SPEC_AT]
            async with playing(stage, Clock(), (80, 24) if small else (120, 40)) as hands:
                for press in presses:
                    await hands.pilot.press(press)
                await hands.settle()
                for value, spec in zip(stage.arena.table, SPEC_AT, strict=True):
                    assert spec.low <= value <= spec.high
                    assert not spec.choices or value == int(value)

    asyncio.run(run_it())
