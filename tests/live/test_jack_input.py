"""The live input in a take, on a real JACK server: what a client plays into it, sample by sample."""

from __future__ import annotations

from pathlib import Path

import jack
import numpy as np
from rig import Jack, playing, until
from test_sound import RATE, read_take

from perform.stage.commands import StartRecording, StopRecording


def test_what_comes_in_is_in_the_take(jack: Jack, runtime: Path) -> None:
    with playing(runtime, "--input", "default") as instrument:
        instrument.wait_live(1, 2)
        with Counter() as counter:
            counter.connect("PortAudio:in_0", "PortAudio:in_1")
            path = Path(instrument.client.ask(StartRecording()).value)
            start = instrument.meter("take/frames")
            until(lambda: instrument.meter("take/frames") > start + 3 * RATE, 15, "three seconds")
            instrument.client.ask(StopRecording())
        instrument.end()
    master, heard = read_take(str(path)), read_take(str(path.with_name(f"{path.stem}_input.wav")))
    assert len(heard) == len(master)
    assert np.array_equal(heard[:, 0], heard[:, 1])
    steps = np.diff(heard[:, 0]) % Counter.TURN
    assert (steps == 1).mean() > 0.98  # a lost block is the machine's, a garbled one would be everywhere
    runs = np.diff(np.flatnonzero(np.concatenate([[True], steps != 1, [True]])))
    assert runs.max() > RATE // 2


def test_without_an_input_it_says_so_and_plays(jack: Jack, runtime: Path) -> None:
    with playing(runtime, "--input", "no such thing") as instrument:
        instrument.wait_live(1, 2)
        assert "no audio input matches 'no such thing'" in instrument.log()
        instrument.end()


class Counter:
    """A JACK client that plays 24-bit steps, one more each frame."""

    TURN = 1 << 20

    def __init__(self) -> None:
        self._client = jack.Client("counter", no_start_server=True)
        self._port = self._client.outports.register("out")
        self._at = 0

        @self._client.set_process_callback
        def _(frames: int) -> None:
            count = (self._at + np.arange(frames)) % self.TURN
            self._port.get_array()[:] = (count / 2**23).astype(np.float32)
            self._at += frames

    def connect(self, *ears: str) -> None:
        for ear in ears:
            until(lambda e=ear: self._client.get_ports(e), 10, ear)
            self._client.connect(self._port, ear)

    def __enter__(self) -> Counter:
        self._client.activate()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.deactivate()
        self._client.close()
