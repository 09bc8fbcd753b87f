"""A set of three songs, played by MIDI alone on a real JACK server, heard by an independent client."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from rig import Controller, Instrument, Jack, Listener, Machine, perform, playing, until
from test_sound import BLOCK, RATE, level, lost_blocks, read_take, steps

from perform.core.arena_layout import HISTORY_FRAMES
from perform.core.params import SLOTS
from perform.recorder import gesture_log
from perform.stage import undo as undo_steps

SWITCHES = int(os.environ.get("PERFORM_SWITCHES", "40"))


def now(instrument: Instrument) -> int:
    return instrument.client.status().songs.now


def warm(instrument: Instrument) -> bool:
    songs = instrument.client.status().songs
    return songs.ready == songs.wanted


@pytest.mark.alone
def test_a_set_is_played_by_midi_alone(jack: Jack, runtime: Path, tmp_path: Path) -> None:
    pedals = tmp_path / "pedals.toml"
    pedals.write_text(
        'name = "pedals"\n[[bind]]\ncontrol = "program"\nto = "song/jump"\n'
        '[[bind]]\ncontrol = "cc 67"\nto = "song/go"\n'
    )
    with (
        Controller() as foot,
        playing(runtime, "--record", "--block", str(BLOCK), "--mapping", str(pedals)) as instrument,
    ):
        instrument.wait_live(1, 2)
        until(lambda: instrument.client.status().midi, 10, "the foot controller")
        until(lambda: instrument.meter("take/on"), 10, "a take")
        with Machine(tmp_path) as machine:
            listener, went = Listener(tmp_path, 60), []
            for message, song in (((0xB0, 67, 127), 2), ((0xC0, 2), 3), ((0xC0, 0), 1)):
                until(lambda: warm(instrument), 30, "the next song warm")
                frames = instrument.meter("frames")
                until(lambda f=frames: instrument.meter("frames") > f + RATE, 10, "a while of it")
                sent = instrument.arena.history.written
                foot(*message)
                foot(0xB0, 67, 0)
                until(lambda s=song: now(instrument) == s, 30, f"song {song}; {instrument.log()}")
                went.append((sent, instrument.arena.history.written))
            frames = instrument.meter("frames")
            until(lambda: instrument.meter("frames") > frames + RATE, 10, "a while of the last song")
            heard = listener.heard(enough=True)
        late = sum(instrument.meter(f"deck/{d}/late") for d in range(1, 9))
        path = Path(instrument.end().strip().splitlines()[-1])
    take = read_take(str(path))
    audio = steps(heard["audio"])
    lost = heard["times"][lost_blocks(audio, heard["mine"], take)]
    unexplained = [at for at in lost if not machine.was_away(at)]
    print(
        f"{len(lost)} blocks lost, the machine was away {len(machine.stalls)} times; {late:g} late on a deck"
    )
    assert len(unexplained) <= machine.unseen
    assert late <= 1 + 2 * machine.away(BLOCK / RATE)
    step = RATE // 20
    silent = [
        at / RATE
        for at in range(RATE, len(audio) - step, step)
        if level(audio[at : at + step] / 2**23) < 1e-4 and not heard["mine"][at : at + step].any()
    ]
    assert not silent, f"silent at these seconds: {silent}"

    begin = gesture_log.read(path.with_suffix(gesture_log.SUFFIX)).header.position
    songs = [(frame + begin, name) for frame, name in cue_points(path) if not name.startswith("scene")]
    assert [name for _, name in songs] == ["First light", "Undertow", "Carillon", "First light"]
    for (at, name), (sent, arrived) in zip(songs[1:], went, strict=True):
        assert sent <= at <= arrived + BLOCK, name

    again = tmp_path / "again.wav"
    assert perform("render", str(path), "-o", str(again)).returncode == 0
    played, rendered = take / 2**23, read_take(str(again)) / 2**23
    assert len(rendered) == len(played)
    print(f"rendered again: {20 * np.log10(level(rendered - played) + 1e-12):.1f} dB of the take is left")
    assert level(rendered - played) < 10 ** (-90 / 20)


def cue_points(path: Path) -> list[tuple[int, str]]:
    """Frame and label of each cue point, read by nothing of ours: chunks as the RIFF standard has them."""
    data, at = path.read_bytes(), 12
    frames: dict[int, int] = {}
    labels: dict[int, str] = {}
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if kind == b"cue ":
            for n in range(int.from_bytes(body[:4], "little")):
                point = body[4 + 24 * n : 28 + 24 * n]
                frames[int.from_bytes(point[:4], "little")] = int.from_bytes(point[20:24], "little")
        elif kind == b"LIST" and body[:4] == b"adtl":
            inner = 4
            while inner + 8 <= len(body):
                n = int.from_bytes(body[inner + 4 : inner + 8], "little")
                text = body[inner + 12 : inner + 8 + n].rstrip(b"\0").decode()
                labels[int.from_bytes(body[inner + 8 : inner + 12], "little")] = text
                inner += 8 + n + n % 2
        at += 8 + size + size % 2
    return sorted((frame, labels[i]) for i, frame in frames.items())


@pytest.mark.alone
def test_many_switches_cost_nothing(runtime: Path, tmp_path: Path) -> None:
    """No gap, no click, no leak: PERFORM_SWITCHES=1000 for a thousand of them."""
    path = tmp_path / "two.toml"
    path.write_text(
        'name = "two"\n'
        + "".join(
            f'[[songs]]\nname = "{name}"\nswitch = "{switch}"\nfade = 0.05\n'
            f'decks.1 = "{one}"\ndecks.2 = "{two}"\n'
            "values = {'deck/1/source' = 'loop', 'deck/2/source' = 'walk'}\n"
            for name, switch, one, two in (
                ("a", "tail", "bells", "choir"),
                ("b", "crossfade", "choir", "choir"),
                ("c", "cut", "bells", "bells"),
            )
        )
    )
    # without the past that is kept, which grows until it is full
    with playing(runtime, "--device", "null", "--retro", "0", set_name=str(path)) as instrument:
        instrument.wait_live(1, 2)
        arena = instrument.arena
        steady, loudest = 0.0, 0.0
        position = arena.history.written

        def listen() -> float:
            """The largest jump between samples since the last call."""
            nonlocal position
            tape, missed = arena.history.read(position, arena.history.written - position)
            position += missed + len(tape)
            assert not missed
            if len(tape) < 2:
                return 0.0
            nonlocal loudest
            loudest = max(loudest, float(np.abs(tape).max()))
            return float(np.abs(np.diff(tape, axis=0)).max())

        def go(song: int) -> None:
            arena.table[SLOTS["song/jump"]] = song
            until(lambda: now(instrument) == song, 30, f"song {song}; {instrument.log()}")

        for song in (2, 3, 1):  # how steep each is by itself
            go(song)
            begun = arena.history.written
            until(lambda b=begun: arena.history.written > b + RATE, 10, "a second")
            listen_from = arena.history.written - RATE // 2
            position = listen_from
            steady = max(steady, listen())
        until(lambda: warm(instrument), 20, "warm")
        memory, began = resident(instrument), time.monotonic()
        position, steepest = arena.history.written, 0.0
        with Machine(tmp_path, server=False) as machine:
            for n in range(SWITCHES):
                go((2, 3, 1)[n % 3])
                steepest = max(steepest, listen())
        took = time.monotonic() - began
        late = sum(instrument.meter(f"deck/{d}/late") for d in (1, 2))
        grown = resident(instrument) - memory
        instrument.end()
    print(f"{SWITCHES} switches in {took:.0f} s: {late:g} blocks late, memory {grown / 2**20:+.1f} MiB,")
    print(f"steepest step {steepest:.4f}, without switches {steady:.4f}, loudest sample {loudest:.3f}")
    assert late <= 2 * machine.away(BLOCK / RATE)  # 0 where the machine was never away
    assert steepest <= 2 * steady + 2 * loudest / (0.005 * RATE)
    undo = 2 * arena.table.nbytes * min(SWITCHES, undo_steps.DEPTH)  # the tables before and after each switch
    history = 8 * min(took * RATE, HISTORY_FRAMES)  # of the master, touched for the first time
    assert grown < (5 + SWITCHES / 100) * 2**20 + undo + history


def resident(instrument: Instrument) -> int:
    """Bytes of the stage and all its children that are theirs alone."""
    pids = [instrument.process.pid]
    children = subprocess.run(
        ["ps", "--ppid", str(pids[0]), "-o", "pid="], capture_output=True, text=True, check=True
    ).stdout
    pids += [int(pid) for pid in children.split()]
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Clean", "Private_Dirty")):
                total += 1024 * int(line.split()[1])
    return total
