"""All architectures, in small: streamed equals offline, files keep the model, delays are as calculated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from blockwise import DecoderStream, EncoderStream
from torch import Tensor

from perform.core.errors import WrongUse
from perform.rave import offline, style_transfer
from perform.rave.blocks import AdaIN, NoiseSynth
from perform.rave.bottleneck import Codebooks, angles, directions
from perform.rave.config import PRESETS, Config
from perform.rave.delay import delay_after
from perform.rave.model import RAVE
from perform.rave.model_files import CARD, load, save
from perform.rave.stream import Conv1d, ConvTranspose1d

SMALL = {
    "capacity": 4,
    "full_latents": 6,
}
FAMILY: dict[str, Config] = {
    **{name: replace(config, **SMALL) for name, config in PRESETS.items()},
    "discrete": replace(PRESETS["discrete"], **SMALL, noise_latents=3, quantizers=3, codebook=16),
    "discrete_v3": replace(PRESETS["discrete_v3"], **SMALL, noise_latents=3, quantizers=3, codebook=16),
    "wasserstein": replace(PRESETS["wasserstein"], **SMALL, noise_latents=3),
    "noise": replace(PRESETS["noise"], **SMALL, noise_hidden=8),
    "stereo": replace(PRESETS["v2"], **SMALL, channels=2),
    "stereo v1": replace(PRESETS["v1"], **SMALL, channels=2),
    "v1 causal": replace(PRESETS["v1"], **SMALL, padding="causal"),
    "v1 newest": replace(PRESETS["v1"], **SMALL, padding="newest"),
    "stereo live": replace(PRESETS["live"], **SMALL, channels=2),
    "resampled": replace(PRESETS["v2_small"], **SMALL, resampling=2),
    "transferring": replace(PRESETS["live"], **SMALL, adain=True, activation="snake"),
}
AWKWARD = (7, 100, 1025, 3000, 8193)


@pytest.fixture(params=FAMILY)
def member(request: pytest.FixtureRequest) -> RAVE:
    """A small model, its weights scaled so that each layer's output is about as loud as its input."""
    torch.manual_seed(3)
    model = RAVE(FAMILY[request.param]).eval().requires_grad_(False)
    loud = 1.0 if model.config.activation == "snake" else 1.7
    for layer in model.modules():
        if isinstance(layer, Conv1d | ConvTranspose1d):
            layer.weight *= loud
    if model.config.bottleneck == "variational":
        model.fit_latents(torch.randn(50, 6) @ torch.randn(6, 6), latents=3)
    for layer in model.modules():
        if isinstance(layer, AdaIN):
            channels = layer.known.shape[2]
            target = 0.1 * torch.randn(channels, 1), torch.empty(channels, 1).uniform_(0.5, 1.5)
            layer.adopt((torch.zeros(channels, 1), torch.ones(channels, 1)), target)
    return model


def sound(model: RAVE, frames: int) -> Tensor:
    return 0.5 * torch.randn(2, model.config.channels, frames * model.ratio)


@pytest.mark.parametrize("size", AWKWARD)
def test_streamed_equals_offline(member: RAVE, size: int) -> None:
    """Offline is one call from the first state, as in training."""
    x = sound(member, 12)
    noise = torch.randn(2, member.noise, 12)
    z, _ = member.encode(x, member.encoder_state(2))
    whole, _ = member.decode(z, noise, member.decoder_state(2))
    assert z.shape == (2, member.latents, 12)
    assert whole.shape == x.shape
    encoder, decoder = EncoderStream(member, 2), DecoderStream(member, 2)
    at, out, streamed = 0, [], []
    for block in x.split(size, -1):
        streamed.append(encoder.push(block))
        frames = streamed[-1].shape[-1]
        if frames:
            decoder.push(streamed[-1], noise[..., at : at + frames])
            out.append(decoder.pull(frames * member.ratio))
        at += frames
    torch.testing.assert_close(torch.cat(streamed, -1), z, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.cat(out, -1), whole, atol=1e-5, rtol=1e-5)


