"""Measure one model: the time of each method per call, and of several decks per frame."""

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
from perform.core.processor_cores import available_cores
from perform.engine.compiled_model import CompiledModel
from perform.engine.graph_sessions import CompiledGraph
from perform.library.cards import read_card
from perform.rave.graph import METHODS
from perform.rave.model import RAVE
from perform.rave.model_files import load, stored

BUSY = 0.8  #: share of the time that decks may take; the stage warns above it
DEVICE_MS = 256 / 48  #: length of the device's block for which the latency is calculated


class DecksCost(msgspec.Struct, frozen=True):
    """Time of 1, 2 ... 8 decks, in ms for a frame of each, on one core."""

    separate_ms: list[float] = msgspec.field(name="own_ms")  #: each deck has another model
    shared_ms: list[float]  #: all decks have the same model and are computed as one batch
    slope_error: float  #: how much steeper `separate_ms` is from 5 to 8 decks than from 2 to 5, a share
    mb_per_deck: float  #: memory of one more deck of a loaded model; 0 if unknown
    first_sound_ms: float  #: from opening a file whose graph is cached to the first frame


class CostRow(msgspec.Struct, frozen=True):
    """The time of one method and one block length, for one stream on one core."""

    model: str
    method: str
    block: int  #: samples per call, at the model's rate
    period_ms: float  #: duration of a block
    ms_median: float
    ms_p95: float
    ms_p999: float
    ratio_torchscript: float  #: how many times faster than plain TorchScript, medians
    ratio_roofline: float  #: how many times slower than the roofline, medians
    decks: int  #: decks with separate models that take 80 % of all cores
    delay_ms: float  #: the model's delay from input to output
    latency_ms: float | None  #: mean latency from a control to the sound, without the delay
    decks_cost: DecksCost | None = msgspec.field(name="crowd", default=None)  #: for decoding one frame


def rows(subject: BenchSubject, blocks: Sequence[int], calls: int) -> Iterator[CostRow]:
    """[main] Measure every method at every block, rounded up to whole frames; by default at one frame."""
    card, model = read_card(subject.path), load(subject.path)
    for method in METHODS:
        for frames in dict.fromkeys(-(-block // card.ratio) for block in blocks or [card.ratio]):
            graph, block = METHODS[method](stored(model), frames), frames * card.ratio
            compiled, limits = timed(_call(CompiledGraph(graph), 1)), machine.Machine(machine.size(graph))
            with ExitStack() as stack:
                peer = _peer(subject, model, method, frames, stack)
                cost, peer_cost, *rest = interleave([compiled, peer, *limits.timed_calls], calls)
            floor_ms = 1000 * limits.roofline(rest).seconds(graph)
            period_ms = 1000 * block / card.sample_rate
            waiting_ms = period_ms / 2 + cost.p999 + 1000 * params.MARGINS["normal"] + DEVICE_MS
            yield CostRow(
                model=subject.name,
                method=method,
                block=block,
                period_ms=period_ms,
                ms_median=cost.median,
                ms_p95=cost.p95,
                ms_p999=cost.p999,
                ratio_torchscript=peer_cost.median / cost.median,
                ratio_roofline=cost.median / floor_ms,
                decks=available_cores() * int(BUSY * period_ms / cost.p95),
                delay_ms=1000 * card.delay / card.sample_rate,
                latency_ms=None if method == "encode" else waiting_ms,
                decks_cost=_decks_cost(subject, graph, min(calls, 100))
                if (method, frames) == ("decode", 1)
                else None,
            )


def _decks_cost(subject: BenchSubject, graph: bytes, calls: int) -> DecksCost:
    """Measure one to eight decks, with separate models and with one model."""
    counts = range(1, params.DECKS + 1)
    sessions = [CompiledGraph(graph) for _ in counts]
    single = [_call(session, 1) for session in sessions]
    before = _memory_mb()
    shared = [timed(_call(sessions[0], decks)) for decks in counts]
    for run in shared:
        run(2)
    mb_per_deck = (_memory_mb() - before) / sum(counts)
    separate = [timed(_call_each(single[:decks])) for decks in counts]
    medians = [times.median for times in interleave([*separate, *shared], calls, rest=1)]
    separate_ms, shared_ms = medians[: len(separate)], medians[len(separate) :]
    half = len(separate_ms) // 2
    first, second = (np.polyfit(range(half), separate_ms[start : start + half], 1)[0] for start in (1, half))
    return DecksCost(
        separate_ms=separate_ms,
        shared_ms=shared_ms,
        slope_error=float(second / first - 1),
        mb_per_deck=mb_per_deck,
        first_sound_ms=_first_sound_ms(subject),
    )


def _peer(subject: BenchSubject, model: RAVE, method: str, frames: int, stack: ExitStack) -> Timed:
    """Return the same method in TorchScript: the export if there is one, or else the traced model."""
    if subject.export:
        return stack.enter_context(closing(PeerExport(subject.export, method, frames * model.ratio)))
    return traced(model, method, frames)


def _call(compiled: CompiledGraph, decks: int) -> Callable[[], object]:
    """Return a call that computes the next block of this many streams."""
    streams, random = [compiled.stream() for _ in range(decks)], np.random.default_rng(0)
    inputs = {
        name: 0.3 * random.standard_normal((decks, *shape)).astype(np.float32)
        for name, shape in compiled.shapes.items()
        if name in ("x", "z", "noise")
    }
    return lambda: compiled.run(streams, **inputs)


def _call_each(calls: Sequence[Callable[[], object]]) -> Callable[[], object]:
    """Return a call that makes all these calls, one after another."""

    def run() -> None:
        for call in calls:
            call()

    return run


def _first_sound_ms(subject: BenchSubject) -> float:
    """Measure the time from opening a file to its first frame; the graph is cached."""
    CompiledModel(subject.path)
    began = time.perf_counter()
    model = CompiledModel(subject.path)
    model.render(
        [model.stream()], *(np.zeros((1, size), np.float32) for size in (model.card.latents, model.noise))
    )
    return 1000 * (time.perf_counter() - began)


def _memory_mb() -> float:
    """Return the resident memory of this process; 0 if unknown."""
    if sys.platform != "linux":
        return 0.0
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2
