"""The input as a source on a real JACK server: what a client plays in comes out as its model makes it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rig import Echo, Instrument, Jack, Machine, playing, until

from perform.core import params
from perform.engine.compiled_model import CompiledModel
from perform.library.cards import read_card, trim_db
from perform.library.model_library import find_model

RATE, BLOCK = 48000, 256
CLOSE_S = 0.005  #: a model's answer to an impulse has no edge
SECONDS = float(os.environ.get("PERFORM_INPUT_SECONDS", "4"))
IMPULSES_S = 5  #: two each second

SET = """
name = "ears"
[[songs]]
name = "one"
decks.1 = "choir"
[songs.values]
"deck/1/source" = "input"
"deck/1/temperature" = 0
"deck/1/calibrated" = "on"
"input/gate" = -90
"""


@pytest.fixture
def ears(tmp_path: Path) -> str:
    path = tmp_path / "ears.toml"
    path.write_text(SET)
    return str(path)


def sung(seconds: float) -> np.ndarray:
    """Something to hear: the bells' own gesture, mono at 48 kHz, as loud as a stage has it."""
    host = CompiledModel(find_model("bells"))
    stream, frames = host.stream(), round(seconds * RATE) // host.card.ratio
    z = host.gesture[np.arange(frames) % len(host.gesture)]
    noise = np.zeros((1, host.noise), np.float32)
    sound = np.concatenate([host.render([stream], row[None], noise)[0, 0] for row in z])
    return 0.1 * sound / np.sqrt((sound**2).mean())


def became(heard: np.ndarray, grids: np.ndarray) -> np.ndarray:
    """What the choir makes of a sound (frames,), encoded and decoded at once: (grids, frames).

    A row each for a sound that begins so many frames after one of the model's own. The last one is missing.
    """
    host = CompiledModel(find_model("choir"))
    ratio, encoder = host.card.ratio, host.encoder
    frames = len(heard) // ratio * ratio
    x = np.stack([np.concatenate([np.zeros(k), heard])[:frames] for k in grids]).astype(np.float32)
    listening, speaking = [encoder.stream() for _ in grids], [host.stream() for _ in grids]
    noise = np.zeros((len(grids), host.noise), np.float32)
    parts = []
    for at in range(0, frames, ratio):
        z = encoder.encode(listening, x[:, None, at : at + ratio])
        parts.append(host.render(speaking, z, noise)[:, 0])
    y = np.concatenate(parts, axis=1) * 10 ** (trim_db(host.card) / 20)
    return np.stack([row[k : k + frames - ratio] for row, k in zip(y, grids, strict=True)])


def settled(instrument: Instrument) -> None:
    """The input is open, and the first sound has risen."""
    instrument.wait_live(1)
    params.set_value(instrument.arena.table, "input/open", 1)
    until(lambda: instrument.meter("lane/0/behind"), 10, "the deck hears")
    frames = instrument.meter("frames")
    until(lambda: instrument.meter("frames") > frames + RATE, 10, "a second")


def behind(instrument: Instrument) -> int:
    """Frames from the input to the output, as the instrument shows it."""
    return round(instrument.meter("lane/0/behind") + instrument.meter("delay"))


def transferred(sound: np.ndarray, grid: int, folder: Path) -> np.ndarray:
    """What `perform transfer` makes of a sound (frames,) that begins so many after one of the model's own."""
    given, made = folder / "given.wav", folder / "made.wav"
    soundfile.write(given, np.concatenate([np.zeros(grid), sound]), RATE, "FLOAT")
    made.unlink(missing_ok=True)
    command = ["transfer", given, "-o", made, "--model", "choir", "--temperature", "0"]
    subprocess.run([sys.executable, "-m", "perform", *map(str, command)], check=True, capture_output=True)
    return soundfile.read(made)[0][grid:, 0]


