"""A deck encodes or processes another deck's sound, or its own: in time, guarded, and replayed."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from lane_log import events, replay_of
from modules import Swap, export
from test_effect_modules import FRAME, deck_sound, opened
from test_sources import BLOCK, RATE, Rig, noise
from tiny import tiny_model

from perform.cli import main
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, lanes_of
from perform.core.messages.host_messages import DeckAssignment
from perform.engine.compiled_model import CompiledModel
from perform.engine.protocol import PlayableModel
from perform.foreign.torchscript_model import TorchscriptModel
from perform.offline import replay
from perform.recorder import take_index
from perform.voice.feedback import FULL_S, Feedback
from perform.voice.frame_writer import FrameWriter
from perform.voice.lane_context import NOBODY, HeardDeck, heard_deck
from perform.voice.voice import render

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def swap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return export(Swap(), tmp_path_factory.mktemp("swap") / "swap.ts")


@pytest.fixture
def model(swap: Path) -> TorchscriptModel:
    return opened(swap, delay=Swap.LATE)


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny.safetensors")


def rig_of(arena: Arena, *models: tuple[PlayableModel, Path]) -> Rig:
    """Decks 1, 2... with these models; each knows the others' cards."""
    rig = Rig(arena, *(one for one, _ in models))
    decks = {deck: DeckAssignment(str(path)) for deck, (_, path) in enumerate(models, 1)}
    for deck in decks:
        rig.assignments[deck].update(decks, {deck}, {})
    return rig


def effect(model: TorchscriptModel, swap: Path) -> tuple[TorchscriptModel, Path]:
    return model, swap.with_suffix(".None.safetensors")


def encoding(arena: Arena, path: Path, **values: float) -> Rig:
    """Deck 1 encodes deck 2's sound."""
    one, other = CompiledModel(path), CompiledModel(path)
    rig = rig_of(arena, (one, path), (other, path))
    rig.source(1, "deck")
    rig.put(deck_1_from=1, deck_1_encode=1, input_open=1, input_gate=params.GATE_FLOOR_DB, **values)
    arena.lanes[lanes_of(2)[0], LANE["trim"]] = 6.0
    return rig


