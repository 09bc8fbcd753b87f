"""The audio server comes back at another rate: the same stage plays on, resampled."""

from __future__ import annotations

from pathlib import Path

import pytest
from rig import Jack, Listener, playing, until

from perform.core.arena_layout import CLOCK, DEVICE


@pytest.mark.alone
def test_a_server_that_comes_back_at_another_rate(
    jack: Jack, runtime: Path, tmp_path: Path, tiny_models: Path
) -> None:
    with playing(runtime, "--input", "default") as instrument:
        instrument.wait_live(1, 2)
        jack.kill()
        until(lambda: instrument.meter("owner") == CLOCK, 5, "the clock's mixer")
        other = Jack(tmp_path, rate=44100)
        other.start()
        try:
            until(lambda: instrument.meter("owner") == DEVICE, 20, f"the device; {instrument.log()}")
            heard = Listener(tmp_path, 1).heard()["audio"]
            assert "44100 Hz resampled from 48000 Hz, 256 frames" in instrument.client.status().device
            assert instrument.meter("rate") == 48000
            assert instrument.meter("resampler") > 0
            assert abs(heard).max() > 1e-3
            instrument.end()
        finally:
            other.stop()
