"""Faults of all kinds at random moments of a set on JACK, with a knob that turns and a take that runs.

    python -m tests.campaign --seed 7 --faults 100      the same seed: the same faults in the same order
    python -m tests.campaign --kind "host: killed"      one kind alone

After each fault: every deck plays, the knob moves its parameter, the take grows, set and mapping are the
same, and no process is left behind. At the end: the take holds every frame that was mixed, no sample is
above the ceiling or not finite, the decks that no fault was aimed at were late no oftener than the machine
itself was away, and the stage has neither grown nor kept files open.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from rig import Machine

from campaign.faults import DEVICE_FAULTS, FAULTS, LONG
from campaign.lateness import Lateness, Span
from campaign.night import CEILING, RATE, STAGE_GROWTH_MB, WITNESSES, Night, Outcome, Reference

ROUND = 20  #: faults that one pair of watchers sees: they remember every millisecond
PATIENCE = 5.0  #: of a run of more than MANY faults, see `Night`; its table shows how long each one took
MANY = 50
ROOM = 3 << 30  #: bytes: a run ends early where less is free. It writes 1 MB a second


def order(seed: int, count: int, *, long: bool, kinds: list[str]) -> list[str]:
    """The faults of a seed: every kind once, in a random order, then again in another one."""
    import random

    dice, names = random.Random(seed), kinds or [name for name in FAULTS if long or name not in LONG]
    chosen: list[str] = []
    while len(chosen) < count:
        chosen += dice.sample(names, len(names))
    return chosen[:count]


def run(folder: Path, seed: int, faults: list[str], *, long: bool) -> list[Outcome]:
    """Play a night with these faults; AssertionError: something did not survive."""
    os.environ |= {f"PERFORM_{name}": str(folder / name.lower()) for name in ("HOME", "RUNTIME", "TAKES")}
    night = Night(folder, seed, long=long, patience=PATIENCE if len(faults) > MANY else 1.0)
    os.environ |= {"JACK_DEFAULT_SERVER": night.jack.name, "JACK_NO_START_SERVER": "1"}
    os.environ |= {"PERFORM_MIDI": "jack", "HOME": str(folder / "player")}  # the last folder for takes
    if set(faults) & LONG:
        night.modules = _modules(folder)
    outcomes: list[Outcome] = []
    with night.playing():
        reference = Reference(night.instrument, folder)
        night.check()
        before, blocks, lateness = night.size(), night.meter("frames"), Lateness(len(WITNESSES))
        for first in range(0, len(faults), ROUND):
            with Machine(folder, server=False) as machine:
                for number, name in enumerate(faults[first : first + ROUND], first + 1):
                    if shutil.disk_usage(folder).free < ROOM:
                        print(f"{folder}: the disk is full, so the run ends early", flush=True)
                        break
                    outcome, span = _break(night, number, name)
                    outcomes.append(outcome)
                    if name not in DEVICE_FAULTS:
                        lateness.spans.append(span)
            lateness.add(machine)
        after, played = night.size(), night.meter("frames") - blocks
        missed = night.meter("take/missed")
        night.instrument.end()
        mixed = reference.end()
    parts = night.check_take(mixed, reference.begin)
    peak = reference.peak
    print(f"{len(outcomes)} faults in {played / RATE:.0f} s; {parts} parts of the take, {missed:g} missed;")
    print(f"{lateness}; peak {20 * np.log10(peak):.2f} dBFS;")
    print(f"stage {before[0]:.0f} to {after[0]:.0f} MB, {before[1]} to {after[1]} open files")
    assert reference.is_finite
    assert peak <= CEILING + 1e-6
    assert missed == 0
    assert lateness.late <= lateness.allowed, str(lateness)
    assert after[0] - before[0] < STAGE_GROWTH_MB
    assert after[1] <= before[1] + 12  # two for each host that nobody plays now
    assert not list((folder / "runtime").glob("*.arena")), "the shared memory is left behind"
    return outcomes


def _break(night: Night, number: int, name: str) -> tuple[Outcome, Span]:
    """Wait, break one thing, and check everything."""
    paused, late = time.monotonic(), night.late()
    time.sleep(night.dice.uniform(0.1, 1.5))
    began = time.monotonic()
    try:
        FAULTS[name](night)
        night.check()
    except AssertionError as error:
        raise AssertionError(f"seed {night.seed}, fault {number}, {name}: {error}") from error
    span = Span(paused, time.monotonic(), night.late() - late)
    print(f"{number:4} {name}: {span.ended - began:.1f} s, {span.late:g} blocks late", flush=True)
    return Outcome(name, span.ended - began), span


def _modules(folder: Path) -> dict[str, Path]:
    from modules import Bare, export

    from perform.foreign import consent
    from perform.foreign.scan.archive_scan import repack
    from perform.rave.archive import read

    made = {}
    for body in ("late", "hang"):
        made[body] = export(Bare(body), folder / f"{body}.ts")
        consent.give(repack(read(made[body])), body)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=int(time.time()) % 10_000)
    parser.add_argument("--faults", type=int, default=len(FAULTS))
    parser.add_argument("--short", action="store_true", help="leave out the kinds that take long")
    parser.add_argument("--kind", action="append", default=[], choices=list(FAULTS), metavar="KIND")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    faults = order(options.seed, options.faults, long=not options.short, kinds=options.kind)
    with tempfile.TemporaryDirectory(prefix="perform-campaign-") as folder:
        outcomes = run(Path(folder), options.seed, faults, long=not options.short)
    seconds = defaultdict(list)
    for outcome in outcomes:
        seconds[outcome.name].append(outcome.seconds)
    for name, times in sorted(seconds.items()):
        print(f"{name:40} {len(times):4} times, {np.median(times):5.1f} s, {max(times):5.1f} s at most")


if __name__ == "__main__":
    main()
