"""Synthesise the corpora of the bundled models: python models/recipes/corpora.py bells OUT_DIR."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from bells import bells
from choir import choir
from kit import kit
from melodic import cello, flutes, reeds, singers, strike
from tabla import tabla
from tuning import RATE, Rng, Samples
from weather import weather

CORPORA: dict[str, Callable[[float, Rng], Samples]] = {
    make.__name__: make for make in (bells, choir, weather, cello, reeds, flutes, kit, tabla, singers, strike)
}
CORPORA["storm"] = weather
"""Each function synthesises a number of seconds of mono sound at RATE."""


def recorded(name: str, seconds: float, rng: Rng) -> Samples:
    """Synthesise sound like a recording: soft-clipped below full scale, with a noise floor of -90 dBFS."""
    samples = CORPORA[name](seconds, rng)
    samples = 0.8 * np.tanh(samples / 0.8)  # soft clipping, where many strokes overlap
    return samples + 10 ** (-90 / 20) * rng.standard_normal(len(samples))


def main() -> None:
    """Write the corpus as one-minute FLAC files, or as a prepared corpus."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("corpus", choices=sorted(CORPORA))
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--prepared",
        action="store_true",
        help="write a prepared corpus for `perform train`; needs only numpy",
    )
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    def minutes() -> Iterator[tuple[str, Samples]]:
        for minute in range(options.minutes):
            rng = np.random.default_rng([options.seed, minute])
            samples = recorded(options.corpus, 60.0, rng)
            print(f"{options.corpus} {minute + 1}/{options.minutes} min", flush=True)
            yield f"{options.corpus}_{minute:02}", samples

    if options.prepared:
        from perform.train.corpus import quantise, write

        key = f"seed {options.seed}"
        sounds = ((name, key, quantise(samples[None]), {}) for name, samples in minutes())
        write(options.out, options.corpus, RATE, 1, sounds)
        return
    import soundfile

    for name, samples in minutes():
        soundfile.write(options.out / f"{name}.flac", samples, RATE, "PCM_24")


if __name__ == "__main__":
    main()
