"""Modulation: what a stage plays, what a render writes and what a replay makes are the same bits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import soundfile
from song_texts import example, loop, row

from perform.audio.mixer import Mixer
from perform.control.midi_clock import START, TICK, TICKS
from perform.control.router import ControlRouter
from perform.control.tempo_watch import TempoWatch
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import BASE_NAMES, LANE, LANES, METER_SLOTS, lanes_of
from perform.core.event_log import ALL_VALUES, CHANGED_VALUES, FIRST_VALUES, unpack_values
from perform.core.frame_time import FrameTime
from perform.core.messages.host_messages import FileAssignment
from perform.core.params import Table
from perform.core.table_reader import TableReader
from perform.engine.compiled_model import CompiledModel
from perform.library import sets
from perform.library.cards import trim_db
from perform.library.song_files import model_file
from perform.library.toml_values import apply_song
from perform.offline import replay
from perform.offline.outputs import TakeOutput
from perform.offline.render import BLOCK, render
from perform.recorder import gesture_log, take_index
from perform.stage.beat_keeper import BeatKeeper
from perform.stage.examples import Examples
from perform.stage.loops import Loops
from perform.stage.modulation_writer import ModulationWriter
from perform.voice.assignments import Assignments
from perform.voice.voice import render_applied
from perform.voice.voice_lane import VoiceLane

RATE = 48000
SECONDS = 0.7
SET = """
name = "modulated"
[[songs]]
name = "swell"
tempo = 150.0
decks = { 1 = "bells", 2 = "choir" }
[songs.values]
"deck/1/source" = "walk"
"deck/2/source" = "walk"
"deck/1/z/0/bias" = 0.5
"lfo/1/rate" = 3.0
"lfo/2/sync" = "beats"
"lfo/2/beats" = 0.5
"lfo/2/shape" = "random"
"random/1/rate" = 9.0
"hold/1/of" = "follow deck/1"
"hold/1/rate" = 6.0
"hold/2/of" = "lfo 1"
"steps/1/rate" = 8.0
"steps/1/value/1" = 1.0
"""
ROWS = (
    row("lfo 1", "deck/1/z/0/bias", -1.0, 1.0)
    + row("lfo 2", "deck/1/gain", -12.0, 0.0)
    + row("random 1", "deck/2/z/1/bias", -1.0, 1.0)
    + row("follow deck/1", "deck/2/z/0/bias", 0.0, 2.0)
    + row("follow deck/2", "deck/1/pan", 0.0, 1.0)
    + row("hold 1", "deck/2/z/2/bias", 0.0, 1.0)
    + row("hold 2", "xfade", 0.0, 0.3)
    + row("steps 1", "deck/1/z/1/scale", -0.5, 0.5)
    + row("macro 1", "deck/1/z/2/bias", 0.0, 2.0)
    + row("macro 1", "deck/2/z/3/bias", 0.0, -2.0)
)
EXAMPLES = example(2, [0], [0.0, 0.5, -0.5, 0.0]) + example(2, [1], [1.0, -1.5, 0.5, 1.0])
LOOPS = loop("macro/1", 0.7, [[0.0, 0.0], [0.3, 1.0], [0.7, 0.0]]) + loop(
    "lfo/1/rate", 1.0, [[0.0, 1.0], [0.6, 12.0]]
)


@pytest.fixture
def modulated(shared_cache: None, tiny_models: Path, tmp_path: Path) -> Path:
    path = tmp_path / "modulated.toml"
    path.write_text(SET + ROWS + EXAMPLES + LOOPS)
    return path


def rendered(path: Path, folder: Path) -> take_index.Take:
    out = TakeOutput(folder, ("master",), "float32")
    made = render(str(path), out, SECONDS, seed=None, rate=RATE, on_progress=lambda seconds: None)
    return take_index.read(made)


def played_live(path: Path, folder: Path) -> np.ndarray:
    """What hosts and mixer play, block by block, with the parts of a stage at the same moments."""
    song = sets.load_set(str(path)).songs[0]
    arena = Arena.create(folder / "live.arena")
    arena.set_meter("rate", RATE)
    arena.set_meter("block", BLOCK)
    apply_song(song, arena.table)
    loops, beats, modulation = (
        Loops(arena.table, FrameTime(arena).beat_at),
        BeatKeeper(arena),
        ModulationWriter(arena),
    )
    modulation.write(song.modulation)
    loops.replace(song.loops, 0.0)
    examples = Examples(arena.table, lambda deck: ranges.get(deck, ([], [])))
    reader, hosts, ranges = TableReader(arena), [], {}
    for deck, named in song.models.items():
        model, lane = CompiledModel(model_file(named)), lanes_of(deck)[0]
        row = arena.lanes[lane]
        row[LANE["live"]] = row[LANE["gate"]] = 1
        row[LANE["trim"]] = trim_db(model.card)
        ready = Assignments(model, lambda line: None, wait=True)
        if file := song.files.get(str(deck)):
            row[LANE["file"]] = deck
            ready.update({}, set(), {deck: FileAssignment(file, deck)})
        ranges[deck] = model.card.latent_p05, model.card.latent_p95
        hosts.append((model, VoiceLane(arena, reader, lane, deck, model, RATE, {}, ready)))
    examples.use(song.examples)
    mixer = Mixer(arena, RATE, opening=(1.0, 1.0))
    end = mixer.delay + round(SECONDS * RATE)
    out = np.zeros((-(-end // BLOCK) * BLOCK, 2), np.float32)
    for at in range(0, len(out), BLOCK):
        loops.tick(arena.history.written / RATE)
        beats.tick()
        modulation.tick()
        examples.tick(loops.slots)
        for model, lane in hosts:
            while lane.ring.fill < BLOCK:
                reader.update()
                lane.update()
                lane.write(render_applied(model, [lane.voice], [lane.table])[0])
        mixer.fill(out[at : at + BLOCK])
    return out[mixer.delay : end]


def played_alike(path: Path, folder: Path) -> tuple[take_index.Take, np.ndarray]:
    """Check that live sound, render and replay are the same bits; return the take and its sound."""
    take = rendered(path, folder / "takes")
    wanted = soundfile.read(take.path, dtype="float32", always_2d=True)[0]
    assert np.array_equal(played_live(path, folder), wanted)
    replay.render(take, folder / "again.wav", replay.ReplayOptions(), lambda seconds: None)
    assert (folder / "again.wav").read_bytes() == take.path.read_bytes()
    assert wanted.any()
    return take, wanted


def test_live_render_and_replay_are_the_same_bits(modulated: Path, tmp_path: Path) -> None:
    take, _ = played_alike(modulated, tmp_path)
    check_log(take)


class Fingers(Loops):
    """The loops of a song, while two fingers play an MPE keyboard."""

    def __init__(self, table: Table, beat_at: Callable[[float], float]) -> None:
        super().__init__(table, beat_at)
        still = np.zeros(len(METER_SLOTS)), np.zeros(len(table))
        self._router = ControlRouter(table, *still)
        self._router.song_has_fingers = True

    def tick(self, now: float) -> bool:
        step = round(now * RATE / BLOCK)
        for channel in (1, 2):
            held, way = step // 40 % 3 > 0, step * (3 + channel) % 128
            self._router.handle("Keys", (0x90 + channel, 60, 90 if held else 0))
            self._router.handle("Keys", (0xD0 + channel, way))
            self._router.handle("Keys", (0xB0 + channel, 74, 127 - way))
            self._router.handle("Keys", (0xE0 + channel, way, 32 + way // 2))
        return super().tick(now)


def test_fingers_of_an_mpe_keyboard_play_the_same_bits_again(
    modulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = modulated.read_text()
    for old, new in (
        ('source = "lfo 1"', 'source = "finger 1 bend"'),
        ('source = "random 1"', 'source = "finger 2 slide"'),
        ('source = "macro 1"\nto = "deck/1', 'source = "finger 1 press"\nto = "deck/1'),
        ('"hold/2/of" = "lfo 1"', '"hold/2/of" = "finger 2 press"'),
    ):
        assert old in text
        text = text.replace(old, new)
    modulated.write_text(text)
    still = played_live(modulated, tmp_path)
    monkeypatch.setattr("perform.offline.render.Loops", Fingers)
    monkeypatch.setattr(sys.modules[__name__], "Loops", Fingers)
    (tmp_path / "fingers").mkdir()
    _, wanted = played_alike(modulated, tmp_path / "fingers")
    assert np.abs(wanted - still).max() > 0.01, "the fingers are heard"


class Clocked(BeatKeeper):
    """The beat line, while the MIDI clock of a drum machine leads: 240 beats a minute, then 200."""

    tempos: ClassVar[list[float]] = []  #: that it has led to

    def __init__(self, arena: Arena) -> None:
        self._history, self._watch, self._next = arena.history, TempoWatch(arena), 0.0
        self._watch.receive("Drums", (START,), 0.0, 0.0)
        super().__init__(arena)

    def tick(self) -> set[int]:
        now = self._history.written / RATE
        while self._next <= now:
            pulse = 60.0 / TICKS / (240.0 if self._next < 0.45 else 200.0)
            self._watch.receive("Drums", (TICK,), pulse, self._next)
            self._next += pulse
        self._watch.tick(now)
        self.tempos.append(self.line.bpm)
        return super().tick()


def test_fingers_lfo_macros_examples_and_a_midi_clock_play_the_same_bits_again(
    modulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingers = row("finger 1 bend", "deck/1/z/3/bias", -1, 1) + row("finger 2 press", "deck/2/gain", -6, 0)
    text = modulated.read_text().replace('"lfo/2/sync"', '"clock/in" = 1.0\n"lfo/2/sync"')
    modulated.write_text(text.replace("[[songs.examples]]", fingers + "[[songs.examples]]", 1))
    monkeypatch.setattr("perform.offline.render.Loops", Fingers)
    monkeypatch.setattr(sys.modules[__name__], "Loops", Fingers)
    unled = played_live(modulated, tmp_path)
    monkeypatch.setattr("perform.offline.render.BeatKeeper", Clocked)
    monkeypatch.setattr(sys.modules[__name__], "BeatKeeper", Clocked)
    (tmp_path / "clocked").mkdir()
    _, wanted = played_alike(modulated, tmp_path / "clocked")
    assert np.abs(wanted - unled).max() > 0.01, "the clock is heard"
    assert max(Clocked.tempos) == pytest.approx(240.0, abs=0.5)
    assert 200.0 < Clocked.tempos[-1] < 235.0, "it follows the drum machine down"


def check_log(take: take_index.Take) -> None:
    """The gesture log holds what was heard, and the base values."""
    log = gesture_log.read(take.path.with_suffix(gesture_log.SUFFIX))
    names, seen = log.header.names, dict[tuple[int, str], list[float]]()
    for event in log.records:
        if event.kind in (CHANGED_VALUES, ALL_VALUES, FIRST_VALUES):
            for slot, value in zip(*unpack_values(event.payload)[:2], strict=True):
                seen.setdefault((event.who, names[slot]), []).append(float(value))
    gain, base = seen[LANES, "deck/1/gain"], seen[LANES, "base/deck/1/gain"]
    assert len(set(gain)) > 100
    assert set(base) == {0.0}
    assert set(seen[lanes_of(1)[0], "base/deck/1/z/0/bias"]) == {0.5}
    assert names[-len(BASE_NAMES) :] == list(BASE_NAMES)
    assert len(params.ADDRESSES) == len(BASE_NAMES)
