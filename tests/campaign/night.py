"""A night on stage for the campaign: a set on JACK, a knob that turns, a take, and what must not change."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rig import Controller, Instrument, Jack, playing, until
from tiny import tiny_model
from wav_readers import wave_blocks

from perform.core.arena_layout import FAILED, LIVE
from perform.core.params import SLOTS
from perform.foreign.opening import open_model
from perform.recorder import gesture_log, wav_repair
from perform.stage.commands import Load

WITNESSES = (1, 2)  #: decks that no fault is aimed at
VICTIMS = (3, 4)
KNOB = "deck/1/z/1/bias"
STAGE_GROWTH_MB = 40.0
RATE = 48000
CEILING = 10 ** (-1 / 20)


class Outcome(NamedTuple):
    """What one fault cost. seconds: until everything worked again, checks included."""

    name: str
    seconds: float


class Reference(threading.Thread):
    """All that the mixers have made since the beginning, read from the history buffer as they go.

    It goes to a file, in steps of 24 bits as a take has them: hours do not fit into memory.
    """

    def __init__(self, instrument: Instrument, folder: Path) -> None:
        super().__init__(daemon=True)
        self._history = instrument.arena.history
        self.begin = self._at = self._history.written
        self._path = folder / "mixed.s32"
        self._file = self._path.open("wb")
        self.peak, self.is_finite = 0.0, True
        self._lost = 0
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.25):
            self._read()

    def _read(self) -> None:
        audio, lost = self._history.read(self._at, 1 << 20)
        self._lost += lost
        self._at += lost + len(audio)
        self.peak = max(self.peak, float(np.abs(audio).max(initial=0.0)))
        self.is_finite = self.is_finite and bool(np.isfinite(audio).all())
        steps = np.rint(np.clip(audio, -1, 1 - 2**-23).astype(np.float64) * 2**23)
        self._file.write(steps.astype(np.int32).tobytes())

    def end(self) -> np.ndarray:
        """(frames, 2) since `begin`, in steps; it is read from the file."""
        self._ended.set()
        self.join()
        self._read()
        self._file.close()
        assert self._lost == 0
        return np.memmap(self._path, np.int32, "r").reshape(-1, 2)


class Night:
    """One stage and its faults; `dice` decides everything that is random.

    patience : every wait may take so many times as long. Within hours, other work takes the machine for
               minutes, and a deck that overload has faded out often waits for two minutes of calm
    """

    def __init__(self, folder: Path, seed: int, *, long: bool, patience: float = 1.0) -> None:
        self.folder, self.seed, self.long, self.patience = folder, seed, long, patience
        self.dice = random.Random(seed)
        self.kept = folder / "kept"
        self.kept.mkdir()
        self.modules: dict[str, Path] = {}
        self.jack = Jack(folder)
        self.instrument: Instrument
        self._knob: Controller | None = None
        self._turns = 0

    @contextlib.contextmanager
    def playing(self) -> Iterator[None]:
        """The night, from the first sound on."""
        self.jack.start()
        try:
            options = ("--mapping", str(self._mapping()), "--input", "default", "--record")
            with playing(self.folder / "runtime", *options, set_name=str(self._set())) as self.instrument:
                self.arena, self.client = self.instrument.arena, self.instrument.client
                self.plug_in()
                for deck in (*WITNESSES, *VICTIMS):
                    self.until(lambda d=deck: self.plays(d), 300, f"deck {deck}")
                until(lambda: self.meter("take/on"), 30, "a take")
                yield
        finally:
            self.unplug()
            self.jack.stop()

    def _set(self) -> Path:
        path = self.folder / "night.toml"
        models = {deck: self.folder / f"model{deck}.safetensors" for deck in (*WITNESSES, *VICTIMS)}
        for deck, model in models.items():
            tiny_model(model, seed=deck, ratios=(8, 4))  # frames of 11 ms
        # here, where torch is loaded already; in a thread, which then flushes denormals for ever
        compiling = threading.Thread(target=lambda: [open_model(model) for model in models.values()])
        compiling.start()
        compiling.join()
        lines = ['name = "night"', "[[songs]]", 'name = "all night"', "[songs.decks]"]
        lines += [f"{deck} = {str(model)!r}" for deck, model in models.items()]
        lines += ["[songs.values]", *(f'"deck/{deck}/source" = "walk"' for deck in models)]
        path.write_text("\n".join(lines))
        return path

    def _mapping(self) -> Path:
        path = self.folder / "knob.toml"
        bind = f'[[bind]]\ncontrol = "cc 21"\nto = "{KNOB}"\nrange = [-2.0, 2.0]'
        path.write_text(f'name = "knob"\ntakeover = "jump"\n{bind}')
        return path

    # -- what faults and checks ask

    def meter(self, name: str) -> float:
        return self.instrument.meter(name)

    def log(self) -> str:
        return self.instrument.log()[-3000:]

    def until(self, what: Callable[[], object], seconds: float, why: str) -> None:
        """Ask until the answer is true; an AssertionError holds the stage's log."""
        try:
            until(what, self.patience * seconds, why)
        except AssertionError as error:
            states = [self.meter(f"deck/{deck}/state") for deck in (*WITNESSES, *VICTIMS)]
            raise AssertionError(f"{error}; decks {states}; {self.log()}") from error

    def victim(self) -> int:
        return self.dice.choice(VICTIMS)

    def host(self, deck: int) -> int:
        """The process of its host; it plays, so that there is one."""
        self.until(lambda: self.plays(deck), 60, f"deck {deck}")
        return int(self.meter(f"deck/{deck}/pid"))

    def plays(self, deck: int) -> bool:
        """It is live, and renders and sounds now. A deck that the stage leaves to the player loads again."""
        if self.meter(f"deck/{deck}/state") == FAILED:
            status = self.client.status().decks[deck - 1]
            if "load it again" in status.error:  # three crashes in a minute, or no progress in loading
                self.client.ask(Load(deck, str(self.folder / f"model{deck}.safetensors")))
        if self.meter(f"deck/{deck}/state") != LIVE:
            return False
        frames = self.meter(f"deck/{deck}/frames")
        time.sleep(0.1)
        return self.meter(f"deck/{deck}/frames") > frames and self.meter(f"deck/{deck}/peak/l") > 1e-4

    def records(self) -> bool:
        """Frames of the take become safe, and none waits."""
        safe = self.meter("take/frames")
        time.sleep(0.5)
        return bool(self.meter("take/on")) and not self.meter("take/waiting") and (
            self.meter("take/frames") > safe
        )  # fmt: skip

    def is_replaced(self, module: str, pid: int, *words: str) -> bool:
        try:
            return self.instrument.child(module, *words) != pid
        except AssertionError:
            return False

    def unplug(self) -> None:
        if self._knob:
            self._knob.__exit__()
        self._knob = None

    def plug_in(self) -> None:
        self.until(self._plugged_in, 30, "a port for the knob")

    def _plugged_in(self) -> bool:
        """A busy server refuses a client now and then."""
        knob = Controller()
        try:
            self._knob = knob.__enter__()
        except (AssertionError, OSError):
            knob.__exit__()
            return False
        return True

    def turn(self) -> None:
        """The knob moves its parameter, within seconds of whatever happened before."""
        self._turns += 1
        value = 1 + self._turns % 126
        wanted = -2.0 + 4.0 * value / 127

        def arrives() -> bool:
            assert self._knob
            try:
                self._knob(0xB0, 21, value)
            except OSError:  # the server has thrown the knob's process out
                self.unplug()
                self.plug_in()
            time.sleep(0.02)
            return abs(self.arena.table[SLOTS[KNOB]] - wanted) < 0.05

        self.until(arrives, 30, "the knob")

    # -- what must not change

    def check(self) -> None:
        """Decks, take, map and set are as they were; no process is dead and not replaced."""
        self.turn()
        for deck in (*WITNESSES, *VICTIMS):
            self.until(lambda d=deck: self.plays(d), 60, f"deck {deck}")
        self.until(self.records, 30, "the take")
        status = self.client.status()
        assert (status.set, status.songs.now, status.mapping) == ("night", 1, "knob")
        assert not status.songs.changed
        self.until(lambda: not self.zombies(), 10, "no zombie")

    def zombies(self) -> list[str]:
        listing = ["ps", "--ppid", str(self.instrument.process.pid), "-o", "stat=,args="]
        lines = subprocess.run(listing, capture_output=True, text=True, check=False).stdout.splitlines()
        return [line for line in lines if line.startswith("Z")]

    def size(self) -> tuple[float, int]:
        """Megabytes and open files of the stage's process."""
        process = Path(f"/proc/{self.instrument.process.pid}")
        pages = int((process / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(list((process / "fd").iterdir()))

    def late(self) -> float:
        return sum(self.meter(f"deck/{deck}/late") for deck in WITNESSES)

    def check_take(self, mixed: np.ndarray, begin: int) -> int:
        """The take holds what was mixed, frame by frame, in whatever parts; returns their number."""
        takes = Path(os.environ["PERFORM_TAKES"])
        folders = [takes, self.folder]
        masters = {log for folder in folders for log in folder.rglob(f"*{gesture_log.SUFFIX}")}
        held = np.zeros(len(mixed), bool)
        for log in sorted(masters):
            wav = log.with_suffix(".wav")
            if self.kept in log.parents:
                wav_repair.repair(wav)
            at = gesture_log.read(log).header.position - begin
            for block in wave_blocks(wav):
                before = min(max(0, -at), len(block))  # frames from before `begin`
                sound, at = block[before:], at + before
                assert np.array_equal(sound, mixed[at : at + len(sound)]), f"{wav.name} is not what was mixed"
                held[at : at + len(sound)] = True
                at += len(sound)
        first = int(held.argmax())
        last = len(held) - int(held[::-1].argmax())
        assert held[first:last].all(), f"{(~held[first:last]).sum()} frames are in no part"
        return len(masters)
