"""Eight decks with models of their own on a real JACK server, while eight knobs move.

PERFORM_EIGHT=v2 PERFORM_LIVE_SECONDS=600 python -m pytest -s tests/live/test_eight.py    ten minutes of v2
"""

from __future__ import annotations

import math
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from rig import Controller, Jack, Listener, Machine, playing, until
from test_sound import BLOCK, RATE, level, lost_blocks, read_take, steps

from perform.bench.subjects import subject
from perform.core.arena_layout import LIVE
from perform.core.params import DECKS, SLOTS

MODEL = os.environ.get("PERFORM_EIGHT", "live")
SECONDS = float(os.environ.get("PERFORM_LIVE_SECONDS", "6"))
KNOBS_S = 0.02  #: between two messages


@pytest.mark.alone
def test_eight_models_play_while_eight_knobs_move(jack: Jack, runtime: Path, tmp_path: Path) -> None:
    eight, knobs = tmp_path / "eight.toml", tmp_path / "knobs.toml"
    one = subject(MODEL, tmp_path).path  # a file each, so that each has a process and weights of its own
    models = [Path(shutil.copy(one, tmp_path / f"{deck}.safetensors")) for deck in range(1, DECKS + 1)]
    lines = ['name = "eight"', "[[songs]]", 'name = "one"', "[songs.decks]"]
    lines += [f"{deck} = {str(path)!r}" for deck, path in enumerate(models, 1)]
    lines += ["[songs.values]", *(f'"deck/{deck}/source" = "walk"' for deck in range(1, DECKS + 1))]
    eight.write_text("\n".join(lines))
    binds = [
        f'[[bind]]\ncontrol = "cc {20 + d}"\nto = "deck/{d}/z/0/bias"\nrange = [-2.0, 2.0]'
        for d in range(1, 9)
    ]
    knobs.write_text("\n".join(['name = "knobs"', *binds]))

    with (
        Controller() as hands,
        playing(
            runtime, "--record", "--block", str(BLOCK), "--mapping", str(knobs), set_name=str(eight)
        ) as instrument,
    ):
        live = [f"deck/{deck}/state" for deck in range(1, DECKS + 1)]
        # a deck that is faded out while eight models load at once comes back by itself
        until(lambda: {instrument.meter(state) for state in live} == {LIVE}, 120, "eight decks that play")
        until(lambda: instrument.client.status().midi, 10, "the knobs")
        until(lambda: instrument.meter("take/on"), 10, "a take")
        before = sum(instrument.meter(f"deck/{d}/late") for d in range(1, DECKS + 1))
        moved = instrument.meter("control/count")
        done, sent = threading.Event(), list[float]()

        def turn() -> None:
            while not done.wait(KNOBS_S):
                hands(0xB0, 21 + len(sent) % DECKS, round(63.5 + 63.5 * math.sin(len(sent) / 50)))
                sent.append(time.monotonic())

        hand = threading.Thread(target=turn)
        with Machine(tmp_path) as machine:
            hand.start()
            listener, loads = Listener(tmp_path, SECONDS), []
            ends = time.monotonic() + SECONDS
            while time.monotonic() < ends:
                loads.append([instrument.meter(f"deck/{d}/load") for d in range(1, DECKS + 1)])
                time.sleep(0.5)
            heard = listener.heard()
            done.set()
            hand.join()
        late = sum(instrument.meter(f"deck/{d}/late") for d in range(1, DECKS + 1)) - before
        moved = instrument.meter("control/count") - moved
        bias = [instrument.arena.table[SLOTS[f"deck/{d}/z/0/bias"]] for d in range(1, DECKS + 1)]
        states = {instrument.client.status().decks[d].error for d in range(DECKS)}
        take = read_take(instrument.end().strip().splitlines()[-1])
    audio, mine = steps(heard["audio"]), heard["mine"]
    lost = heard["times"][lost_blocks(audio, mine, take)]
    unexplained = [at for at in lost if not machine.was_away(at)]
    idle = int(mine.sum()) // BLOCK
    print(f"eight {MODEL} for {SECONDS:g} s: {len(lost)} blocks lost, an idle client {idle};", end=" ")
    print(
        f"the machine was away {len(machine.stalls)} times: {len(unexplained)} lost at other moments;",
        end=" ",
    )
    print(f"{late:g} blocks late on a deck; {moved:g} of {len(sent)} moves of knobs;", end=" ")
    print(f"a deck's load {np.mean(loads):.2f}, {np.max(loads):.2f} at most")
    assert states == {""}, "a deck was shed"
    assert len(sent) > 10 * SECONDS
    whole = sum(not machine.was_away(at) for at in sent)
    assert moved > whole / 2  # of several that wait for the router, it applies the last
    assert len(set(bias)) > 1
    assert level(audio / 2**23) > 1e-3
    assert len(unexplained) <= machine.unseen + SECONDS // 60
    assert late <= DECKS * (1 + SECONDS // 60 + machine.away(BLOCK / RATE))
