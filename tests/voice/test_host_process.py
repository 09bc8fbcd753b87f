"""The host process: it reports, plays a third-party module in a sandbox, and gives the reason if it stops."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile
from module_files import wrapped
from modules import Bare, Boxes, Pair, Synth, export
from rig import until
from tiny import tiny_model

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import DECK_METER, LANE, LANE_METER, lanes_of
from perform.core.errors import PerformError
from perform.foreign import sandbox
from perform.foreign.conversion import convert
from perform.foreign.remote_model import RemoteModel
from perform.foreign.torchscript_model import TorchscriptModel
from perform.library import places
from perform.library.cards import read_card
from perform.rave.archive import read
from perform.voice.frame_writer import check_room
from perform.voice.host_process import sandbox_warning

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class HostUnderTest:
    """A host process with one lane, and a reader of its ring buffer."""

    def __init__(self, arena: Arena, folder: Path, model: Path, gpu: tuple[str, ...] = ()) -> None:
        self.arena, self.log = arena, folder / "worker.log"
        self.printed: list[str] = []  # by the module
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "perform.voice.host_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.order(
            "StartHost",
            arena=str(folder / "test.arena"),
            model=str(model),
            rate=48000,
            patient=True,
            idle=False,
            gpu=gpu,
        )

    def order(self, kind: str, **fields: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"order": kind} | fields) + "\n")
        self.process.stdin.flush()

    def report(self) -> dict[str, Any]:
        """The next report that is neither about loading nor a print."""
        assert self.process.stdout
        while True:
            line = self.process.stdout.readline()
            assert line, self.log.read_text()
            message = json.loads(line)
            if message["report"] == "HostLog" and message["text"].startswith("module "):
                self.printed.append(message["text"])
            elif message["report"] != "HostLoading":
                return message

    def hear(self, frames: int, seconds: float = 60.0) -> np.ndarray:
        """Frames of lane 0, (frames, 2)."""
        parts, heard, end = [], 0, time.monotonic() + seconds
        while heard < frames:
            assert time.monotonic() < end, self.log.read_text()
            if self.process.poll() is not None:
                break
            block = np.zeros((256, 2), np.float32)
            taken = self.arena.rings[0].read(block)
            parts.append(block[:taken])
            heard += taken
            if not taken:
                time.sleep(0.001)
        return np.concatenate(parts)


@pytest.fixture
def agreed(tmp_path: Path) -> Path:
    path = tmp_path / "synth.safetensors"
    convert(
        read(export(Synth(), tmp_path / "synth.ts")),
        path,
        {"name": "synth", "description": "", "licence": ""},
        ask_consent=lambda _: True,
    )
    return path


def test_a_module_plays_for_hundreds_of_frames(arena: Arena, tmp_path: Path, agreed: Path) -> None:
    """The sandbox closes nothing that the process needs later."""
    worker = HostUnderTest(arena, tmp_path, agreed)
    ready = worker.report()
    assert ready["report"] == "HostReady", ready
    worker.order("StartVoice", lane=0, deck=1, texts={})
    sound = worker.hear(48000 * 4)  # 370 frames
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() > 0.05
    assert arena.lane_meters(0)[LANE_METER["resets"]] == 0
    limits = Path(f"/proc/{worker.process.pid}/limits")
    if sandbox.available().complete:
        opened = next(line for line in limits.read_text().splitlines() if line.startswith("Max open files"))
        assert opened.split()[3:5] == ["0", "0"]
    worker.order("DropVoice", lane=0)
    assert worker.report() == {"report": "VoiceDropped", "lane": 0}
    worker.order("StartVoice", lane=0, deck=2, texts={})
    assert worker.process.stdin
    worker.process.stdin.close()
    assert worker.process.wait(30) == 0


def test_a_sandboxed_module_plays_a_file_the_input_and_another_deck(arena: Arena, tmp_path: Path) -> None:
    model, sound = tmp_path / "pair.safetensors", tmp_path / "half.wav"
    words = {"name": "pair", "description": "", "licence": ""}
    convert(read(export(Pair(), tmp_path / "pair.ts")), model, words, ask_consent=lambda _: True)
    card = read_card(model)
    assert (card.delay, card.delay_known) == (Pair.LATE, True)
    soundfile.write(sound, np.full(48000, 0.5), 48000, subtype="FLOAT")
    worker = HostUnderTest(arena, tmp_path, model)
    sha256 = worker.report()["sha256"]
    assignment = {"model": str(model), "sha256": sha256, "matrix": ""}
    files = {"7": {"path": str(sound), "deck": 1}}
    worker.order("AssignDecks", decks={"1": assignment, "2": assignment}, mine=[1], files=files)
    arena.lanes[0, LANE["file"]] = 7
    params.set_value(arena.table, "deck/1/source", params.SOURCES.index("file"))
    worker.order("StartVoice", lane=0, deck=1, texts={})

    def level(wanted: float) -> None:
        """The sound reaches this level within a minute."""
        end = time.monotonic() + 60.0
        while abs(np.abs(worker.hear(1024)[-256:]).mean() - wanted) > 1e-4:
            assert time.monotonic() < end, worker.log.read_text()

    level(0.75)  # of the file, and what the module adds
    params.set_value(arena.table, "deck/1/file/dry", 0)
    params.set_value(arena.table, "deck/1/file/wet", params.SILENCE_DB)
    level(0.5)  # the file's own sound, which another process reads
    params.set_value(arena.table, "deck/1/file/dry", params.SILENCE_DB)
    params.set_value(arena.table, "deck/1/file/wet", 0)
    leader = lanes_of(2)[0]
    arena.lanes[leader, [LANE["live"], LANE["gate"]]] = 1
    arena.latent_histories[leader].write(0, np.array([0.4, 0.0]))
    params.set_value(arena.table, "deck/1/source", params.SOURCES.index("deck"))
    params.set_value(arena.table, "deck/1/from", 1)
    level(0.4)
    params.set_value(arena.table, "deck/1/source", params.SOURCES.index("input"))
    arena.set_meter("input/gate", 1)
    level(0.25)  # what it makes of silence
    worker.process.stdin.close()  # type: ignore[union-attr]
    assert worker.process.wait(30) == 0


def test_a_new_voice_does_not_show_the_load_of_the_one_before(arena: Arena, tmp_path: Path) -> None:
    worker = HostUnderTest(arena, tmp_path, tiny_model(tmp_path / "a.safetensors"), gpu=("a",))
    load = DECK_METER["load"]
    try:
        said, ready = worker.report(), worker.report()
        assert ready["report"] == "HostReady"
        assert "GPU" in ready["engine"] and said["text"] == f"a: {ready['engine']}"
        arena.deck_meters(1)[load] = 1000.0
        arena.lanes[0, LANE["live"]] = 1
        worker.order("StartVoice", lane=0, deck=1, texts={})
        until(lambda: arena.deck_meters(1)[DECK_METER["frames"]] > 1, 10, "a frame was shown")
        assert arena.deck_meters(1)[load] < 1000.0
    finally:
        worker.process.kill()
        worker.process.communicate()


def test_frames_too_long_for_a_ring_buffer_are_refused(arena: Arena, tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "vast.safetensors", ratios=(32, 32))
    worker = HostUnderTest(arena, tmp_path, path)
    failed = worker.report()
    assert failed["report"] == "HostFailed"
    assert failed["error"].startswith(
        "vast: its frames of 0.34 s are too long: two must fit into a ring buffer of 0.68 s"
    )
    assert worker.process.wait(30) == 0
    card = msgspec.structs.replace(read_card(path), ratio=1 << 16, sample_rate=768_000)
    check_room(arena, card, 48000)  # at the stage's rate they are short
    with pytest.raises(PerformError, match="lower sample rate"):
        check_room(arena, card, 192_000)
    arena.set_meter("burst", 8192)
    check_room(arena, msgspec.structs.replace(card, ratio=8192, sample_rate=48000), 48000)


def test_a_module_that_breaks_its_contract_is_reported(arena: Arena, tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    archive = read(export(Bare("late"), tmp_path / "bare.ts"))
    convert(archive, path, {"name": "bare", "description": "", "licence": ""}, ask_consent=lambda _: True)
    worker = HostUnderTest(arena, tmp_path, path)
    assert worker.report()["report"] == "HostReady"
    worker.order("StartVoice", lane=0, deck=1, texts={})
    worker.hear(256 * 500)
    hearing = threading.Thread(target=worker.hear, args=(256 * 200,), daemon=True)
    hearing.start()
    failed = worker.report()
    assert failed["report"] == "HostFailed"
    assert "gave (1, 1, 255), not (1, 1, 256)" in failed["error"]
    assert worker.process.wait(30) == 0


def test_a_remote_model_plays_the_same_as_a_local_one(tmp_path: Path, agreed: Path) -> None:
    here, there = TorchscriptModel(agreed, lambda: None), RemoteModel(agreed)
    assert (there.card, there.sha256) == (here.card, here.sha256)
    random = np.random.default_rng(0)
    ours, theirs = [here.stream() for _ in range(2)], [there.stream() for _ in range(2)]
    for i in range(20):
        count = 1 + i % 2
        z, noise = (random.standard_normal((count, n)).astype(np.float32) for n in (2, 1))
        assert np.array_equal(there.render(theirs[:count], z, noise), here.render(ours[:count], z, noise))
    for stream in (ours[0], theirs[0]):
        stream.reset()
    z, noise = np.zeros((1, 2), np.float32), np.zeros((1, 1), np.float32)
    assert np.array_equal(there.render(theirs[:1], z, noise), here.render(ours[:1], z, noise))
    theirs.pop()
    gc.collect()
    assert there.stream().number == 1, "a stream without users is released"
    (tmp_path / "still.wav").write_text("this process has its files")


def test_a_remote_model_says_what_went_wrong(tmp_path: Path) -> None:
    path = tmp_path / "bare.safetensors"
    archive = read(export(Bare("late"), tmp_path / "bare.ts"))
    convert(archive, path, {"name": "bare", "description": "", "licence": ""}, ask_consent=lambda _: True)
    model = RemoteModel(path)
    stream, one = model.stream(), np.zeros((1, 1), np.float32)
    with pytest.raises(PerformError, match="gave"):
        for _ in range(700):
            model.render([stream], one, one)
    with pytest.raises(PerformError, match="process ended"):
        model.render([stream], one, one)
    until(lambda: model.ended, 10, "it knows")


def test_a_missing_part_of_the_sandbox_is_said_on_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rave = tiny_model(tmp_path / "rave.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = wrapped(read(export(Bare(), tmp_path / "bare_r48000.ts")), tmp_path / "module.safetensors")
    monkeypatch.setattr(sandbox, "available", lambda: sandbox.SandboxReport(memory=True))
    assert not sandbox_warning(rave)
    said = sandbox_warning(module)
    assert said == (
        "bare_r48000 is a third-party module, and this system cannot keep it from files and network"
    )
    monkeypatch.setattr(sandbox, "available", lambda: sandbox.SandboxReport(True, True, True))
    assert not sandbox_warning(module)


def test_a_sandboxed_module_gets_the_sounds_that_the_song_names(arena: Arena, tmp_path: Path) -> None:
    path = tmp_path / "boxes.safetensors"
    archive = read(export(Boxes(), tmp_path / "boxes.ts"))
    convert(archive, path, {"name": "boxes", "description": "", "licence": ""}, ask_consent=lambda _: True)
    sounds = places.user("sounds")
    sounds.mkdir(parents=True)
    soundfile.write(sounds / "rain.wav", np.full(4800, 0.25), 48000, subtype="FLOAT")
    worker = HostUnderTest(arena, tmp_path, path)
    try:
        assert worker.report()["report"] == "HostReady"
        params.set_value(arena.table, "deck/1/attribute/1", 0)
        worker.order("StartVoice", lane=0, deck=1, texts={"1": ["rain.wav"]})
        assert 0.2 < np.abs(worker.hear(512 * 40)).max() < 0.4, "a square wave, resampled"
        worker.order("SetTexts", lane=0, texts={"1": ["snow.wav"]})
        said = worker.report()
        assert said["report"] == "HostLog" and "snow.wav: no such file" in said["text"]
        worker.hear(512 * 40)
        assert "'snow.wav' is not here" in worker.report()["error"]
        assert 0.2 < np.abs(worker.hear(512 * 10)).max() < 0.4, "the old sound plays on"
        assert worker.printed[0] == "module boxes: frame [1, 1, 1]"
        assert len(worker.printed) <= 50, "some of the lines, although it prints each frame"
        assert "frame" not in worker.log.read_text()
    finally:
        worker.process.kill()
        worker.process.communicate()
