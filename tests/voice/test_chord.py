"""Four voices of one deck: in tune, without clicks, as loud as one, cheap; a replay gives the same bits."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lane_log import recorded, replay_of
from test_pitched_voice import PITCHED
from tiny import tiny_model

from perform.core import params
from perform.core.arena import Arena
from perform.core.event_log import FrameEvent, SoundingVoice, Tuning
from perform.core.params import VOICES, Table
from perform.engine import decoder_reset
from perform.engine.compiled_model import CompiledModel
from perform.engine.protocol import Stream, Vector
from perform.library.cards import change_card, trim_db
from perform.rave.config import PriorConfig
from perform.voice import chord, voice_stream
from perform.voice.voice import Voice, render

RATE = 48000
CELLO = Path(__file__).parents[2] / "models" / "cello.safetensors"
SEVENTH = (0.0, 4.0, 7.0, 10.0)  #: semitones above A3, without an octave between two notes


#: frame -> values of the deck: from one voice to four and back; notes come, go and slide; a chord is reset
NOTES = {
    10: {"voices": 4},
    15: {"note/2/gate": 1, "note/2/pitch": 7},
    30: {"note/1/gate": 1},
    40: {"note/2/pitch": -5.5, "tune": 3},
    70: {"note/1/gate": 0, "note/4/gate": 1, "note/4/pitch": 12},
    75: {"note/1/gate": 1},
    100: {"reset": 1},
    120: {"note/2/gate": 0, "note/4/gate": 0, "note/1/gate": 0, "tune": 0},
    170: {"note/3/gate": 1, "note/3/pitch": 2},
    190: {"voices": 1},
}


class Counted(CompiledModel):
    """Counts the streams that it decodes."""

    decoded = 0

    def render(self, streams: Sequence[Stream], z: Vector, noise: Vector) -> Vector:
        self.decoded += len(streams)
        return super().render(streams, z, noise)


class Player:
    """A voice on deck 1 at its model's home."""

    def __init__(self, model: CompiledModel, voices: int = VOICES) -> None:
        self.model, self.table = model, params.defaults()
        self.put(home=1, voices=voices)
        self.voice = Voice(model, 1, RATE, self.table)

    def put(self, **values: float) -> None:
        for name, value in values.items():
            params.set_value(self.table, f"deck/1/{name}", value)

    def notes(self, *pitches: float | None) -> None:
        """Let the first notes sound at these pitches; None: its gate closes."""
        notes(self.table, 1, *pitches)

    def play(self, seconds: float) -> np.ndarray:
        frames = round(seconds * RATE / self.model.card.ratio)
        sound = [render(self.model, [self.voice], [self.table])[0] for _ in range(frames)]
        return np.concatenate(sound)[:, 0]


def notes(table: Table, deck: int, *pitches: float | None) -> None:
    for number, pitch in enumerate(pitches, 1):
        params.set_value(table, f"deck/{deck}/note/{number}/gate", float(pitch is not None))
        if pitch is not None:
            params.set_value(table, f"deck/{deck}/note/{number}/pitch", pitch)


@pytest.fixture(scope="module")
def cello() -> Counted:
    model = Counted(CELLO)
    chord.warm_up(model)
    return model


def level_db(x: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(x.astype(np.float64) ** 2)) + 1e-12))


def test_each_note_of_a_chord_is_in_tune(cello: Counted) -> None:
    player = Player(cello)
    player.notes(*SEVENTH)
    y = player.play(1.8)[-3 * RATE // 2 :]
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y))))
    for semitones in SEVENTH:
        wanted = 220 * 2 ** (semitones / 12)
        at = round(wanted * 1.5 * 0.985)
        at += int(np.argmax(spectrum[at : round(wanted * 1.5 * 1.015)]))
        below, here, above = np.log(spectrum[at - 1 : at + 2])
        hz = (at + 0.5 * (below - above) / (below - 2 * here + above)) / 1.5
        assert abs(1200 * math.log2(hz / wanted)) < 5, (semitones, hz)
        assert here > np.log(0.01 * spectrum.max()), "this note sounds"


def test_one_voice_is_untouched_by_its_notes(cello: Counted) -> None:
    player, plain = Player(cello, voices=1), Player(cello, voices=1)
    player.notes(*SEVENTH)
    assert np.array_equal(player.play(0.3), plain.play(0.3))
    assert player.voice.chord.sounding is None and player.voice.chord.is_alone


