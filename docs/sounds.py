"""Makes docs/sounds/NAME.ogg: each bundled voice plays its loop for ten seconds. `python docs/sounds.py`"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[1]
SECONDS, FADE_S = 10, 0.5
WAIT_S, HEARD = 2, 0.02  # the sample begins with sound, at most so much later in the loop
SET = """
name = "sample"

[[songs]]
name = "sample"
[songs.decks]
1 = "{name}"
[songs.values]
"deck/1/source" = "loop"
"""


def make(name: str, folder: Path) -> None:
    """Render the voice and write its sample, in mono."""
    played, rendered = folder / "sample.toml", folder / f"{name}.wav"
    played.write_text(SET.format(name=name))
    command = [sys.executable, "-m", "perform", "render", str(played), "-o", str(rendered)]
    subprocess.run([*command, "--seconds", str(SECONDS + WAIT_S)], check=True)
    sound, rate = soundfile.read(rendered)
    mono = sound.mean(axis=1)
    start = min(int(np.argmax(np.abs(mono) > HEARD)), WAIT_S * rate)
    mono = mono[start : start + SECONDS * rate]
    fade = int(FADE_S * rate)
    mono[-fade:] *= np.linspace(1, 0, fade)
    soundfile.write(ROOT / "docs" / "sounds" / f"{name}.ogg", mono, rate, format="OGG", subtype="VORBIS")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        for model in sorted(ROOT.glob("models/*.safetensors")):
            make(model.stem, Path(scratch))
