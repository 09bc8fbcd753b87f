"""The process around a host: it renders just in time into its deck's ring, and dies alone.

Started idle, it waits for its order: a warm spare, so that loading a model costs the load alone.

    python -m perform.hosts.worker       (orders and reports: perform/lifeline.py)
    order  start {arena, deck, model, rate, patient}   then, once the ring is this host's alone,   go {}
    report ready {render_ms, sha256}  |  failed {error}
"""

from __future__ import annotations

import collections
import gc
import os
import threading
import time
from pathlib import Path

import numpy as np

from perform.errors import PerformError
from perform.hosts.compiled import CompiledHost
from perform.hosts.voice import Voice
from perform.lifeline import Lifeline, Message
from perform.params import SLOTS
from perform.realtime import RENDER_PRIORITY, real_time
from perform.shared import DECK_METER, METER_SLOTS, Arena

WARM_UP = 12  #: frames decoded before anybody listens: the first two cost 20 to 100 times the rest
HISTORY = 1000  #: render times the lead is reckoned from
NAP_S, PATIENT_NAP_S = 0.004, 0.0002  #: longest sleep between two looks at the ring


class Renderer:
    """[render] Keeps a ring filled to `lead`: the device's block, the slowest frames, and the margin."""

    def __init__(self, arena: Arena, deck: int, voice: Voice, rate: float, patient: bool) -> None:
        self._arena, self._voice, self._rate = arena, voice, rate
        self._ring, self._meters = arena.rings[deck], arena.deck_meters(deck)
        self._nap = PATIENT_NAP_S if patient else NAP_S
        self._times: collections.deque[float] = collections.deque(maxlen=HISTORY)
        self._slowest = 0.0  # p99.9 of the render times, seconds

    def warm_up(self) -> float:
        """Decode unheard until the times are steady; returns the median, seconds."""
        for _ in range(WARM_UP):
            began = time.perf_counter()
            self._voice.render(self._arena.table)
            self._times.append(time.perf_counter() - began)
        for _ in range(2):
            self._times.popleft()
        self._slowest = max(self._times)
        self._voice.start(self._arena.table)
        return float(np.median(self._times))

    def run(self) -> None:
        """Render for ever."""
        meters, frame_s = self._meters, self._voice.frame_s
        while True:
            block = self._arena.meters[METER_SLOTS["block"]] / self._rate
            lead = block + self._slowest + self._arena.table[SLOTS["stage/margin"]] / 1000.0  # seconds
            lead = min(lead, self._ring.capacity / self._rate - 2 * frame_s)
            spare = self._ring.fill / self._rate - lead
            if spare >= 0:
                time.sleep(min(max(spare, 0.0003), self._nap))
                continue
            began = time.perf_counter()
            self._ring.write(self._voice.render(self._arena.table))
            self._times.append(time.perf_counter() - began)
            meters[DECK_METER["frames"]] += 1
            meters[DECK_METER["seen/panic"]] = self._arena.table[SLOTS["panic"]]
            meters[DECK_METER["resets"]] = self._voice.resets
            first = DECK_METER["z/0"]
            meters[first : first + len(self._voice.z)] = self._voice.z[: len(meters) - first]
            if meters[DECK_METER["frames"]] % 50 == 0:
                self._slowest = float(np.percentile(self._times, 99.9))
                meters[DECK_METER["load"]] = float(np.percentile(self._times, 95)) / frame_s
                meters[DECK_METER["latency"]] = frame_s / 2 + lead


def start(line: Lifeline, order: Message, go: threading.Event) -> None:
    """[render] Load, warm up, report, wait for the ring, render until the process ends."""
    arena, deck = Arena.open(Path(order["arena"])), int(order["deck"])
    try:
        voice = Voice(CompiledHost(Path(order["model"])), deck, order["rate"], arena.table.copy())
    except PerformError as error:
        line.report("failed", error=str(error))
        return
    except Exception as error:  # whatever a library raises, the stage is told what it was
        line.report("failed", error=f"{order['model']}: {error!r}")
        raise
    renderer = Renderer(arena, deck, voice, order["rate"], order["patient"])
    render_s = renderer.warm_up()
    gc.collect()
    gc.freeze()
    gc.disable()
    real_time(RENDER_PRIORITY)
    line.report("ready", render_ms=render_s * 1000.0, sha256=voice.sha256)
    go.wait()
    meters = arena.deck_meters(deck)
    meters[DECK_METER["frames"] : DECK_METER["peak/l"]] = 0.0
    meters[DECK_METER["pid"]] = os.getpid()
    renderer.run()


def main() -> None:
    """[main] Be warm, then be a deck's host."""
    line = Lifeline()
    order = line.next()
    if order is None:
        return

    go = threading.Event()

    def listen() -> None:
        while line.next() is not None:  # the only order that may follow is `go`
            go.set()
        os._exit(0)

    threading.Thread(target=listen, name="orders", daemon=True).start()
    start(line, order, go)


if __name__ == "__main__":
    main()
