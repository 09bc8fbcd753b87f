"""Print the tables of docs/transfer.md: what the bundled models do with their own kind of sound and others.

    python models/recipes/pairs.py

Twenty seconds of each kind that no model was trained on (seed 1000), offline, as `perform transfer` does it.
A matrix is learnt from a minute (seed 1001).
"""

from __future__ import annotations

import itertools

import numpy as np
from cards import ABOUT, MODELS, envelope, middle
from corpora import recorded
from tuning import RATE, Samples

from perform.engine.compiled_model import CompiledEncoder, CompiledModel
from perform.offline.transfer import Transfer, learn_matrix

SECONDS = 20.0


def through(transfer: Transfer, x: Samples) -> Samples:
    """What becomes of a sound, (n,) to (n,)."""
    parts = [transfer.feed(x.astype(np.float32)[:, None]), transfer.finish()]
    return np.concatenate(parts)[:, 0].astype(np.float64)


def row(*cells: object) -> None:
    """A line of a table."""
    print("|", " | ".join(map(str, cells)), "|")


def main() -> None:
    """Print them."""
    files = {name: MODELS / f"{name}.safetensors" for name in ABOUT}
    ears = {name: CompiledEncoder(path) for name, path in files.items()}
    mouths = {name: CompiledModel(path) for name, path in files.items()}
    given = {name: recorded(name, SECONDS, np.random.default_rng([1000, 0])) for name in ABOUT}
    more = {name: recorded(name, 60.0, np.random.default_rng([1001, 0])) for name in ABOUT}

    def follows(x: Samples, y: Samples) -> str:
        return f"{np.corrcoef(envelope(x), envelope(y))[0, 1]:.2f}"

    row("input", *(name.capitalize() for name in ABOUT))
    row(*["---"] * (len(ABOUT) + 1))
    for kind, x in given.items():
        made = [through(Transfer(ears[name], mouths[name], RATE, RATE), x) for name in ABOUT]
        cells = [f"{follows(x, y)}, {middle(y):.0f} Hz" for y in made]
        row(f"{kind}, {middle(x):.0f} Hz", *cells)
    print()
    row("encoder", "decoder", "by variance", "learnt", "explains")
    row(*["---"] * 5)
    for ear, mouth in itertools.permutations(ABOUT, 2):
        x = given[ear]
        blocks = more[ear].astype(np.float32)[:, None]
        matrix = learn_matrix([([blocks], RATE)], ears[ear], ears[mouth])
        made = [
            through(Transfer(ears[ear], mouths[mouth], RATE, RATE, matrix=by), x) for by in (None, matrix)
        ]
        row(ear, mouth.capitalize(), *(follows(x, y) for y in made), f"{100 * matrix.fit:.0f} %")


if __name__ == "__main__":
    main()
