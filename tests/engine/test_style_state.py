"""A compiled AdaIN learns the same style as the torch model and the genuine module; its voice keeps it."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from lane_log import events
from module_files import no_sandbox, wrapped
from peers.environment import export as genuine
from tiny import tiny_model

from perform.core import params
from perform.core.arena import Arena
from perform.core.event_log import ALL_VALUES
from perform.core.ring_buffers import RingBuffer
from perform.engine.compiled_model import CompiledEncoder, CompiledModel
from perform.foreign.conversion import convert
from perform.foreign.module_instance import SEED_STEP
from perform.foreign.torchscript_model import TorchscriptModel
from perform.rave import style_transfer
from perform.rave.archive import read
from perform.rave.blocks import SOURCE, TARGET
from perform.rave.model import RAVE
from perform.rave.model_files import load
from perform.voice.assignments import Assignments
from perform.voice.frame_writer import FrameWriter
from perform.voice.lane_context import LaneContext
from perform.voice.lane_replay import LaneReplay
from perform.voice.recorded_streams import recorded_streams
from perform.voice.voice import Voice, render

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

RATE = 8000
#: what is done before so many frames: a switch, an action, or nothing
STEPS = [
    (("", 0), 3),
    (("learn_target", 1), 4),
    (("learn_source", 1), 2),  # a target goes first
    (("learn_target", 0), 4),
    (("learn_source", 0), 3),
    (("reset_target", None), 2),
    (("learn_target", 1), 3),
    (("learn_target", 0), 3),
    (("reset_source", None), 2),
]


@pytest.fixture(scope="module")
def styled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shape = {"adain": True, "activation": "snake", "encoder": "convolutional"}
    return tiny_model(tmp_path_factory.mktemp("styled") / "styled.safetensors", **shape)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With few frames a second."""
    shape = {"adain": True, "activation": "snake", "sample_rate": RATE}
    return tiny_model(tmp_path_factory.mktemp("slow") / "slow.safetensors", **shape)


def logged(stream: object, model: RAVE, now: set[str], what: str, value: int | None) -> None:
    """A step, to a stream and to the model itself."""
    if value is None:
        stream.act(what)  # type: ignore[attr-defined]
        style_transfer.forget(model, TARGET if what == "reset_target" else SOURCE)
    elif what:
        stream.set(what, float(value))  # type: ignore[attr-defined]
        now.add(what) if value else now.discard(what)
        side = SOURCE if "learn_source" in now else None
        style_transfer.set_learning(model, TARGET if "learn_target" in now else side)


@torch.inference_mode()
def test_a_stream_learns_the_same_style_as_the_torch_model(styled: Path) -> None:
    playable, encoder = CompiledModel(styled), CompiledEncoder(styled)
    assert [attribute.name for attribute in playable.attributes] == ["learn_target", "learn_source"]
    assert playable.actions == ["reset_target", "reset_source"]
    for half in (playable, encoder):
        model, random, now = load(styled), np.random.default_rng(0), set[str]()
        stream, other, alone = (half.stream() for _ in range(3))
        state = model.decoder_state(1) if half is playable else model.encoder_state(1)
        for (what, value), frames in STEPS:
            logged(stream, model, now, what, value)
            for _ in range(frames):
                if half is playable:
                    z, noise = (
                        random.standard_normal((1, n)).astype(np.float32) for n in (4, playable.noise)
                    )
                    wanted, state = model.decode(
                        torch.from_numpy(z[..., None]), torch.from_numpy(noise[..., None]), state
                    )
                    y = playable.render([stream, other], z.repeat(2, 0), noise.repeat(2, 0))
                    plain = playable.render([alone], z, noise)
                else:
                    x = 0.3 * random.standard_normal((1, 1, playable.card.ratio)).astype(np.float32)
                    mean, state = model.encode(torch.from_numpy(x), state)
                    wanted = mean[..., 0]
                    y, plain = encoder.encode([stream, other], x.repeat(2, 0)), encoder.encode([alone], x)
                np.testing.assert_allclose(y[:1], wanted.numpy(), atol=2e-5)
                np.testing.assert_allclose(y[1:], plain, atol=1e-6)
        assert stream.style.is_default, "all is forgotten"


