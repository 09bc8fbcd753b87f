"""JACK servers with long blocks, and blocks that change while a deck plays: no deck is late for them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from rig import Instrument, Jack, Machine, playing, until

RATE = 48000
BLOCKS = (2048, 64, 4096)


def played(instrument: Instrument, seconds: float) -> float:
    """Late blocks of deck 1 while the device plays this long."""
    frames, late = instrument.meter("frames"), instrument.meter("deck/1/late")
    until(lambda: instrument.meter("frames") > frames + seconds * RATE, 10 + seconds, "sound")
    return instrument.meter("deck/1/late") - late


@pytest.mark.alone
def test_blocks_of_any_length(runtime: Path, tmp_path: Path, jack: Jack, tiny_models: Path) -> None:
    with playing(runtime) as instrument:
        instrument.wait_live(1, 2)
        for block in BLOCKS:
            subprocess.run(["jack_bufsize", str(block)], capture_output=True, check=True)
            until(lambda b=block: instrument.meter("burst") >= b, 10, f"bursts of {block} frames")
            played(instrument, 1)
            with Machine(tmp_path) as machine:
                late = played(instrument, 1.5)
            latency = instrument.meter("deck/1/latency")
            print(f"{block} frames: {late:g} late; latency {1000 * latency:.1f} ms")
            assert late <= machine.away(block / RATE)
            assert latency > block / RATE
        instrument.end()