def test_states_keep_their_shapes_and_go_in_unchanged(member: RAVE) -> None:
    state = member.decoder_state(2)
    member.decode(torch.rand(2, member.latents, 2), torch.randn(2, member.noise, 2), state)
    assert all(not tensor.any() for tensor in state)
    _, after = member.decode(torch.rand(2, member.latents, 2), torch.randn(2, member.noise, 2), state)
    assert [s.shape for s in after] == [s.shape for s in state]
    assert len(state) == len(member.decoder_state(1))


def test_each_row_is_a_separate_stream(member: RAVE) -> None:
    z, noise = torch.rand(3, member.latents, 4), torch.randn(3, member.noise, 4)
    together, _ = member.decode(z, noise, member.decoder_state(3))
    for row in range(3):
        alone, _ = member.decode(z[row : row + 1], noise[row : row + 1], member.decoder_state(1))
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-5)


def test_a_file_keeps_the_model(member: RAVE, tmp_path: Path) -> None:
    config = member.config
    facts = {"sample_rate": config.sample_rate, "channels": config.channels, "ratio": config.ratio}
    facts |= {"latents": member.latents, "full_latents": config.full_latents}
    save(
        tmp_path / "m.safetensors",
        member,
        {key: facts.get(key, 0) for key in CARD},
        torch.rand(9, member.latents),
    )
    again = load(tmp_path / "m.safetensors")
    assert again.config == config
    x = sound(member, 3)
    z, _ = member.encode(x, member.encoder_state(2))
    same, _ = again.encode(x, again.encoder_state(2))
    assert torch.equal(z, same)


@pytest.mark.parametrize("name", ["v1", "v1 causal", "raspberry", "stereo v1"])
def test_a_v1_stream_equals_offline_with_a_delay(name: str) -> None:
    """v1 aligns every stride, so its stream equals the offline output with the calculated delay."""
    torch.manual_seed(5)
    model = RAVE(FAMILY[name]).eval().requires_grad_(False)
    bands = torch.randn(1, 16 * model.config.channels, 60 * 128)
    y, _ = model.encoder(bands, model.encoder.init_state(1))
    streamed, _ = model.decoder(y[:, :6], model.decoder.init_state(1))
    whole = offline_decoder(model, offline.run_whole(model.encoder.net, bands)[:, :6])
    late = delay_after(model.decoder, delay_after(model.encoder.net, 0.0))
    assert late == int(late)
    compare(streamed, whole, int(late))


@pytest.mark.parametrize("name", ["v2", "v3", "noise", "spherical"])
def test_a_centred_decoder_equals_offline_with_a_delay(name: str) -> None:
    """Transposed convolutions have no strides to miss: the bands come late, and are otherwise the same."""
    torch.manual_seed(5)
    model = RAVE(FAMILY[name]).eval().requires_grad_(False)
    x = torch.randn(1, 6, 60)
    streamed, _ = model.decoder(x, model.decoder.init_state(1))
    compare(streamed, offline_decoder(model, x), int(delay_after(model.decoder, 0.0)))


def offline_decoder(model: RAVE, x: Tensor) -> Tensor:
    """Bands, the whole signal at once."""
    x = offline.run_whole(model.decoder.net, x)
    heard = [offline.run_whole(branch, x) for branch in model.decoder.branches()]
    return model.decoder.mix(heard or [x], None)


def compare(streamed: Tensor, whole: Tensor, late: int) -> None:
    """Away from both ends, where there is silence in one and not in the other."""
    start, end = 2500, 4500
    assert whole[..., start:end].std() > 1e-4
    torch.testing.assert_close(streamed[..., start + late : end + late], whole[..., start:end])


