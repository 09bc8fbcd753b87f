"""One model measured: what each method costs a call, and what several decks of it cost."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
import numpy as np

from perform.bench import machine
from perform.bench.peer import PeerExport, traced
from perform.bench.subjects import BenchSubject
from perform.bench.timing import Timed, interleave, timed
from perform.core import params
from perform.engine.compiled_model import CompiledModel
from perform.engine.graph_sessions import CompiledGraph
from perform.library.cards import read_card
from perform.rave.graph import METHODS
from perform.rave.model import RAVE
from perform.rave.model_files import load

BUSY = 0.8  #: share of the time that may be taken: above it the stage warns
DEVICE_MS = 256 / 48  #: the device's block that the latency is reckoned for


class CrowdCost(msgspec.Struct, frozen=True):
    """What 1, 2 ... 8 decks cost together, ms a frame of each, on one core."""

    own_ms: list[float]  #: models of their own
    shared_ms: list[float]  #: one model, its decks as one batch
    slope_error: float  #: by how much steeper `own_ms` climbs from 5 to 8 decks than from 2 to 5, a share
    mb_per_deck: float  #: memory of one more deck of a loaded model; 0 where that is not known
    first_sound_ms: float  #: from a file whose graph is cached to the first frame


class CostRow(msgspec.Struct, frozen=True):
    """One method at one block: a stream's, on one core."""

    model: str
    method: str
    block: int  #: samples a call, at the model's rate
    period_ms: float  #: how long they sound
    ms_median: float
    ms_p95: float
    ms_p999: float
    ratio_torchscript: float  #: how many times cheaper than plain TorchScript, medians
    ratio_roofline: float  #: how many times the least that this machine can do, medians
    decks: int  #: with models of their own, at 80 % of all cores
    delay_ms: float  #: the model's own, from input to output
    latency_ms: float | None  #: from a control to the sound, on average, besides the delay
    crowd: CrowdCost | None = None  #: of decoding a frame


def rows(subject: BenchSubject, blocks: Sequence[int], calls: int) -> Iterator[CostRow]:
    """[main] Every method at every block, rounded up to whole frames; one frame if none are given."""
    card, model = read_card(subject.path), load(subject.path)
    for method in METHODS:
        for frames in dict.fromkeys(-(-block // card.ratio) for block in blocks or [card.ratio]):
            graph, block = METHODS[method](model, frames), frames * card.ratio
            ours, limits = timed(_call(CompiledGraph(graph), 1)), machine.Machine(machine.size(graph))
            with ExitStack() as stack:
                peer = _peer(subject, model, method, frames, stack)
                mine, theirs, *rest = interleave([ours, peer, *limits.things], calls)
            floor_ms = 1000 * limits.roof(rest).seconds(graph)
            period_ms = 1000 * block / card.sample_rate
            waiting_ms = period_ms / 2 + mine.p999 + 1000 * params.MARGINS["normal"] + DEVICE_MS
            yield CostRow(
                model=subject.name,
                method=method,
                block=block,
                period_ms=period_ms,
                ms_median=mine.median,
                ms_p95=mine.p95,
                ms_p999=mine.p999,
                ratio_torchscript=theirs.median / mine.median,
                ratio_roofline=mine.median / floor_ms,
                decks=_cores() * int(BUSY * period_ms / mine.p95),
                delay_ms=1000 * card.delay / card.sample_rate,
                latency_ms=None if method == "encode" else waiting_ms,
                crowd=_crowd(subject, graph, min(calls, 100)) if (method, frames) == ("decode", 1) else None,
            )


def _crowd(subject: BenchSubject, graph: bytes, calls: int) -> CrowdCost:
    """Up to eight decks of one model."""
    everyone = range(1, params.DECKS + 1)
    sessions = [CompiledGraph(graph) for _ in everyone]
    single = [_call(session, 1) for session in sessions]
    before = _memory_mb()
    together = [timed(_call(sessions[0], decks)) for decks in everyone]
    for run in together:
        run(2)
    mb_per_deck = (_memory_mb() - before) / sum(everyone)
    apart = [timed(_each(single[:decks])) for decks in everyone]
    medians = [times.median for times in interleave([*apart, *together], calls, rest=1)]
    own_ms, shared_ms = medians[: len(apart)], medians[len(apart) :]
    half = len(own_ms) // 2
    first, second = (np.polyfit(range(half), own_ms[start : start + half], 1)[0] for start in (1, half))
    return CrowdCost(
        own_ms=own_ms,
        shared_ms=shared_ms,
        slope_error=float(second / first - 1),
        mb_per_deck=mb_per_deck,
        first_sound_ms=_first_sound_ms(subject),
    )


def _peer(subject: BenchSubject, model: RAVE, method: str, frames: int, stack: ExitStack) -> Timed:
    """The same method in TorchScript: the export itself, or else our own model's modules."""
    if subject.export:
        return stack.enter_context(closing(PeerExport(subject.export, method, frames * model.ratio)))
    return traced(model, method, frames)


def _call(compiled: CompiledGraph, decks: int) -> Callable[[], object]:
    """A call for so many streams, each of which goes on from the call before."""
    streams, random = [compiled.stream() for _ in range(decks)], np.random.default_rng(0)
    inputs = {
        name: 0.3 * random.standard_normal((decks, *shape)).astype(np.float32)
        for name, shape in compiled.shapes.items()
        if name in ("x", "z", "noise")
    }
    return lambda: compiled.run(streams, **inputs)


def _each(calls: Sequence[Callable[[], object]]) -> Callable[[], object]:
    """All of them, one after another."""

    def run() -> None:
        for call in calls:
            call()

    return run


def _first_sound_ms(subject: BenchSubject) -> float:
    """From a file to its first frame, the graph being cached."""
    CompiledModel(subject.path)
    began = time.perf_counter()
    host = CompiledModel(subject.path)
    host.render(
        [host.stream()], *(np.zeros((1, size), np.float32) for size in (host.card.latents, host.noise))
    )
    return 1000 * (time.perf_counter() - began)


def _memory_mb() -> float:
    """The memory this process has; 0 where that is not known."""
    if sys.platform != "linux":
        return 0.0
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
