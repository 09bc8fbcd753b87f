"""A signal streamed in blocks of any size gives the same sound as in one call."""

from collections.abc import Sequence

import pytest
import torch
from blockwise import DecoderStream, EncoderStream
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from perform.core.errors import WrongUse
from perform.rave.config import PRESETS, Config
from perform.rave.encoder import Spectrum
from perform.rave.model import RAVE
from perform.rave.stream import FEW, Conv1d, ConvTranspose1d, ResidualUnit, Streaming

AWKWARD = (1, 7, 100, 511, 513, 1000, 4096, 8193)
torch.manual_seed(0)
LIVE = RAVE(PRESETS["live"]).eval().requires_grad_(False)
LIVE.fit_latents(torch.randn(64, 32), latents=8)
CONVOLUTIONAL = RAVE(Config(encoder="convolutional", capacity=8)).eval().requires_grad_(False)


def cut(x: Tensor, sizes: Sequence[int]) -> list[Tensor]:
    """`x` in blocks of the given sizes, over and over."""
    blocks: list[Tensor] = []
    start = 0
    while start < x.shape[-1]:
        size = sizes[len(blocks) % len(sizes)]
        blocks.append(x[..., start : start + size])
        start += size
    return blocks


@pytest.mark.parametrize(
    ("layer", "unit"),
    [
        (Conv1d(3, 5, 7), 1),
        (Conv1d(3, 5, 3, dilation=9), 1),
        (Conv1d(3, 5, 1), 1),
        (Conv1d(3, 5, 8, stride=4), 4),
        (ConvTranspose1d(3, 5, 4), 1),
        (ResidualUnit(3, 3, 9), 1),
        (Spectrum(3, 4), 4),
    ],
    ids=["conv", "dilated", "pointwise", "strided", "transposed", "residual", "spectrum"],
)
@settings(max_examples=20)
@given(sizes=st.lists(st.integers(1, 3 * FEW), min_size=1, max_size=8))
def test_streamed_layers_equal_offline(layer: Streaming, unit: int, sizes: list[int]) -> None:
    x = torch.randn(2, 3, unit * 5 * FEW)
    whole, last = layer(x, layer.init_state(2))
    state, out = layer.init_state(2), []
    for block in cut(x, [unit * size for size in sizes]):
        y, state = layer(block, state)
        out.append(y)
    torch.testing.assert_close(torch.cat(out, -1), whole, atol=1e-5, rtol=0)
    assert [s.shape for s in state] == [s.shape for s in layer.init_state(2)]
    for streamed, offline in zip(state, last, strict=True):
        torch.testing.assert_close(streamed, offline, atol=1e-5, rtol=0)