def test_a_style_is_learnt_from_sound() -> None:
    """Then every layer gives the source the mean and deviation of the target."""
    torch.manual_seed(2)
    model = RAVE(FAMILY["transferring"]).eval().requires_grad_(False)
    source, target = (level * torch.randn(1, 1, 40 * model.ratio) for level in (0.1, 0.7))
    plain, _ = model.encode(source, model.encoder_state(1))
    style_transfer.learn(model, source, target)
    layers = [layer for layer in model.modules() if isinstance(layer, AdaIN)]
    heard: dict[AdaIN, style_transfer.Statistics] = {}

    def note(layer: AdaIN, inputs: tuple[Tensor, object], output: tuple[Tensor, object]) -> None:
        heard[layer] = style_transfer.statistics(output[0])

    hooks = [layer.register_forward_hook(note) for layer in layers]
    z, _ = model.encode(source, model.encoder_state(1))
    model.decode(z, torch.zeros(1, model.noise, 40), model.decoder_state(1))
    changed = dict(heard)
    style_transfer.forget(model)
    z, _ = model.encode(target, model.encoder_state(1))
    model.decode(z, torch.zeros(1, model.noise, 40), model.decoder_state(1))
    for hook in hooks:
        hook.remove()
    assert len(layers) > 5
    for layer in layers:
        for found, wanted in zip(changed[layer], heard[layer], strict=True):
            torch.testing.assert_close(found, wanted, atol=1e-3, rtol=1e-2)
    again, _ = model.encode(source, model.encoder_state(1))
    assert torch.equal(again, plain), "a forgotten style leaves no trace"


def test_a_model_without_adain_learns_no_style() -> None:
    with pytest.raises(WrongUse, match="learns no styles"):
        style_transfer.learn(RAVE(FAMILY["live"]), torch.zeros(1, 1, 512), torch.zeros(1, 1, 512))


def test_directions_are_the_inverse_of_angles() -> None:
    vectors = torch.randn(2, 8, 50)
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    z = angles(vectors)
    assert z.shape == (2, 7, 50)
    assert z.abs().max() <= 1
    torch.testing.assert_close(directions(z), unit, atol=1e-3, rtol=0)  # an arc cosine near 0 is no finer
    torch.testing.assert_close(directions(z + 2), unit, atol=1e-3, rtol=0)
    assert angles(torch.zeros(1, 8, 3)).isfinite().all()


def test_codebooks_find_near_entries_and_clamp_indices() -> None:
    books = Codebooks(4, 32, 6)
    books.entries *= 0.25 ** torch.arange(4)[:, None, None]  # each book refines the last
    numbers = torch.randint(0, 32, (2, 4, 30)).float()
    assert torch.equal(books.decode(numbers + 0.4), books.decode(numbers))
    assert torch.equal(books.decode(numbers - 1000), books.decode(torch.zeros_like(numbers)))
    x = books.entries[0][torch.randint(0, 32, (2, 30))].transpose(1, 2) + 0.01 * torch.randn(2, 6, 30)
    near = books.decode(books.encode(x))
    assert (near - x).norm() < 0.2 * x.norm()


def test_noise_is_filtered_by_its_amplitudes() -> None:
    synth = RAVE(FAMILY["v1"]).decoder.noise
    assert isinstance(synth, NoiseSynth)
    assert synth.frame == 64
    noise, low, high = 2 * torch.rand(1, 16, 3200) - 1, torch.zeros(1, 16, 50, 5), torch.zeros(1, 16, 50, 5)
    low[..., 0] = high[..., 4] = 1
    for amplitudes, half in ((low, slice(0, 16)), (high, slice(17, 33))):
        y = synth.render(amplitudes, noise)[0].reshape(-1, 64)
        power = torch.fft.rfft(y * torch.hann_window(64)).abs().square().mean(0)  # 33 bins
        assert power[half].sum() > 0.9 * power.sum()
    assert not synth.render(torch.zeros_like(low), noise).any()


def test_only_a_posterior_is_fitted() -> None:
    with pytest.raises(WrongUse, match="spherical model have no order"):
        RAVE(FAMILY["spherical"]).fit_latents(torch.randn(10, 6))
