"""From a knob to the sound: a MIDI message on a JACK port, and the first frame that is another for it.

PERFORM_TRIALS=200 PERFORM_LATENCY=v2,live PERFORM_MARGIN=tight python -m pytest -s tests/live/test_latency.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rig import LIVE_FOLDER, OUTPUTS, Instrument, Jack, playing, until

from perform.bench.subjects import subject
from perform.engine.compiled_model import CompiledModel
from perform.library.cards import read_card
from perform.rave.config import PRESETS

TRIALS = int(os.environ.get("PERFORM_TRIALS", "12"))
MODELS = os.environ.get("PERFORM_LATENCY", "live").split(",")
MARGIN = os.environ.get("PERFORM_MARGIN", "normal")
SETTLED = 60  #: frames of a model after which it repeats itself
BLOCK = 256


@pytest.mark.alone
@pytest.mark.parametrize(
    ("name", "jack"), [(name, PRESETS[name].sample_rate) for name in MODELS], indirect=["jack"]
)
def test_a_knob_is_heard_as_soon_as_is_shown(jack: Jack, runtime: Path, tmp_path: Path, name: str) -> None:
    path = subject(name, tmp_path).path
    card = read_card(path)
    still, knob = tmp_path / "still.toml", tmp_path / "knob.toml"
    still.write_text(
        f'name = "still"\n[[songs]]\nname = "one"\ndecks.1 = {str(path)!r}\n'
        '[songs.values]\n"deck/1/source" = "hand"\n"deck/1/temperature" = 0.0\n'
    )
    knob.write_text(
        'name = "knob"\ntakeover = "jump"\n'
        '[[bind]]\ncontrol = "cc 21"\nto = "deck/1/z/0/bias"\nrange = [0.0, 3.0]\n'
    )
    options = ("--block", str(BLOCK), "--margin", MARGIN, "--mapping", str(knob))
    with playing(runtime, *options, set_name=str(still)) as instrument:
        instrument.wait_live(1)
        heard = turned(tmp_path, instrument, max(0.25, 20 * card.ratio / card.sample_rate))
        shown = instrument.meter("deck/1/latency")
        instrument.end()
    own = decoder_delay(path, 0.0, 3.0), decoder_delay(path, 3.0, 0.0)
    took = [first_change(heard["audio"], int(at), card.ratio) for at in heard["sent"]]
    frames = [heard - own[n % 2] for n, heard in enumerate(took) if heard is not None]
    known = np.array(frames) / card.sample_rate * 1000
    print(
        f"{name}, ratio {card.ratio}: {len(known)} of {TRIALS} trials, mean {known.mean():.1f} ms,", end=" "
    )
    print(f"p99 {np.percentile(known, 99):.1f}, {known.min():.1f} to {known.max():.1f};", end=" ")
    print(f"shown {1000 * shown:.1f}; besides the decoder's own {1000 * own[0] / card.sample_rate:.1f}")
    assert len(known) >= 0.9 * TRIALS
    assert known.mean() < 1000 * shown + 10


def turned(tmp_path: Path, instrument: Instrument, every: float) -> dict[str, np.ndarray]:
    """What a client heard that turned the knob, about each `every` seconds."""
    out = tmp_path / "turned.npz"
    command = [sys.executable, str(LIVE_FOLDER / "latency_client.py"), OUTPUTS[0], str(TRIALS), str(every)]
    client = subprocess.Popen([*command, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert client.stdout
    assert client.stdout.readline() == "ready\n"
    until(lambda: instrument.client.status().midi, 10, "the knob's port")
    client.communicate("go\n", timeout=60 + 2 * TRIALS * every)
    assert client.returncode == 0
    return dict(np.load(out))


def decoder_delay(path: Path, before: float, after: float) -> int:
    """Frames from the beginning of a model's frame to the first change by its first latent."""
    host = CompiledModel(path)
    stream, z = host.stream(), np.zeros((1, host.card.latents), np.float32)
    z[0, 0] = before
    noise = np.zeros((1, host.noise), np.float32)
    sound = [host.render([stream], z, noise)[0, 0] for _ in range(SETTLED)]
    z[0, 0] = after
    sound += [host.render([stream], z, noise)[0, 0] for _ in range(SETTLED)]
    found = first_change(np.concatenate(sound), SETTLED * host.card.ratio, host.card.ratio)
    assert found is not None
    return found


def first_change(audio: np.ndarray, at: int, ratio: int) -> int | None:
    """Frames from `at` to the first one that no longer repeats the frame of the model before it.

    With latents and noise that stand still a decoder repeats itself, frame by frame. A hundredth of the
    largest change counts; None where the sound had not settled, or where the message changed nothing.
    """
    before = audio[at - 4 * ratio : at]
    rest = np.abs(before[ratio:] - before[:-ratio]).max()
    after = audio[at : at + 20_000]
    moved = np.abs(after - audio[at - ratio : at - ratio + len(after)])
    if moved.max() < 1000 * rest:
        return None
    return int(np.argmax(moved > moved.max() / 100))
