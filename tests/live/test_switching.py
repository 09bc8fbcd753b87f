"""Sources of a deck on a real JACK server, switched all the time: no click, no dropout, all in the take.

PERFORM_SWITCHES=200 python -m pytest -s tests/live/test_switching.py
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rig import Jack, Machine, playing, until

from perform.core import params
from perform.offline import replay
from perform.recorder import take_index
from perform.stage.commands import StartRecording, StopRecording

RATE = 48000
SWITCHES = int(os.environ.get("PERFORM_SWITCHES", "40"))
BLOCK_S = 256 / RATE

SET = """
name = "sources"
[[songs]]
name = "one"
decks = {{ 1 = "choir", 2 = "bells" }}
files = {{ 1 = "{file}" }}
[songs.values]
"deck/1/from" = "2"
"deck/2/source" = "loop"
"""


@pytest.mark.alone
def test_switching_sources_makes_no_click_and_is_in_the_take(
    jack: Jack, runtime: Path, tmp_path: Path
) -> None:
    """A step between two samples is no larger than each source makes by itself."""
    at = np.arange(3 * 44100) / 44100
    soundfile.write(tmp_path / "hum.flac", 0.2 * np.sin(2 * np.pi * 330 * at) * np.cos(2.5 * at) ** 2, 44100)
    (tmp_path / "sources.toml").write_text(SET.format(file=tmp_path / "hum.flac"))
    with playing(runtime, "--input", "default", set_name=str(tmp_path / "sources.toml")) as instrument:
        instrument.wait_live(1, 2)
        arena, table = instrument.arena, instrument.arena.table
        params.set_value(table, "input/open", 1)
        path = Path(instrument.client.ask(StartRecording()).value)

        def switch(source: str) -> None:
            params.set_value(table, "deck/1/source", params.SOURCES.index(source))

        def listen(begin: int) -> float:
            tape, missed = arena.history.read(begin, arena.history.written - begin)
            assert not missed
            return float(np.abs(np.diff(tape, axis=0)).max())

        def played(seconds: float) -> None:
            frames = arena.history.written + round(seconds * RATE)
            until(lambda: arena.history.written > frames, 10 + seconds, f"{seconds} s")

        steady = 0.0
        for source in params.SOURCES:
            switch(source)
            played(0.2)
            begin = arena.history.written
            played(0.8)
            steady = max(steady, listen(begin))
        counts = ("deck/1/late", "deck/2/late", "xruns")
        before = {name: instrument.meter(name) for name in counts}
        begin = arena.history.written
        with Machine(tmp_path) as machine:
            for n in range(SWITCHES):
                switch(params.SOURCES[n * 5 % len(params.SOURCES)])
                played(0.06)
        steepest = listen(begin)
        lost = {name: instrument.meter(name) - count for name, count in before.items()}
        instrument.client.ask(StopRecording())
        instrument.end()
    away = machine.away(BLOCK_S)
    print(f"steepest step {steepest:.4f}, without switches {steady:.4f}; {lost}; away for {away} blocks")
    assert lost["deck/1/late"] + lost["deck/2/late"] <= 2 * away + machine.unseen
    assert lost["xruns"] <= away + machine.unseen
    assert steepest <= 2 * steady
    take = take_index.read(path)
    replay.render(take, tmp_path / "again.wav", replay.ReplayOptions(), lambda seconds: None)
    took, made = (soundfile.read(file)[0] for file in (path, tmp_path / "again.wav"))
    assert ((took - made) ** 2).mean() < 1e-9 * (took**2).mean()