def test_an_encoder_learns_nothing_from_silence(styled: Path) -> None:
    """A closed gate gives zeros, whose deviation is 0: learnt, it would amplify all sound after it."""
    encoder, random = CompiledEncoder(styled), np.random.default_rng(0)
    paused, plays_on = encoder.stream(), encoder.stream()
    for stream in (paused, plays_on):
        stream.set("learn_source", 1.0)
    silence = np.zeros((1, 1, encoder.card.ratio), np.float32)
    assert paused.saved_style == b""
    for _ in range(30):
        encoder.encode([paused], silence)
    assert np.array_equal(paused.style.values, plays_on.style.values)
    x = 0.3 * random.standard_normal(silence.shape).astype(np.float32)
    encoder.encode([paused, plays_on], np.concatenate([silence, x]))
    assert not np.array_equal(paused.style.values, plays_on.style.values)


def test_a_learnt_style_survives_a_reset_but_not_its_voice(styled: Path) -> None:
    model, table = CompiledModel(styled), params.defaults()
    one = np.ones((1, 4), np.float32), np.zeros((1, model.noise), np.float32)

    def played(stream: object) -> np.ndarray:
        return np.concatenate([model.render([stream], *one)[0, 0] for _ in range(4)])

    first = played(model.stream())
    voice = Voice(model, 1, 48000, table)
    for name in ("deck/1/attribute/1", "deck/1/attribute/2"):
        params.set_value(table, name, 1)
        for _ in range(3):
            render(model, [voice], [table])
        params.set_value(table, name, 0)
    params.trigger(table, "deck/1/reset")
    render(model, [voice], [table])
    voice.stream.reset()
    learnt = played(voice.stream)
    assert not np.allclose(learnt, first, atol=1e-3)
    voice.stream.reset()
    assert np.array_equal(played(voice.stream), learnt)
    params.trigger(table, "deck/1/action/2")  # reset_source
    render(model, [voice], [table])
    voice.stream.reset()
    np.testing.assert_allclose(played(voice.stream), first, atol=1e-6)
    voice.stream.style.values[:] = np.nan
    voice.stream.reset()
    assert np.array_equal(played(voice.stream), first), "a style with NaN is forgotten"


def test_an_encoder_gets_and_keeps_the_attributes_of_its_voice(styled: Path, arena: Arena) -> None:
    model, table = CompiledModel(styled), arena.table
    voice = Voice(model, 1, 48000, table, LaneContext(arena, 0, Assignments(model, print)))
    source, learn = "deck/1/source", "deck/1/attribute/1"
    params.set_value(table, learn, 1)
    render(model, [voice], [table])
    params.set_value(table, source, params.SOURCES.index("input"))
    render(model, [voice], [table])  # it begins to listen
    arena.input.write(np.ones((4096, 2), np.float32))
    render(model, [voice], [table])
    assert voice.encoder_input
    style = voice.encoder_input.stream.style
    assert style.learning.tolist() == [0, 1]
    assert style.values[1] == 1
    params.set_value(table, source, params.SOURCES.index("hand"))
    params.set_value(table, learn, 0)
    render(model, [voice], [table])
    assert voice.encoder_input is None
    params.set_value(table, source, params.SOURCES.index("input"))
    render(model, [voice], [table])
    assert voice.encoder_input
    assert voice.encoder_input.stream.style is style
    assert style.learning.tolist() == [0, 0]
    assert style.values[1] == 1, "and no more"


def test_a_replay_learns_the_same_style_again(slow: Path, arena: Arena) -> None:
    """From the beginning the same bits, with or without a reset; from later on, the style learnt by then."""
    arena.set_meter("rate", RATE)
    playable, table = CompiledModel(slow), arena.table
    params.set_value(table, "deck/1/source", params.SOURCES.index("loop"))
    voice = Voice(playable, 1, RATE, table)
    writer, ring, log = FrameWriter(arena, 0, playable, voice, RATE), arena.rings[0], arena.event_logs[0]
    slots, logged, sound, at = np.full(len(table), -1), [], [], 0
    slots[params.attribute_slots(1)] = np.arange(len(table[params.attribute_slots(1)]))
    doing = {
        20: ("learn_target", 1),
        60: ("learn_target", 0),
        70: ("learn_source", 1),
        500: ("learn_source", 0),
    }
    for i in range(920):  # 14.7 s
        if what := doing.get(i):
            params.set_value(table, f"deck/1/attribute/{1 + (what[0] == 'learn_source')}", what[1])
        if i in (65, 330):
            params.trigger(table, "deck/1/reset")
        (audio,) = render(playable, [voice], [table])
        writer.write(audio, table)
        arena.history.write(audio)
        sound.append(ring_read(ring, len(audio)))
        records = log.read(at)
        at += len(records)
        log.release(at)
        logged += events(records)
    wanted = np.concatenate(sound)
    assert voice.stream.saved_style
    whole = LaneReplay(recorded_streams(logged, slots), lambda model: playable, RATE, RATE)
    assert np.array_equal(whole.read(0, len(wanted)), wanted)
    later = LaneReplay(recorded_streams(logged, slots), lambda model: playable, RATE, RATE)
    assert np.abs(later.read(106_000, 4_000) - wanted[106_000:110_000]).max() < 1e-5
    cut = next(i for i, (kind, _) in enumerate(logged) if kind == ALL_VALUES)
    rest = LaneReplay(recorded_streams(logged[cut:], slots), lambda model: playable, RATE, RATE)
    assert np.abs(rest.read(106_000, 4_000) - wanted[106_000:110_000]).max() < 1e-5, "learnt before the log"


