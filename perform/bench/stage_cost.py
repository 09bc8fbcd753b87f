"""Measures the CPU time of each process of a stage while a set plays, and of the decoder alone."""

from __future__ import annotations

import os
import shutil
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from perform.bench.process_times import ProcessTimes, process_tree
from perform.core.arena_layout import FAILED, LIVE
from perform.core.errors import PerformError
from perform.core.paths import to_text
from perform.engine.compiled_model import CompiledModel
from perform.library.sets import Set, save_set
from perform.library.song import ModelName, Song
from perform.stage.client import Client
from perform.stage.options import StageOptions
from perform.stage.start import end, start

LOADED_S = 120.0  #: the decks play after this time at the latest
SETTLE_S = 2.0  #: after the decks have loaded
GRAPH_CALLS, PACED_CALLS = 300, 100

#: room of a process's module -> what the table calls it
_PARTS = {"voice": "hosts", "audio": "mixers", "stage": "stage", "control": "control", "recorder": "recorder"}


class StageRow(msgspec.Struct, frozen=True):
    """One stage. Shares are CPU seconds per second of sound; 1 is a whole core."""

    model: str
    decks: int  #: each plays a separate copy of the model
    block: int  #: frames, of the mixer
    graph: float  #: share of the bare decoder, called in a loop, for one deck
    paced: float  #: the same, called once per frame, as a deck calls it
    deck: float  #: share of a deck's host process
    ratio: float  #: `deck` / `graph`
    paced_ratio: float  #: `deck` / `paced`
    parts: dict[str, float]  #: share of the hosts, the mixers, the stage, the control process, the recorder
    total: float
    switches: float  #: context switches per second of all processes
    late: int  #: blocks that a deck could not fill in time


def rows(
    path: Path, decks: Sequence[int], blocks: Sequence[int], seconds: float, device: str, folder: Path
) -> Iterator[StageRow]:
    """[main] Start a stage for each number of decks and each block, and measure it for some seconds.

    path   : of the model
    decks  : numbers of decks; 0 measures an idle stage
    device : audio device; "null": none, the mixer follows the clock
    folder : for the stage's files. It becomes PERFORM_HOME, so that the stage changes nothing of the player's
    """
    os.environ["PERFORM_HOME"] = os.environ["PERFORM_TAKES"] = str(folder)
    model = CompiledModel(path)
    for block in blocks:
        for count in decks:
            set_path = _write_set(path, count, folder)
            options = StageOptions(set=str(set_path), device=device, block=block, fresh=True)
            frame_s = model.card.ratio / model.card.sample_rate
            graph = _decoder_s(model, GRAPH_CALLS, 0.0) / frame_s
            paced = _decoder_s(model, PACED_CALLS, frame_s) / frame_s
            client = start(options, folder / "run", lambda line: None)
            try:
                yield _measure(client, path, count, block, (graph, paced), seconds)
            finally:
                end(client)


def _write_set(path: Path, decks: int, folder: Path) -> Path:
    """Write a set whose decks have a file each, so that each has a host process."""
    models: dict[str, str | ModelName] = {}
    for deck in range(1, decks + 1):
        copy = folder / f"{deck}.safetensors"
        shutil.copy(path, copy)
        models[str(deck)] = to_text(copy)
    values: dict[str, float | str] = {f"deck/{deck}/source": "walk" for deck in range(1, decks + 1)}
    out = folder / "bench.toml"
    save_set(Set(name="bench", songs=[Song(name="bench", decks=models, values=values)]), out)
    return out


def _decoder_s(model: CompiledModel, calls: int, pause_s: float) -> float:
    """Median CPU time of one decoded frame, in seconds. During a pause, weights may leave the caches."""
    z, noise = (np.zeros((1, size), np.float32) for size in (model.card.latents, model.noise))
    stream, times = model.stream(), []
    for _ in range(calls):
        if pause_s:
            time.sleep(pause_s)
        began = time.thread_time()
        model.render([stream], z, noise)
        times.append(time.thread_time() - began)
    return float(np.median(times))


def _measure(
    client: Client, path: Path, decks: int, block: int, decoder: tuple[float, float], seconds: float
) -> StageRow:
    """decoder: its share of a core when called in a loop, and when called once per frame."""
    graph, paced = decoder
    _wait_for_decks(client, decks)
    before, late, began = process_tree(client.pid), _late(client, decks), time.monotonic()
    time.sleep(seconds)
    after, late, passed = process_tree(client.pid), _late(client, decks) - late, time.monotonic() - began
    parts: defaultdict[str, float] = defaultdict(float)
    switches = 0
    for pid, now in after.items():
        then = before.get(pid, ProcessTimes(now.module, 0.0, 0))
        room = now.module.split(".")[1] if now.module.startswith("perform.") else ""
        parts[_PARTS.get(room, "others")] += (now.cpu_s - then.cpu_s) / passed
        switches += now.switches - then.switches
    deck = parts["hosts"] / decks if decks else 0.0
    return StageRow(
        model=to_text(path.stem),
        decks=decks,
        block=block,
        graph=graph,
        paced=paced,
        deck=deck,
        ratio=deck / graph,
        paced_ratio=deck / paced,
        parts=dict(parts),
        total=sum(parts.values()),
        switches=switches / passed,
        late=late,
    )


def _wait_for_decks(client: Client, decks: int) -> None:
    deadline = time.monotonic() + LOADED_S
    while any(client.arena.meter(f"deck/{deck}/state") != LIVE for deck in range(1, decks + 1)):
        failed = [deck for deck in range(1, decks + 1) if client.arena.meter(f"deck/{deck}/state") == FAILED]
        if failed or time.monotonic() > deadline:
            errors = [client.status().decks[deck - 1].error for deck in failed]
            raise PerformError(f"the decks do not play {' '.join(errors)}".strip())
        time.sleep(0.1)
    time.sleep(SETTLE_S)


def _late(client: Client, decks: int) -> int:
    return round(sum(client.arena.meter(f"deck/{deck}/late") for deck in range(1, decks + 1)))


def table(rows: Sequence[StageRow]) -> str:
    """Return a table with a line for each stage; shares in % of one core."""
    parts = ("mixers", "stage", "control", "recorder")
    head = (
        f"{'% of a core':<16} {'decks':>5} {'block':>6} {'graph':>6} {'paced':>6} {'deck':>6} {'/graph':>7}"
        f" {'/paced':>7}"
    )
    lines = [f"{head}{''.join(f' {part:>8}' for part in parts)} {'total':>6} {'switches/s':>10} {'late':>5}"]
    for row in rows:
        shares = "".join(f" {100 * row.parts.get(part, 0.0):>8.2f}" for part in parts)
        costs = "".join(f" {100 * share:>6.2f}" for share in (row.graph, row.paced, row.deck))
        ratios = f" {f'{row.ratio:.1f} x':>7} {f'{row.paced_ratio:.1f} x':>7}"
        lines.append(
            f"{row.model:<16.16} {row.decks:>5} {row.block:>6}{costs}{ratios}{shares} {100 * row.total:>6.1f}"
            f" {row.switches:>10.0f} {row.late:>5}"
        )
    return "\n".join(lines)
