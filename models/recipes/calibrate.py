"""Write the calibration of bundled models beside them: python models/recipes/calibrate.py [NAME...].

All of them then play equally loud on a deck with `deck/N/calibrated` on, as it is on each new deck. Songs of
earlier versions have it off: there a model keeps the trim that it had before (`trim_earlier`).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import msgspec

from perform.core.files import write_atomically
from perform.library import card_changes
from perform.library.card_changes import CardChanges
from perform.library.cards import read_card, trim_db
from perform.offline.calibration import calibrate

MODELS = Path(__file__).parents[1]
WRITTEN = ("loudness_lufs", "latent_words", "measured_with")
"""What is taken from the calibration. The ranges, home and effects are those of `perform models measure`."""


def measure(path: Path) -> tuple[CardChanges, float]:
    """Calibrate a copy of a model; return what changes on its card, and its trim without that, dB. [slow]"""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        shutil.copy(path, copy)
        trim = trim_db(read_card(copy))
        if calibrate(copy) is None:
            raise SystemExit(f"{path.stem} is silent")
        return msgspec.json.decode(card_changes.changes_path(copy).read_bytes(), type=CardChanges), trim


def write(path: Path) -> None:
    """Measure a model and write the file beside it."""
    file, (found, trim) = path.with_suffix(card_changes.OLDER), measure(path)
    kept = msgspec.json.decode(file.read_bytes(), type=CardChanges) if file.exists() else found
    if kept.card != found.card:  # another model had this name
        kept = found
    earlier = trim if kept.trim_earlier is None else kept.trim_earlier
    fields = {name: getattr(found, name) for name in WRITTEN} | {"trim_earlier": earlier}
    changes = msgspec.structs.replace(kept, **fields)
    write_atomically(file, msgspec.json.format(msgspec.json.encode(changes), indent=2) + b"\n")
    print(f"{path.stem}: {found.loudness_lufs} LUFS; its trim in earlier songs: {earlier:+.2f} dB")
    for latent, word in enumerate(found.latent_words):
        print(f"  z{latent}: {word or 'no clear word'}")
    if found.warm_up:
        print(f"  its first {found.warm_up} frames chirp")


def main() -> None:
    """Calibrate the named models, or all."""
    for name in sys.argv[1:] or sorted(path.stem for path in MODELS.glob("*.safetensors")):
        write(MODELS / f"{name}.safetensors")


if __name__ == "__main__":
    main()
