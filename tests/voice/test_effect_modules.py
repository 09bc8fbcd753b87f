"""A deck with an effect module processes the live input or a file, at audio rate, and its lane replays."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lane_log import events, replay_of
from module_files import no_sandbox, wrapped
from modules import Bare, Swap, export
from peers.environment import export as genuine
from test_sources import BLOCK, RATE, Rig, noise

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, lanes_of
from perform.core.messages.host_messages import DeckAssignment, FileAssignment
from perform.foreign import sandbox
from perform.foreign.loaded_module import LoadedModule
from perform.foreign.probe_process import measure_delay
from perform.foreign.torchscript_model import TorchscriptModel
from perform.rave.archive import read
from perform.voice.frame_writer import FrameWriter
from perform.voice.voice import render

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

FRAME = 256


def opened(path: Path, method: str | None = None, delay: int = 0) -> TorchscriptModel:
    made = wrapped(read(path), path.with_suffix(f".{method}.safetensors"), method, delay)
    return TorchscriptModel(made, no_sandbox)


@pytest.fixture(scope="module")
def swap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return export(Swap(), tmp_path_factory.mktemp("swap") / "swap.ts")


@pytest.fixture
def model(swap: Path) -> TorchscriptModel:
    return opened(swap, delay=Swap.LATE)


def delayed(x: np.ndarray, frames: int) -> np.ndarray:
    return np.concatenate([np.zeros(frames, x.dtype), x])[: len(x)]


def test_the_probe_measures_the_delay_of_the_method_that_plays(
    swap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.Allowance, "renew", lambda self: None)  # it would end this process
    module = LoadedModule(read(swap), no_sandbox)
    assert measure_delay(module, module.methods["forward"]) == Swap.LATE
    assert measure_delay(module, module.methods["thin"]) == 0


def deck_sound(rig: Rig, deck: int) -> np.ndarray:
    """What the deck's voice has rendered and the mixer has read: the ring's last frames, (n, 2)."""
    ring = rig.voices[deck][3]
    return ring.past(ring.position)


def listening(arena: Arena, model: TorchscriptModel) -> Rig:
    rig = Rig(arena, model)
    rig.source(1, "input")
    rig.put(input_open=1, input_gate=params.GATE_FLOOR_DB)
    return rig


def test_the_live_input_comes_out_of_the_module_as_late_as_the_deck_says(
    arena: Arena, model: TorchscriptModel
) -> None:
    rig, sound = listening(arena, model), noise(RATE // 4)
    rig.play(sound)
    voice, y = rig.voices[1][2], deck_sound(rig, 1)
    late = round(voice.input_delay)
    assert late == 400 + FRAME + Swap.LATE
    first = FRAME * 8  # behind the fade from silence
    assert np.allclose(y[first:, 0], delayed(sound, late)[first : len(y)], atol=1e-6)
    assert y[first:].any()


def test_a_module_at_another_rate_is_resampled_and_still_on_time(arena: Arena, swap: Path) -> None:
    module = Swap()
    module.sr = 44100
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slow = opened(export(module, swap.with_name("slow.ts")), delay=Swap.LATE)
    rig = listening(arena, slow)
    sound = np.zeros(RATE // 4, np.float32)
    sound[6000:6400] = 0.3 * np.sin(np.arange(400) * 2 * np.pi * 1000 / RATE) * np.hanning(400)
    rig.play(sound)
    y = deck_sound(rig, 1)[:, 0]
    late = int(np.argmax(np.correlate(y, sound[6000:6400], "valid"))) - 6000
    assert late == pytest.approx(rig.voices[1][2].input_delay, abs=2)


def test_scale_is_the_gain_of_an_input_and_bias_is_added(arena: Arena, model: TorchscriptModel) -> None:
    rig, sound = listening(arena, model), noise(RATE // 4)
    rig.put(deck_1_z_0_scale=0.5, deck_1_z_1_mute=1, deck_1_z_1_bias=0.25, deck_1_wet=0.5)
    rig.play(sound)
    y, late = deck_sound(rig, 1), 400 + FRAME + Swap.LATE
    first = FRAME * 8
    assert np.allclose(y[first:, 1], 0.25 * delayed(sound, late)[first : len(y)], atol=1e-6)
    assert np.allclose(y[first:, 0], 0.25, atol=1e-6), "the muted input has its bias alone"


@pytest.mark.parametrize("quiet", [{"deck_1_freeze": 1}, {"input_gate": 0}, {"input_open": 0}], ids=str)
def test_freeze_a_closed_gate_and_a_closed_input_give_silence_without_a_click(
    arena: Arena, model: TorchscriptModel, quiet: dict[str, float]
) -> None:
    rig = listening(arena, model)
    steady = (0.3 * np.sin(np.arange(72 * BLOCK) * 2 * np.pi * 100 / RATE)).astype(np.float32)
    first, rest = steady[: 24 * BLOCK], steady[24 * BLOCK :]
    rig.play(first)
    rig.put(**quiet)
    rig.play(rest)
    y = deck_sound(rig, 1)[:, 0]
    assert np.abs(y[-2000:]).max() < 1e-6
    assert np.abs(y[: len(first)]).max() > 0.29
    assert np.abs(np.diff(y)).max() < 0.05, "a step would be up to 0.3"


def test_tuning_does_not_change_the_pace_of_an_effect(arena: Arena, model: TorchscriptModel) -> None:
    rig, sound = listening(arena, model), noise(RATE // 8)
    rig.put(deck_1_tune=7)
    rig.play(sound)
    assert rig.voices[1][2].ratio == 1.0


@pytest.mark.parametrize("method", ["through", "midside", "saturate"])
def test_modules_of_the_package_process_sound(arena: Arena, tmp_path: Path, method: str) -> None:
    path = tmp_path / "effects.ts"
    path.write_bytes(genuine("script_effects").read_bytes())
    effects = opened(path, method)
    assert effects.takes_sound
    frame = effects.card.ratio
    rig, sound = listening(arena, effects), noise(RATE // 4)
    rig.play(sound)
    y, late = deck_sound(rig, 1), 400 + frame
    wanted = {"through": sound, "midside": sound, "saturate": np.tanh(sound)}[method]
    first = frame * 4
    assert np.allclose(y[first:, 0], delayed(wanted, late)[first : len(y)], atol=1e-6)
    if method == "midside":
        assert np.abs(y[first:, 1]).max() < 1e-6


def playing_file(tmp_path: Path, arena: Arena, model: TorchscriptModel, sound: np.ndarray) -> Rig:
    path = tmp_path / "file.wav"
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    arena.lanes[lanes_of(1)[0], LANE["file"]] = 7
    rig = Rig(arena, model)
    rig.assignments[1].update({1: DeckAssignment("", model.sha256)}, {1}, {7: FileAssignment(str(path), 1)})
    rig.source(1, "file")
    return rig


def test_a_file_plays_through_the_module_sample_by_sample(
    tmp_path: Path, arena: Arena, model: TorchscriptModel
) -> None:
    left = noise(RATE // 8)
    sound = np.stack([left, np.zeros_like(left)], 1)
    rig = playing_file(tmp_path, arena, model, sound)
    rig.put(deck_1_file_loop=0)
    rig.play(np.zeros(RATE // 4, np.float32))
    y = deck_sound(rig, 1)
    late = delayed(left, Swap.LATE)
    assert np.allclose(y[1000 : len(left), 1], late[1000:], atol=1e-6), "left goes to the right"
    assert not y[: len(left), 0].any()
    assert np.abs(y[len(left) + 2000 :]).max() < 1e-6, "it ends"
    params.trigger(arena.table, "deck/1/file/play")
    rig.play(np.zeros(RATE // 8, np.float32))
    assert np.abs(deck_sound(rig, 1)[-4000:, 1]).max() > 0.1, "it plays again"
    rig.put(deck_1_file_loop=1)
    params.trigger(arena.table, "deck/1/file/stop")
    rig.play(np.zeros(RATE // 8, np.float32))
    assert np.abs(deck_sound(rig, 1)[-4000:]).max() < 1e-6, "a loop stops"


def test_a_loop_of_a_file_has_no_click_and_speed_reads_it_faster(
    tmp_path: Path, arena: Arena, model: TorchscriptModel
) -> None:
    wave = (0.4 * np.sin(np.arange(RATE // 4) * 2 * np.pi * 90 / RATE)).astype(np.float32)
    rig = playing_file(tmp_path, arena, model, wave)
    rig.put(deck_1_file_start=0.2, deck_1_file_end=0.337, deck_1_speed=2)
    rig.play(np.zeros(RATE // 2, np.float32))
    y = deck_sound(rig, 1)[:, 1]
    assert np.abs(np.diff(y[2000:])).max() < 0.05, "each seam would be a step of up to 0.8"
    spectrum = np.abs(np.fft.rfft(y[4000:20384] * np.hanning(16384)))
    assert np.argmax(spectrum) * RATE / 16384 == pytest.approx(180, abs=25)


def test_a_loop_of_a_whole_file_has_no_click(tmp_path: Path, arena: Arena, model: TorchscriptModel) -> None:
    """It begins again between two frames; the file begins at its peak."""
    wave = (0.4 * np.cos(np.arange(RATE // 8) * 2 * np.pi * 90 / RATE)).astype(np.float32)
    rig = playing_file(tmp_path, arena, model, wave)
    rig.play(np.zeros(RATE // 2, np.float32))
    y = deck_sound(rig, 1)[:, 1]
    assert np.abs(np.diff(y[2000:])).max() < 0.05, "each seam would be a step of 0.4"
    assert np.abs(y[-RATE // 8 :]).max() > 0.3, "it plays again"


def test_the_dry_sound_coincides_with_an_effect_that_is_late(
    tmp_path: Path, arena: Arena, model: TorchscriptModel
) -> None:
    """The module swaps left and right; both sides are the same."""
    rig = playing_file(tmp_path, arena, model, np.repeat(noise(RATE // 8)[:, None], 2, 1))
    rig.put(deck_1_file_loop=0)
    rig.play(np.zeros(RATE // 8, np.float32))
    wet = deck_sound(rig, 1)
    params.trigger(arena.table, "deck/1/file/play")
    params.trigger(arena.table, "deck/1/reset")
    rig.put(deck_1_file_dry=0, deck_1_file_wet=0)
    rig.play(np.zeros(RATE // 8, np.float32))
    both = deck_sound(rig, 1)[len(wet) :]
    n = min(len(both), len(wet)) - 1000
    assert np.allclose(both[1000:n], 2.0 * wet[1000:n], atol=1e-6)


def test_a_lane_replays_the_sound_bit_by_bit(arena: Arena, model: TorchscriptModel) -> None:
    """With knobs and an attribute that move, a reset, and a source that gives no sound."""
    rig = listening(arena, model)
    voice, context, ring = rig.voices[1][2], rig.voices[1][1], rig.voices[1][3]
    writer, sound = FrameWriter(arena, 0, model, voice, RATE), []
    given, out = noise(RATE), np.zeros((BLOCK, 2), np.float32)
    for i in range(120):
        params.set_value(arena.table, "deck/1/z/0/scale", np.sin(i / 9))
        params.set_value(arena.table, "deck/1/attribute/1", 1.0 + i / 100)
        rig.source(1, "hand" if 70 <= i < 90 else "input")
        if i == 40:
            params.trigger(arena.table, "deck/1/reset")
        voice.apply(arena.table)
        if voice.encoder_input:
            voice.encoder_input.follow(context.next_sounds_at(), 400, BLOCK / 2)
        (audio,) = render(model, [voice], [arena.table])
        writer.write(audio, arena.table)
        sound.append(audio)
        rig.mixer.fill(out, np.repeat(given[i * BLOCK : (i + 1) * BLOCK, None], 2, 1))
    wanted, replay = np.concatenate(sound), replay_of(events(arena.event_logs[0].read(0)), model, deck=1)
    assert np.array_equal(replay.read(0, len(wanted)), wanted)
    assert np.abs(wanted[-2000:]).max() > 0.05
    assert ring.written == len(wanted)


def test_a_method_at_one_slow_rate_plays_as_in_nn_tilde(arena: Arena, tmp_path: Path) -> None:
    """All methods have a ratio of 512: each value of the input counts once, and is held."""
    module = Bare()
    module.forward_params[:] = module.forward_params.new_tensor([1, 512, 1, 512])
    slow = opened(export(module, tmp_path / "slow.ts"))
    assert (slow.card.ratio, slow.takes_sound) == (512, True)
    rig, sound = listening(arena, slow), noise(RATE // 4)
    rig.play(sound)
    y = deck_sound(rig, 1)[:, 0]
    held = np.repeat(y[512 * 8 : 512 * 16 : 512], 512)
    assert np.array_equal(y[512 * 8 : 512 * 16], held) and np.ptp(held) > 0.01


def following(arena: Arena, effect: TorchscriptModel, leader: TorchscriptModel, *files: Path) -> Rig:
    """An effect on deck 1 that takes the sound of deck 2, which plays the live input."""
    rig = Rig(arena, effect, leader)
    decks = {deck: DeckAssignment(str(file)) for deck, file in enumerate(files, 1)}
    rig.assignments[1].update(decks, {1}, {})
    rig.source(1, "deck")
    rig.source(2, "input")
    rig.put(deck_1_from=1, input_open=1, input_gate=params.GATE_FLOOR_DB)
    arena.set_meter("burst", BLOCK)
    arena.lanes[lanes_of(2)[0], LANE["behind"]] = 1.0  # the mixer's; it has to be known
    return rig


def test_an_effect_takes_the_sound_of_another_deck_without_gaps(arena: Arena, swap: Path) -> None:
    thin, module = opened(swap, "thin"), opened(swap, delay=Swap.LATE)
    files = (swap.with_suffix(f".{method}.safetensors") for method in (None, "thin"))
    rig = following(arena, module, thin, *files)
    arena.lanes[lanes_of(2)[0], LANE["trim"]] = 6.0
    sound = noise(RATE // 4)
    rig.play(sound)
    y, leader = deck_sound(rig, 1), deck_sound(rig, 2)
    first = FRAME * 12
    gaps = [
        d
        for d in range(2 * FRAME, 6 * FRAME)
        if np.allclose(y[first:, 0], delayed(leader[:, 0], d)[first:] * 10 ** (6 / 20), atol=1e-5)
    ]
    assert len(gaps) == 1, "the same delay all the time"
    assert round(rig.voices[1][2].input_delay) == 1 + gaps[0]


def test_its_delay_is_known_and_keeps_still_at_another_rate_and_while_the_mixer_reads(
    arena: Arena, swap: Path
) -> None:
    """The dry input fades at each change of a delay."""
    module = Swap()
    module.sr = 44100
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slow = opened(export(module, swap.with_name("slow.ts")), delay=Swap.LATE)
    files = swap.with_name("slow.None.safetensors"), swap.with_suffix(".thin.safetensors")
    rig = following(arena, slow, opened(swap, "thin"), *files)
    sound, delays = np.zeros(96 * BLOCK, np.float32), []
    sound[12000:12400] = 0.3 * np.sin(np.arange(400) * 2 * np.pi * 1000 / RATE) * np.hanning(400)
    for block in sound.reshape(-1, BLOCK):
        rig.play(block)
        delays.append(rig.voices[1][2].input_delay)
    assert set(delays[16:]) == {delays[-1]}, "it has begun again until it was far enough behind"
    y, leader = (deck_sound(rig, deck)[:, 0] for deck in (1, 2))
    burst = leader[np.argmax(np.abs(leader)) - 200 :][:400]
    late = [int(np.argmax(np.correlate(each, burst, "valid"))) for each in (y, leader)]
    assert 1 + late[0] - late[1] == pytest.approx(delays[-1], abs=3)
    arena.ring_reads.begin_write()
    arena.rings[lanes_of(2)[0]].read(np.zeros((BLOCK, 2), np.float32))  # the mixer has read one of the two
    voice = rig.voices[1][2]
    voice.apply(arena.table)
    render(slow, [voice], [arena.table])
    arena.ring_reads.end_write()
    assert voice.input_delay == delays[-1]


def test_an_effect_that_would_take_its_own_sound_gets_none(arena: Arena, model: TorchscriptModel) -> None:
    rig = Rig(arena, model)
    rig.source(1, "deck")
    rig.put(deck_1_from=0, deck_1_z_0_bias=0.5)
    rig.play(np.zeros(RATE // 8, np.float32))
    assert np.allclose(deck_sound(rig, 1)[FRAME * 4 :, 1], 0.5)