def test_convolutions_are_causal_and_equal_torchs() -> None:
    conv, up = Conv1d(2, 3, 3, dilation=2), ConvTranspose1d(2, 3, 4)
    for frames in (FEW // 2, 4 * FEW):  # both ways of computing them
        x = torch.randn(1, 2, frames)
        y, _ = conv(x, conv.init_state(1))
        padded = torch.nn.functional.pad(x, (4, 0))
        expected = torch.nn.functional.conv1d(padded, conv.weight, conv.bias, dilation=2)
        torch.testing.assert_close(y, expected, atol=1e-6, rtol=0)
        y, _ = up(x, up.init_state(1))
        expected = torch.nn.functional.conv_transpose1d(x, up.weight, up.bias, stride=4)[..., : 4 * frames]
        torch.testing.assert_close(y, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("model", [LIVE, CONVOLUTIONAL], ids=["spectral", "convolutional"])
@pytest.mark.parametrize("size", AWKWARD)
def test_encoder_takes_any_number_of_samples(model: RAVE, size: int) -> None:
    x = 0.3 * torch.randn(1, 1, 24 * 512 + 37 if size > 1 else 3 * 512)
    whole, _ = model.encode(x[..., : x.shape[-1] // 512 * 512], model.encoder_state(1))
    stream = EncoderStream(model)
    z = torch.cat([stream.push(block) for block in cut(x, [size])], -1)
    torch.testing.assert_close(z, whole, atol=1e-5, rtol=0)
    assert stream.rest.shape[-1] == x.shape[-1] % 512


@pytest.mark.parametrize("size", AWKWARD)
def test_decoder_yields_any_number_of_samples(size: int) -> None:
    frames = 24 if size > 1 else 3
    z, noise = 2 * torch.randn(1, 8, frames), torch.randn(1, 24, frames)
    whole, _ = LIVE.decode(z, noise, LIVE.decoder_state(1))
    stream, out, frame = DecoderStream(LIVE), [], 0
    while frame + (need := stream.missing(size)) <= frames:
        if need:
            stream.push(z[..., frame : frame + need], noise[..., frame : frame + need])
            frame += need
        out.append(stream.pull(size))
    y = torch.cat(out, -1)
    assert y.shape[-1] + size > frame * 512 >= y.shape[-1]
    torch.testing.assert_close(y, whole[..., : y.shape[-1]], atol=1e-5, rtol=0)


def test_a_decoder_stream_counts_the_missing_frames() -> None:
    stream = DecoderStream(LIVE)
    assert (stream.missing(0), stream.missing(1), stream.missing(512), stream.missing(513)) == (0, 1, 1, 2)
    with pytest.raises(WrongUse, match="2 frames short"):
        stream.pull(513)


@settings(max_examples=15)
@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=8))
def test_the_whole_model_streams(sizes: list[int]) -> None:
    torch.manual_seed(2)
    x = 0.3 * torch.randn(1, 1, 16 * 512)
    z, _ = LIVE.encode(x, LIVE.encoder_state(1))
    whole, _ = LIVE.decode(z, torch.zeros(1, 24, 16), LIVE.decoder_state(1))
    encoder, decoder = EncoderStream(LIVE), DecoderStream(LIVE)
    out = []
    for block in cut(x, sizes):
        z = encoder.push(block)
        if z.shape[-1]:
            decoder.push(z)
            out.append(decoder.pull(z.shape[-1] * 512))
    torch.testing.assert_close(torch.cat(out, -1), whole, atol=1e-5, rtol=0)


def test_two_streams_share_weights_and_nothing_else(model: RAVE) -> None:
    ratio, before = model.ratio, {k: v.clone() for k, v in model.state_dict().items()}
    sounds = [0.5 * torch.randn(1, 1, 20 * ratio) for _ in range(2)]
    noise = torch.zeros(1, 3, 1)

    def play(*sounds: Tensor) -> list[Tensor]:
        states = [(model.encoder_state(1), model.decoder_state(1)) for _ in sounds]
        out: list[list[Tensor]] = [[] for _ in sounds]
        for frame in range(20):
            for i, x in enumerate(sounds):
                encoder, decoder = states[i]
                z, encoder = model.encode(x[..., frame * ratio : (frame + 1) * ratio], encoder)
                y, decoder = model.decode(z, noise, decoder)
                states[i] = encoder, decoder
                out[i].append(y)
        return [torch.cat(y, -1) for y in out]

    together = play(*sounds)
    for sound, y in zip(sounds, together, strict=True):
        assert torch.equal(y, play(sound)[0])
    assert not torch.equal(*together)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


def test_a_batch_equals_separate_streams(model: RAVE) -> None:
    x = torch.randn(3, 1, 10 * model.ratio)
    together, _ = model.encode(x, model.encoder_state(3))
    for row, z in zip(x, together, strict=True):
        alone, _ = model.encode(row[None], model.encoder_state(1))
        torch.testing.assert_close(z[None], alone, atol=1e-5, rtol=0)


def test_state_goes_in_unchanged(model: RAVE) -> None:
    state = model.decoder_state(1)
    model.decode(torch.randn(1, 3, 4), torch.randn(1, 3, 4), state)
    assert all(not tensor.any() for tensor in state)


def test_ratio_of_every_preset() -> None:
    assert {name: config.ratio for name, config in PRESETS.items()} == {
        "live": 512,
        "live_128": 128,
        "live_pitch": 512,
        "v1": 2048,
        "v2": 2048,
        "v2_small": 512,
        "v3": 2048,
        "causal": 2048,
        "v2_nopqmf": 2048,
        "v2_nopqmf_small": 2048,
        "noise": 2048,
        "discrete": 1024,
        "discrete_v3": 1024,
        "wasserstein": 2048,
        "spherical": 2048,
        "raspberry": 2048,
    }
    assert Config().ratio == LIVE.ratio
