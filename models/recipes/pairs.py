"""Print the tables of docs/transfer.md: timbre transfer with the bundled models.

    python models/recipes/pairs.py

The input is twenty seconds of each kind of sound that no model was trained on (seed 1000), transferred as
with `perform transfer`. Each matrix is learnt from a minute of sound (seed 1001).
"""

from __future__ import annotations

import itertools

import numpy as np
from cards import MODELS, centroid, envelope
from corpora import recorded
from tuning import RATE, Samples

from perform.engine.compiled_model import CompiledEncoder, CompiledModel
from perform.offline.transfer import Transfer, learn_matrix

SECONDS = 20.0
NAMES = ("bells", "choir", "strike", "kit")


def transferred(transfer: Transfer, x: Samples) -> Samples:
    """Transfer a sound, (n,) to (n,)."""
    parts = [transfer.feed(x.astype(np.float32)[:, None]), transfer.finish()]
    return np.concatenate(parts)[:, 0].astype(np.float64)


def row(*cells: object) -> None:
    """Print a line of a table."""
    print("|", " | ".join(map(str, cells)), "|")


def main() -> None:
    """Print both tables."""
    files = {name: MODELS / f"{name}.safetensors" for name in NAMES}
    encoders = {name: CompiledEncoder(path) for name, path in files.items()}
    decoders = {name: CompiledModel(path) for name, path in files.items()}
    given = {name: recorded(name, SECONDS, np.random.default_rng([1000, 0])) for name in NAMES}
    more = {name: recorded(name, 60.0, np.random.default_rng([1001, 0])) for name in NAMES}

    def follows(x: Samples, y: Samples) -> str:
        return f"{np.corrcoef(envelope(x), envelope(y))[0, 1]:.2f}"

    row("input", *(name.capitalize() for name in NAMES))
    row(*["---"] * (len(NAMES) + 1))
    for kind, x in given.items():
        made = [transferred(Transfer(encoders[name], decoders[name], RATE, RATE), x) for name in NAMES]
        cells = [f"{follows(x, y)}, {centroid(y):.0f} Hz" for y in made]
        row(f"{kind}, {centroid(x):.0f} Hz", *cells)
    print()
    row("encoder", "decoder", "by variance", "learnt", "explains")
    row(*["---"] * 5)
    for source, target in itertools.permutations(NAMES, 2):
        x = given[source]
        blocks = more[source].astype(np.float32)[:, None]
        matrix = learn_matrix([([blocks], RATE)], encoders[source], encoders[target])
        made = [
            transferred(Transfer(encoders[source], decoders[target], RATE, RATE, matrix=by), x)
            for by in (None, matrix)
        ]
        row(source, target.capitalize(), *(follows(x, y) for y in made), f"{100 * matrix.fit:.0f} %")


if __name__ == "__main__":
    main()