def test_a_deck_encodes_the_sound_of_another_without_gaps(arena: Arena, tiny_file: Path) -> None:
    rig = encoding(arena, tiny_file)
    rig.source(2, "walk")
    rig.put(deck_2_speed=4)
    rig.play(np.zeros(RATE // 2, np.float32))
    playable = rig.voices[1][0]
    ratio, heard = playable.card.ratio, deck_sound(rig, 2).mean(axis=1) * np.float32(10 ** (6 / 20))
    frames, found = rig.frames[1][100:150], []
    for late in range(ratio, 4 * ratio):
        stream, wrong = playable.encoder.stream(), []
        for sounds, z in frames:
            x = heard[sounds - late :][:ratio]
            wrong.append(np.abs(playable.encoder.encode([stream], x[None, None])[0] - z).max())
            if len(wrong) > 30 and wrong[-1] > 1e-4:
                break  # its memory is shorter than 30 frames
        else:
            found.append(late)
    assert len(found) == 1, "its latents are those of that deck's sound, always as late"
    assert rig.z(1)[100:].std(axis=0).max() > 0.01


@pytest.mark.parametrize("tune", [0.0, 7.0, -5.0])
def test_the_delay_from_the_live_input_is_steady(arena: Arena, tiny_file: Path, tune: float) -> None:
    rig, delays = encoding(arena, tiny_file, deck_1_tune=tune), []
    rig.source(2, "input")
    for i in range(60):
        rig.play(noise(BLOCK, i))
        arena.lanes[lanes_of(2)[0], LANE["behind"]] = rig.voices[2][2].input_delay  # the stage does it
        delays.append(rig.voices[1][2].input_delay)
    assert np.ptp(delays[30:]) < 128, "it changes by less than a frame"
    assert min(delays[30:]) > rig.voices[2][2].input_delay


def test_without_it_the_deck_follows_latents_as_before(arena: Arena, tiny_file: Path) -> None:
    rig = encoding(arena, tiny_file)
    rig.put(deck_1_encode=0)
    rig.source(2, "walk")
    rig.play(noise(RATE // 2))
    assert np.abs(rig.z(1)[-1] - rig.z(2)[-1]).max() < 0.1 and rig.voices[1][2].leader_input is None


def test_a_leader_that_plays_nothing_is_silence(arena: Arena, tiny_file: Path) -> None:
    rig = encoding(arena, tiny_file)
    arena.lanes[lanes_of(2)[0], LANE["gate"]] = 0
    rig.play(noise(RATE // 4))
    assert rig.z(1)[-1] == pytest.approx(rig.voices[1][0].encoder.silence, abs=1e-6)


def test_whose_sound_a_deck_gets() -> None:
    """Decks 1, 2 and 3 hear each other in a circle, 4 itself, 5 a deck of the circle, 6 a deck outside."""
    table = params.defaults()
    for deck, leader in ((1, 2), (2, 3), (3, 1), (4, 4), (5, 1), (6, 7)):
        params.set_value(table, f"deck/{deck}/source", params.SOURCES.index("deck"))
        params.set_value(table, f"deck/{deck}/from", leader - 1)
    heard = [heard_deck(table, deck) for deck in range(1, 7)]
    assert heard == [NOBODY, NOBODY, NOBODY, NOBODY, HeardDeck(1, None), HeardDeck(7, None)]
    params.set_value(table, "deck/2/feedback", 0.5)
    params.set_value(table, "deck/4/feedback", 1.0)
    assert [heard_deck(table, deck) for deck in (1, 2, 4)] == [NOBODY, HeardDeck(3, 0.5), HeardDeck(4, 1.0)]


def loop(arena: Arena, model: TorchscriptModel, swap: Path, **values: float) -> Rig:
    """Deck 1 plays the live input, then its own sound comes back to it."""
    rig = rig_of(arena, effect(model, swap))
    rig.source(1, "input")
    rig.put(input_open=1, input_gate=params.GATE_FLOOR_DB, **values)
    rig.play(noise(RATE // 16))
    rig.source(1, "deck")
    return rig


def test_a_deck_hears_itself_two_frames_later(arena: Arena, model: TorchscriptModel, swap: Path) -> None:
    rig = loop(arena, model, swap, deck_1_feedback=0.5)
    arena.lanes[lanes_of(1)[0], LANE["behind"]] = 1000.0  # still that of the live input
    rig.play(np.zeros(RATE // 16, np.float32))
    y, turn = deck_sound(rig, 1)[-1500:], 2 * FRAME + model.card.delay
    assert np.allclose(y[turn:], 0.5 * y[:-turn, ::-1], atol=1e-6), "sides change at each turn"
    assert np.abs(y).max() > 1e-4
    assert rig.voices[1][2].input_delay == 0.0, "no input reaches a loop, so no delay adds up in it"


def test_two_decks_hear_each_other(arena: Arena, model: TorchscriptModel, swap: Path) -> None:
    path = swap.with_suffix(".None.safetensors")
    rig = rig_of(arena, (model, path), (TorchscriptModel(path, lambda: None), path))
    rig.source(1, "deck")
    rig.source(2, "input")
    rig.put(deck_1_from=1, input_open=1, input_gate=params.GATE_FLOOR_DB)
    rig.put(deck_1_feedback=0.9, deck_2_feedback=0.9)
    rig.play(noise(RATE // 16))
    rig.source(2, "deck")
    rig.play(np.zeros(RATE // 4, np.float32))
    late = np.abs(deck_sound(rig, 1)[-2000:]).max()
    assert 1e-4 < late < 0.3, "it decays"
    rig.put(deck_2_feedback=0)
    rig.play(np.zeros(RATE // 8, np.float32))
    assert not deck_sound(rig, 1)[-2000:].any(), "one deck without feedback ends it"


def test_a_loop_that_grows_is_lowered_until_feedback_was_off(
    arena: Arena, model: TorchscriptModel, swap: Path
) -> None:
    rig = loop(arena, model, swap, deck_1_feedback=1, deck_1_attribute_1=2)
    voice = rig.voices[1][2]
    rig.play(np.zeros(RATE // 4, np.float32))
    assert np.abs(rig.voices[1][3].past(4000)).max() < 2.001 and not voice.deck_sound.feedback.lowered
    rig.play(np.zeros(RATE, np.float32))
    assert voice.deck_sound.feedback.lowered
    rig.play(np.zeros(3 * RATE // 2, np.float32))
    assert np.abs(rig.voices[1][3].past(2000)).max() < 0.01
    rig.put(deck_1_feedback=0)
    rig.play(np.zeros(RATE // 32, np.float32))
    assert not voice.deck_sound.feedback.lowered


def test_the_guard_lowers_a_howl_and_no_music() -> None:
    time, fade = np.arange(2 * RATE) / RATE, np.minimum(np.arange(2 * RATE) / RATE, 1.0)
    sounds = {
        "howl": (0.9 * fade * np.sin(2 * np.pi * 1000 * time), True),
        "loud noise": (np.clip(3 * noise(2 * RATE) * 10, -1, 1), True),
        "chord": (
            0.2 * sum(np.sin(2 * np.pi * f * k * time) / k for f in (220, 277, 330) for k in (1, 2, 3)),
            False,
        ),
        "loud bursts": (noise(2 * RATE) * 10 * ((time % 0.4) < 0.2), False),
    }
    for name, (x, lowered) in sounds.items():
        feedback = Feedback(RATE)
        frames = x.astype(np.float32).reshape(-1, 1, 128)
        y = np.concatenate([feedback(frame, 1.0) for frame in frames], 1)
        assert feedback.lowered == lowered, name
        assert np.abs(y).max() <= 1.0
        if lowered:
            assert np.abs(y[0, -2000:]).max() < 0.3, name
    assert FULL_S < 1.0


def test_a_loop_replays_bit_by_bit(arena: Arena, model: TorchscriptModel, swap: Path) -> None:
    rig = loop(arena, model, swap, deck_1_feedback=0.7)
    (playable, _, voice, ring), sound = rig.voices[1], []
    writer, out = FrameWriter(arena, 0, playable, voice, RATE), np.zeros((BLOCK, 2), np.float32)
    params.trigger(arena.table, "deck/1/reset")
    params.set_value(arena.table, "deck/1/z/0/bias", 0.1)
    for i in range(80):
        params.set_value(arena.table, "deck/1/feedback", 0.5 + i / 160)
        voice.apply(arena.table)
        (audio,) = render(playable, [voice], [arena.table])
        writer.write(audio, arena.table)
        sound.append(audio)
        rig.mixer.fill(out)
    wanted, again = np.concatenate(sound), replay_of(events(arena.event_logs[0].read(0)), playable, deck=1)
    got = again.read(ring.written - len(wanted), len(wanted))
    assert np.array_equal(got, wanted)
    assert np.abs(wanted[-2000:]).max() > 0.05


SET = """
name = "loops"
[[songs]]
name = "one"
decks = { 1 = "bells", 2 = "choir", 3 = "bells" }
[songs.values]
"deck/1/source" = "walk"
"deck/2/source" = "deck"
"deck/2/from" = "1"
"deck/2/encode" = "on"
"deck/3/source" = "deck"
"deck/3/from" = "3"
"deck/3/encode" = "on"
"deck/3/feedback" = 0.8
"deck/3/seed" = 5
"""


def test_a_set_with_a_loop_renders_and_replays_the_same_bits(tmp_path: Path, tiny_models: Path) -> None:
    (tmp_path / "set.toml").write_text(SET)
    sounds = []
    for name in ("takes", "again"):
        options = ["--seconds", "0.4", "--take", str(tmp_path / name)]
        done = CliRunner().invoke(main, ["render", str(tmp_path / "set.toml"), *options])
        assert done.exit_code == 0, done.output
        take = take_index.read(Path(done.stdout.strip()))
        sounds.append(soundfile.read(take.path)[0])
    replay.render(take, tmp_path / "again.wav", replay.ReplayOptions(), lambda seconds: None)
    sounds.append(soundfile.read(tmp_path / "again.wav")[0])
    assert np.abs(sounds[0]).max() > 0.01
    assert np.array_equal(sounds[0], sounds[1]) and np.array_equal(sounds[0], sounds[2])
