"""A voice that listens hears every frame of the input once, wherever it begins, as late as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import tiny_model

from perform import params
from perform.audio.mixer import Mixer
from perform.hosts.compiled import CompiledHost
from perform.hosts.host import Host
from perform.hosts.place import Place
from perform.hosts.voice import Voice, render
from perform.shared import LANE, Arena, lanes_of

RATE, BLOCK = 48000, 256


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny.safetensors")


class Desk:
    """A mixer and voices, pulled without a clock; what came in, and what each voice decoded."""

    def __init__(self, arena: Arena, *hosts: Host) -> None:
        self.arena, self.voices = arena, {}
        for deck, host in enumerate(hosts, 1):
            lane = lanes_of(deck)[0]
            arena.lanes[lane, LANE["live"]] = arena.lanes[lane, LANE["gate"]] = 1
            params.put(arena.table, f"deck/{deck}/temperature", 0)
            place = Place(arena, lane)
            self.voices[deck] = host, place, Voice(host, deck, RATE, arena.table, place), arena.rings[lane]
        self.mixer = Mixer(arena, RATE, opening=(1.0, 1.0))
        self.frames: dict[int, list[tuple[int, np.ndarray]]] = {deck: [] for deck in self.voices}

    def put(self, **values: float) -> None:
        for name, value in values.items():
            params.put(self.arena.table, name.replace("_", "/"), value)

    def source(self, deck: int, name: str) -> None:
        params.put(self.arena.table, f"deck/{deck}/source", params.SOURCES.index(name))

    def play(self, sound: np.ndarray, slack: int = 400) -> np.ndarray:
        """(frames,) in, (frames, 2) out."""
        parts = []
        for at in range(0, len(sound) - BLOCK + 1, BLOCK):
            for deck, (host, place, voice, ring) in self.voices.items():
                while ring.fill < BLOCK:
                    voice.attend(self.arena.table)
                    if voice.ear:
                        voice.ear.follow(place.sounds(), slack, BLOCK / 2)
                    sounds = place.sounds()
                    ring.write(render(host, [voice], [self.arena.table])[0])
                    self.frames[deck].append((sounds, voice.z.copy()))
            out = np.zeros((BLOCK, 2), np.float32)
            self.mixer.fill(out, np.repeat(sound[at : at + BLOCK, None], 2, 1).astype(np.float32))
            parts.append(out)
        return np.concatenate(parts)

    def z(self, deck: int) -> np.ndarray:
        return np.stack([z for _, z in self.frames[deck]])


def noise(frames: int, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(frames).astype(np.float32)


@pytest.mark.parametrize("slack", [256, 400, 1000])
def test_it_hears_what_the_encoder_hears(arena: Arena, model: Path, slack: int) -> None:
    host = CompiledHost(model)
    desk = Desk(arena, host)
    desk.source(1, "input")
    desk.put(input_open=1, input_gate=params.SILENT_DB)
    sound = noise(RATE // 2)
    desk.play(sound, slack)
    voice, ratio = desk.voices[1][2], host.card.ratio
    begins = [sounds - slack - ratio for sounds, _ in desk.frames[1]]
    assert set(np.diff(begins)) == {ratio}
    encoder, stream, wrong = host.encoder, host.encoder.stream(), []
    for begin, heard in zip(begins, desk.z(1), strict=True):
        if begin >= 0:
            z = encoder.encode([stream], sound[None, None, begin : begin + ratio])[0]
            wrong.append(np.abs(z - heard).max())
    assert max(wrong[60:]) < 1e-4
    assert voice.behind == slack + ratio + host.card.delay


def test_at_another_rate_nothing_is_lost_and_it_says_how_late(arena: Arena, tmp_path: Path) -> None:
    host = CompiledHost(tiny_model(tmp_path / "other.safetensors", sample_rate=44100))
    desk = Desk(arena, host)
    desk.source(1, "input")
    desk.put(input_open=1, input_gate=params.SILENT_DB)
    desk.play(noise(2 * RATE))
    ear = desk.voices[1][2].ear
    assert ear
    begun = ear.behind
    desk.play(noise(4 * RATE))
    assert ear.behind == begun  # it never had to be put right
    lag = desk.frames[1][-1][0] - ear.end
    assert 400 - ear.behind <= lag <= 400 + host.card.ratio * RATE / 44100
    assert begun > 400 + host.card.ratio * RATE / 44100


def test_what_was_missed_is_passed_over(arena: Arena, model: Path) -> None:
    """After a gap the input is as late as before: it does not pile up."""
    host = CompiledHost(model)
    desk = Desk(arena, host)
    desk.source(1, "input")
    desk.put(input_open=1, input_gate=params.SILENT_DB)
    desk.play(noise(RATE // 4))
    silence = np.zeros((BLOCK, 2), np.float32)
    for _ in range(20):  # nobody rendered
        desk.mixer.fill(silence)
    desk.play(noise(RATE // 4))
    sounds, ear = desk.voices[1][1].sounds(), desk.voices[1][2].ear
    assert ear
    assert sounds - ear.end == 400


def test_a_closed_input_is_the_models_silence_or_the_decks_own(arena: Arena, model: Path) -> None:
    host = CompiledHost(model)
    desk = Desk(arena, host)
    desk.source(1, "input")
    desk.play(noise(RATE // 4))
    assert desk.z(1)[-1] == pytest.approx(host.encoder.silence, abs=1e-6)
    desk.put(deck_1_silence=1, deck_1_z_2_silence=-1.5)
    desk.play(noise(RATE // 4))
    assert desk.z(1)[-1] == pytest.approx([0, 0, -1.5, 0])


def test_from_one_source_to_another_no_latent_jumps(arena: Arena, model: Path) -> None:
    host = CompiledHost(model)
    desk = Desk(arena, host)
    desk.put(input_open=1, input_gate=params.SILENT_DB)
    dice = np.random.default_rng(1)
    at = []
    for _ in range(40):
        desk.source(1, str(dice.choice(params.SOURCES)))
        at.append(len(desk.frames[1]))
        desk.play(noise(BLOCK * int(dice.integers(4, 24))))
    z = desk.z(1)
    steps = np.abs(np.diff(z, axis=0)).max(axis=1)
    first = steps[[n - 1 for n in at[1:] if 0 < n < len(z)]]
    assert first.max() < 0.5  # a nineteenth of the way
    assert np.abs(z).max() > 1.5
