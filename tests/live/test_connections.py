"""Connections made by hand on a JACK server outlive the mixer process, and the other program."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from rig import Instrument, Jack, playing, until


def connected(port: str) -> set[str]:
    """What a port is connected to."""
    listing = subprocess.run(["jack_lsp", "-c", port], capture_output=True, text=True, check=True).stdout
    return {line.strip() for line in listing.splitlines() if line.startswith(" ")}


def replace_mixer(instrument: Instrument) -> None:
    pid = instrument.child("perform.audio.mixer_process", "device")
    os.kill(pid, signal.SIGKILL)
    until(lambda: instrument.meter("owner") != 2, 5, "the clock's mixer")
    until(lambda: instrument.meter("owner") == 2, 20, f"another device mixer; {instrument.log()}")


@pytest.mark.alone
def test_connections_made_by_hand_outlive_the_mixer(
    jack: Jack, runtime: Path, tmp_path: Path, tiny_models: Path
) -> None:
    import jack as library

    empty = tmp_path / "empty.toml"
    empty.write_text('name = "empty"\n[[songs]]\nname = "one"\n')
    with playing(runtime, set_name=str(empty)) as instrument, library.Client("desk") as desk:
        desk.inports.register("in")
        until(lambda: instrument.meter("owner") == 2, 20, "the device mixer")
        until(lambda: connected("PortAudio:out_1") == {"system:playback_2"}, 5, "PortAudio's connection")
        desk.connect("PortAudio:out_0", "desk:in")
        desk.disconnect("PortAudio:out_1", "system:playback_2")
        frames = instrument.meter("frames")
        until(lambda: instrument.meter("frames") > frames + 2 * 48000, 10, "some looks at the connections")
        replace_mixer(instrument)
        assert connected("PortAudio:out_0") == {"system:playback_1", "desk:in"}
        assert connected("PortAudio:out_1") == set()
        instrument.end()
