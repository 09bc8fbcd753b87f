"""Fuzzes what perform reads. Each fault is kept as a file and can be replayed.

python -m tests.fuzz                              10^5 cases of every target
python -m tests.fuzz sets midi --cases 1000 --seed 7
python -m tests.fuzz sets --guided                guided by coverage, with atheris (`pip install atheris`)
python -m tests.fuzz sets --replay fault.bin
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.mutation import LONGEST, mutate

SLOW_S = 10.0  #: of processor time, for one case
GROWTH_MB = 500.0


def one(name: str, data: bytes, folder: Path, faults: Path) -> bool | None:
    """Try one case; None: a fault, which is kept in `faults`."""
    from fuzz.targets import TARGETS, try_one

    began = time.process_time()
    try:
        read = try_one(TARGETS[name], data, folder)
        assert time.process_time() - began < SLOW_S, f"{time.process_time() - began:.0f} s for one case"
        return read
    except Exception:
        faults.mkdir(parents=True, exist_ok=True)
        kept = faults / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
        kept.write_bytes(data)
        print(f"{name}: {traceback.format_exc(limit=-4)[-2000:]}kept as {kept}", flush=True)
        return None


def changed(name: str, data: bytes, dice: random.Random, others: list[bytes]) -> bytes:
    """Change one part of a file."""
    from fuzz.targets import TARGETS

    target = TARGETS[name]
    try:
        parts = target.split(data)
    except Exception:  # it is too damaged to have parts
        return mutate(dice, data, others)
    if dice.random() < 0.1:
        return mutate(dice, data, others)
    i = dice.randrange(len(parts))
    parts[i] = mutate(dice, parts[i], others)
    return target.join(parts)[:LONGEST]


def run(name: str, cases: int, seed: int, folder: Path, faults: Path) -> tuple[int, int]:
    """Try so many changed seeds: how many were read, how many were faults."""
    from fuzz.targets import TARGETS, seeds

    dice, corpus = random.Random(f"{seed} {name}"), seeds(name)
    read, wrong = 0, 0
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for data in corpus:
        TARGETS[name].read(data, folder)  # no seed is refused
    for _ in range(cases):
        data = changed(name, dice.choice(corpus), dice, corpus)
        done = one(name, data, folder, faults)
        read, wrong = read + bool(done), wrong + (done is None)
        if done and len(corpus) < 200 and dice.random() < 0.02:
            corpus.append(data)  # what is read after a change may be changed again
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < GROWTH_MB, f"{name}: {grown:.0f} MB more"
    return read, wrong


def guided(name: str, cases: int, seed: int, folder: Path, faults: Path) -> None:
    """Let atheris choose the changes that reach new code; ends the process."""
    import atheris

    with atheris.instrument_imports(include=["perform"]):
        from fuzz.targets import seeds

    corpus = folder / f"corpus {name}"
    corpus.mkdir()
    for number, data in enumerate(seeds(name)):
        (corpus / str(number)).write_bytes(data)
    others = seeds(name)

    def custom(data: bytes, size: int, number: int) -> bytes:
        dice = random.Random(number)
        made = changed(name, data, dice, others)
        return (made if dice.random() < 0.8 else atheris.Mutate(data, size))[:size]

    def test(data: bytes) -> None:
        one(name, data, folder, faults)

    options = [
        f"-runs={cases}",
        f"-seed={seed + 1}",
        f"-max_len={LONGEST}",
        "-rss_limit_mb=4096",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", str(corpus)], test, custom_mutator=custom)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--guided", action="store_true", help="by coverage, with atheris")
    parser.add_argument("--replay", type=Path, metavar="FILE")
    parser.add_argument("--faults", type=Path, default=Path("fuzz-faults"), metavar="FOLDER")
    options = parser.parse_args()
    logging.disable()  # as in the OSC process
    names = options.targets or sorted(path.name for path in (Path(__file__).parent / "seeds").iterdir())
    with tempfile.TemporaryDirectory(prefix="perform-fuzz-", dir=_memory()) as made:
        folder = Path(made)
        os.environ |= {f"PERFORM_{name}": str(folder / name.lower()) for name in ("HOME", "RUNTIME", "TAKES")}
        (folder / "home").mkdir()
        if options.replay:
            sys.exit(one(names[0], options.replay.read_bytes(), folder, options.faults) is None)
        faults = 0
        for name in names:
            began = time.monotonic()
            if options.guided:
                if not (child := os.fork()):  # atheris ends its process
                    guided(name, options.cases, options.seed, folder, options.faults)
                faults += os.waitpid(child, 0)[1] != 0
                continue
            read, wrong = run(name, options.cases, options.seed, folder, options.faults)
            faults += wrong
            took = time.monotonic() - began
            refused = options.cases - read - wrong
            print(f"{name:20} {read} read, {refused} refused, {wrong} faults, {took:.0f} s", flush=True)
    sys.exit(faults > 0)


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    main()