def error_of(heard: dict[str, np.ndarray], delay: int, folder: Path) -> np.ndarray:
    """How far what was heard is from `perform transfer` of what was sent, frame by frame, from 2 s on."""
    late = read_card(find_model("choir")).delay  # `became` is as late as the model; a transfer is not
    sent, audio = heard["sent"][RATE:], heard["audio"][RATE + delay - late :, 0]
    tries = became(sent[:RATE], np.arange(512))
    there = audio[RATE // 2 : tries.shape[1]]
    grid = int(np.abs(tries[:, RATE // 2 :] - there).max(axis=1).argmin())  # where the encoder's frames begin
    offline = transferred(sent, grid, folder)[:-RATE]  # where a file ends silence comes, and not so here
    audio = audio[late : late + len(offline)]
    print(f"{len(offline) / RATE:.1f} s, {delay} frames behind, in a grid of its own at {grid}")
    assert np.abs(offline).max() > 0.05
    return np.abs(offline - audio)[RATE:]


def test_what_is_played_in_comes_out_as_offline(jack: Jack, runtime: Path, tmp_path: Path, ears: str) -> None:
    """To the sample, as late as it says: a stream in the server's own block adds nothing."""
    with playing(runtime, "--input", "default", "--patient", set_name=ears) as instrument:
        settled(instrument)
        heard = Echo(tmp_path, sung(5), SECONDS + 2, "--freewheel").heard()  # a second on the way into it
        late, delay = instrument.meter("deck/1/late"), behind(instrument)
        instrument.end()
    assert late == 0
    assert error_of(heard, delay, tmp_path).max() < 1e-3


def hardware() -> int:
    """Frames that the server says lie between its own ports and the air, in and out."""
    listing = subprocess.run(["jack_lsp", "-l"], capture_output=True, text=True, check=True).stdout
    ways = {"system:capture_1": "capture", "system:playback_1": "playback"}
    told = [re.search(rf"{port}\n.*?{way} latency = \[ (\d+)", listing, re.S) for port, way in ways.items()]
    return sum(int(found[1]) for found in told if found)


@pytest.mark.alone
def test_in_real_time_it_loses_nothing_and_comes_as_late_as_is_shown(
    jack: Jack, runtime: Path, tmp_path: Path, ears: str
) -> None:
    """Beyond what an idle client loses; the same again, where nothing at all was lost.

    Then an impulse: it comes after the model's delay + at most its frame + the device's buffers + 10 ms; more
    where the machine is slower.
    """
    card = read_card(find_model("choir"))
    clicks = np.zeros(RATE)
    clicks[[5000, 29000]] = 0.9
    with playing(runtime, "--input", "default", set_name=ears) as instrument:
        settled(instrument)
        before = {name: instrument.meter(name) for name in ("deck/1/late", "xruns")}
        with Machine(tmp_path) as singing:
            song = Echo(tmp_path, sung(5), SECONDS + 2).heard()
        lost = {name: instrument.meter(name) - count for name, count in before.items()}
        delay = behind(instrument)
        with Machine(tmp_path) as clicking:
            echo, latency = Echo(tmp_path, clicks, IMPULSES_S), []
            while len(latency) < IMPULSES_S / 0.05:  # it grows while the machine is slow
                latency.append(instrument.meter("deck/1/input/latency"))
                time.sleep(0.05)
            heard = echo.heard()
        least, most = RATE * np.min(latency), RATE * np.max(latency)
        air, rise = hardware(), []
        own = behind(instrument)
        sent, audio = heard["sent"], np.abs(heard["audio"][:, 0])
        instrument.end()
    away = singing.away(BLOCK / RATE)
    print(f"{lost} in {SECONDS:.0f} s; the machine was away for {away} blocks")
    assert lost["deck/1/late"] <= 2 * away + singing.unseen
    assert lost["xruns"] <= away + singing.unseen
    if not any(lost.values()) and not song["mine"].any() and not len(singing.stalls):
        assert error_of(song, delay, tmp_path).max() < 1e-3

    for click in np.flatnonzero(sent > 0.5)[2:-2]:
        quiet = audio[click - 4800 : click].max()
        rise.append(int(np.argmax(audio[click : click + 9600] > 2 * quiet + 0.01)))
    print(
        f"an impulse is heard {sorted(rise)} + {air} frames later, shown {least:.0f} to {most:.0f}, own {own}"
    )
    limit = card.delay + card.ratio + 0.010 * RATE
    assert own <= limit or len(clicking.stalls)  # a host that was held up takes its time
    found = [late for late in rise if late]  # some fall where the model does not mind them
    assert len(found) > len(rise) // 3
    close = CLOSE_S * RATE
    assert least - close < np.median(found) + air < most + close