def test_a_prior_plays_on_when_a_chord_ends(tmp_path: Path) -> None:
    prior = PriorConfig(latents=8, resolution=8, width=8, skip=16, kernel=3, layers=4, cycle=2)
    model = CompiledModel(tiny_model(tmp_path / "flute.safetensors", latents=8, prior=prior, **PITCHED))
    latents = []
    for voices in (1, 2):
        player = Player(model, voices)
        player.put(source=params.SOURCES.index("prior"))
        player.notes(0.0, 4.0)
        for i in range(60):
            player.put(voices=1 if i >= 40 else voices)
            player.play(model.card.ratio / RATE)
            latents.append(player.voice.source_latents.copy())
    assert np.array_equal(latents[:60], latents[60:])
    assert np.ptp(latents[50:60], axis=0).any()


def test_a_full_chord_is_as_loud_as_one_voice_and_never_near_the_limiter(cello: Counted) -> None:
    single, player = Player(cello, voices=1), Player(cello)
    alone = single.play(1.5)
    player.notes(*SEVENTH)
    full = player.play(1.5)
    assert abs(level_db(full[RATE // 2 :]) - level_db(alone[RATE // 2 :])) < 2
    trim = 10 ** (trim_db(cello.card) / 20)
    assert np.abs(full).max() * trim < 10 ** (-6 / 20), "the ceiling is at -1 dBFS"


def test_notes_fade_in_and_out_and_silence_costs_nothing(cello: Counted) -> None:
    player, cello.decoded = Player(cello), 0
    assert not player.play(0.1).any()
    assert player.voice.chord.notes == cello.decoded == 0, "nothing sounds, nothing is decoded"
    player.notes(3.0)
    begin = player.play(0.25)
    step = 2 * np.abs(np.diff(begin[RATE // 10 :])).max()
    frame_s = cello.card.ratio / RATE
    assert chord.ATTACK_S >= 0.01 and chord.RELEASE_S >= 0.01
    assert np.abs(np.diff(begin)).max() < step
    assert cello.decoded == round(0.25 / frame_s), "one stream"
    player.notes(None)
    end = player.play(0.1)
    quiet = round((chord.RELEASE_S + 2 * frame_s) * RATE)
    assert end[: round(0.03 * RATE)].any() and not end[quiet:].any()
    assert np.abs(np.diff(np.concatenate([begin[-1:], end]))).max() < step
    player.put(voices=1)
    assert player.play(0.2)[-1000:].any(), "one voice sounds by itself again"
    assert player.voice.chord.sounding is None


def test_a_change_of_gain_takes_at_least_ten_milliseconds(tmp_path: Path) -> None:
    """With frames of 2.7 ms; also while the deck is tuned up, which makes them shorter."""
    player = Player(CompiledModel(tiny_model(tmp_path / "flute.safetensors", latents=8, **PITCHED)))
    player.play(0.01)
    for tune in (0, 24):
        player.put(tune=tune)
        for pitches in ((0, 1, 2, 3), (None, 5, None, None), (None, None, None, None)):
            player.notes(*pitches)
            gains: dict[int, list[float]] = {}
            for _ in range(60):
                player.play(128 / RATE)
                for voice in player.voice.chord.sounding or ():
                    gains.setdefault(voice.number, [voice.before]).append(voice.after)
            most = 0.5 * player.voice.frame_s / 0.01  # half is the gain of one of four voices
            assert gains and all(np.abs(np.diff(each)).max() <= most for each in gains.values())


def test_four_voices_cost_less_than_two_and_a_half_times_one(cello: Counted) -> None:
    one, four = Player(cello, voices=1), Player(cello)
    four.notes(*SEVENTH)
    took: dict[Player, list[float]] = {one: [], four: []}
    for _ in range(120):
        for player in (one, four):
            began = time.process_time()
            player.play(512 / RATE)
            took[player].append(time.process_time() - began)
    assert np.median(took[four]) < 2.5 * np.median(took[one])


def test_a_note_of_a_model_that_chirps_at_first_begins_warm(
    tmp_path: Path, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So does the deck's own stream when it sounds again. A replay plays the same."""
    path = tiny_model(tmp_path / "flute.safetensors", latents=8, **PITCHED)
    change_card(path, {"warm_up": 3})
    model, resets = Counted(path), []

    def reset(model: CompiledModel, stream: Stream, warm_up: int, **options: bool) -> None:
        resets.append(warm_up)
        decoder_reset.reset(model, stream, warm_up, **options)

    monkeypatch.setattr(chord, "reset", reset)
    changes = {0: {"voices": 4}, 2: {"note/1/gate": 1}, 4: {"note/2/gate": 1}, 50: {"voices": 1}}
    sound, logged = recorded(arena, model, [changes.get(i, {}) for i in range(80)])
    assert resets == [3] * 4, "the deck's own stream twice, two notes"
    voices = [FrameEvent.unpack(payload, kind).voices for kind, payload in logged[1:]]
    heard = sum(1 if each is None else len(each) for each in voices)
    assert model.decoded == heard + 3, "it warms up once, and not while notes sound"
    wanted = np.concatenate(sound)
    assert np.array_equal(replay_of(logged, model).read(0, len(wanted)), wanted)


@pytest.mark.parametrize("sample_rate", [48000, 44100])
def test_a_lane_with_notes_replays_bit_by_bit(arena: Arena, tmp_path: Path, sample_rate: int) -> None:
    path = tiny_model(tmp_path / "flute.safetensors", sample_rate=sample_rate, latents=8, **PITCHED)
    model = CompiledModel(path)
    sound, logged = recorded(arena, model, [NOTES.get(i, {}) for i in range(220)])
    wanted = np.concatenate(sound)
    assert np.array_equal(replay_of(logged, model).read(0, len(wanted)), wanted)
    quiet = sum(len(audio) for audio in sound[:150])
    assert not wanted[quiet : quiet + 256].any() and wanted[-256:].any()


class Watched(chord.Chord):
    """Checks that no gain jumps, except where a stream begins."""

    def begin(self, seed: int, *, own: bool = True) -> None:
        super().begin(seed, own=own)
        self.gains, self.seen = {chord.OWN: 1.0} if own else {}, set[int]()

    def follow(self, voices: tuple[SoundingVoice, ...] | None, age: int) -> None:
        super().follow(voices, age)
        frame = (SoundingVoice(chord.OWN, 1, 0.0, 1.0, 1.0),) if voices is None else voices
        before = {voice.number: voice.before for voice in frame if voice.before}
        assert before == self.gains
        self.gains = {voice.number: voice.after for voice in frame if voice.after}
        self.seen |= self.gains.keys()


@pytest.mark.parametrize("ratios", [(8, 4), (2, 2)], ids=["longer", "shorter"])
@pytest.mark.parametrize("first", [0, 60])
def test_frames_of_another_length_play_the_notes_without_a_jump_of_gain(
    arena: Arena, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ratios: tuple[int, ...], first: int
) -> None:
    """As when a take is rendered with another model; from its beginning, and from within a chord."""
    model, other = (
        CompiledModel(tiny_model(tmp_path / f"{name}.safetensors", latents=8, **PITCHED, **shape))
        for name, shape in (("flute", {}), ("other", {"ratios": ratios}))
    )
    assert other.card.ratio != model.card.ratio
    sound, logged = recorded(arena, model, [NOTES.get(i, {}) for i in range(220)])
    monkeypatch.setattr(voice_stream, "Chord", Watched)
    replay = replay_of([logged[0], *logged[1 + first :]], other)
    begin = sum(map(len, sound[:first]))
    played = replay.read(begin, sum(map(len, sound)) - begin)
    assert replay._decoder and isinstance(replay._decoder.chord, Watched)
    assert replay._decoder.chord.seen >= {chord.OWN, 1, 3, 4} and replay._decoder.chord.is_alone
    assert np.isfinite(played).all() and np.abs(played[-RATE // 20 :]).max() > 0.01


voices_of_a_frame = st.lists(
    st.builds(
        SoundingVoice,
        st.integers(0, VOICES),
        st.integers(0, 2**32 - 1),
        *(st.floats(-10, 10, width=32) for _ in range(3)),
    ),
    max_size=VOICES + 1,
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(voices_of_a_frame, st.one_of(st.none(), st.just(Tuning(1.0, 2.0, 0.5))), st.integers(0, 60))
def test_a_frame_of_voices_comes_back_from_the_log(
    voices: list[SoundingVoice], tuning: Tuning | None, cut: int
) -> None:
    frame = FrameEvent(5, 6, 7, 0.5, np.zeros(3, np.float32), tuning, tuple(voices))
    packed = frame.pack()
    back = FrameEvent.unpack(packed, frame.kind)
    assert (back.voices, back.tuning, back.age) == (frame.voices, tuning, 6)
    if cut % 4:
        with pytest.raises(ValueError, match="cut short"):
            FrameEvent.unpack(packed[: max(0, len(packed) - cut)], frame.kind)