def ring_read(ring: RingBuffer, frames: int) -> np.ndarray:
    block = np.zeros((frames, 2), np.float32)
    assert ring.read(block) == frames
    return block


def test_an_older_file_keeps_its_style(styled: Path, tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(styled, "np") as file:
        tensors, words = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    random, scales = np.random.default_rng(0), {}
    for name in [name for name in tensors if name.endswith(".known")]:
        layer, channels = name.removesuffix("known"), tensors.pop(name).shape[2]
        del tensors[f"{layer}heard"]
        tensors[f"{layer}scale"] = scales[layer] = random.uniform(0.5, 2, (channels, 1)).astype(np.float32)
        tensors[f"{layer}shift"] = random.standard_normal((channels, 1)).astype(np.float32)
    assert scales
    save_file(tensors, tmp_path / "old.safetensors", words)
    model = load(tmp_path / "old.safetensors")
    for layer, scale in scales.items():
        found = model.get_submodule(layer.removesuffix(".")).style
        np.testing.assert_allclose(found[0], scale, rtol=1e-5)
        np.testing.assert_allclose(found[1], tensors[f"{layer}shift"], rtol=1e-5)


def test_the_genuine_module_learns_the_same_style(tmp_path: Path) -> None:
    path = genuine("adain_learnt")
    module = TorchscriptModel(wrapped(read(path), tmp_path / "module.safetensors", "decode"), no_sandbox)
    words = {"name": "ours", "description": "", "licence": ""}
    convert(read(path), tmp_path / "ours.safetensors", words, verify=False)
    ours = CompiledModel(tmp_path / "ours.safetensors")
    assert [a.name for a in ours.attributes] == [a.name for a in module.attributes]
    assert ours.actions == list(module.actions)
    random, theirs, stream = np.random.default_rng(0), module.stream(), ours.stream()
    heard, hears = module.encoder.stream(), ours.encoder.stream()
    chance, frame = np.ones((1, 1), np.float32), 0
    seed, full = zlib.crc32(chance.tobytes()), ours.card.full_latents
    for (what, value), frames in [(("", 0), 24), *STEPS]:
        for one in (theirs, stream, heard, hears) if what else ():
            one.act(what) if value is None else one.set(what, float(value))
        for _ in range(frames):
            z = random.standard_normal((1, ours.card.latents)).astype(np.float32)
            noise = drawn(seed + SEED_STEP * frame, ours.noise)
            wanted, y = module.render([theirs], z, chance), ours.render([stream], z, noise)
            x = 0.3 * random.standard_normal((1, 1, ours.card.ratio)).astype(np.float32)
            meant = module.encoder.encode([heard], x)
            found = ours.encoder.encode([hears], x, drawn(SEED_STEP * (frame % (1 << 32)), full))
            frame += 1
            if frame > 24:  # till then they differ in what was before
                np.testing.assert_allclose(y, wanted, atol=1e-3, err_msg=f"{what} {value}")
                np.testing.assert_allclose(found, meant, atol=1e-3, err_msg=f"{what} {value}")


def drawn(seed: int, count: int) -> np.ndarray:
    """(1, count) as torch draws them after that seed."""
    generator = torch.Generator().manual_seed(seed % (1 << 32))
    return torch.randn(1, count, 1, generator=generator)[..., 0].numpy()
