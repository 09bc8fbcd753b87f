"""Genuine RAVE exports, rebuilt from their data, sound the same as with upstream's code.

Upstream draws its noise from torch's generator. With the same seed and order of draws, our model gets the
same noise: for the posterior, then for the missing latents, then for the synthesiser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peers.environment import export
from torch import Tensor
from torch.nn.functional import conv1d, softplus

from perform.core.errors import PerformError, WrongUse
from perform.rave import offline
from perform.rave.archive import Archive
from perform.rave.archive import read as read_archive
from perform.rave.delay import encoder_latency, measure, measure_encoder
from perform.rave.model import RAVE
from perform.rave.model_files import CARD, load, save
from perform.rave.upstream import Unrecognised, convert, read

STREAMING = (
    "v2",
    "causal",
    "v1",
    "v2_small",
    "noise",
    "v1_causal",
    "v1_cold",
    "v3",
    "adain",
    "adain_learnt",
    "snake",
    "discrete",
    "wasserstein",
    "spherical",
    "raspberry",
    "stereo",
    "stereo_noise",
    "stereo_v1",
    "biased",
    "resampled",
    "prior",
)
OFFLINE = (
    "v2_offline",
    "causal_offline",
    "v1_offline",
    "v2_small_offline",
    "v3_offline",
    "discrete_offline",
    "wasserstein_offline",
    "spherical_offline",
    "stereo_offline",
)
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.load`")
FRAMES = (1, 2, 4, 3, 8, 1, 1, 5)
"""Sizes of the blocks that streams are cut into."""


@pytest.fixture(autouse=True)
def no_gradients() -> Any:
    with torch.inference_mode():
        yield


def seeded(seed: int, method: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The result of upstream's method for x, with noise drawn from `seed`."""
    torch.manual_seed(seed)
    return method(x)


def embed(model: RAVE, y: Tensor, seed: int) -> Tensor:
    """The encoder's output as upstream's latents: drawn from the posterior."""
    if model.config.bottleneck != "variational":
        return model.embed(y)
    mean, scale = y.chunk(2, 1)
    torch.manual_seed(seed)
    drawn = torch.randn_like(mean) * (softplus(scale) + 1e-4) + mean - model.latent_mean[:, None]
    return conv1d(drawn, model.latent_pca[: model.latents, :, None])


def draw(model: RAVE, frames: int, seed: int) -> Tensor:
    """The noise upstream would draw, (1, noise, frames), as ours wants it."""
    config = model.config
    torch.manual_seed(seed)
    noise = torch.randn(1, model.missing, frames) if model.missing else torch.zeros(1, 0, frames)
    if model.decoder.noise is None:
        return noise
    bands, samples = config.channels * config.bands, config.ratio // config.resampling // config.bands
    frame = model.decoder.noise.frame
    uniform = 2 * torch.rand(1, frames * samples // frame, bands, frame) - 1
    rows = uniform.transpose(1, 2).reshape(1, bands, frames, samples).transpose(2, 3).flatten(1, 2)
    return torch.cat([noise, torch.erfinv(rows) * 2**0.5], 1)


def latents(model: RAVE, frames: int) -> Tensor:
    """Latents to decode, beyond their range too."""
    if model.config.bottleneck == "discrete":
        return torch.randint(-2, model.config.codebook + 3, (1, model.latents, frames)).float()
    return 1.5 * torch.randn(1, model.latents, frames)


@pytest.mark.parametrize("name", STREAMING)
def test_a_stream_equals_upstreams_sample_for_sample(name: str) -> None:
    path = export(name)
    model, facts = read(path)
    assert facts["streaming"]
    theirs = torch.jit.load(path)
    hears, speaks = model.encoder_state(1), model.decoder_state(1)
    ends = 2 if model.resampler else 1
    levels = []
    for seed, frames in enumerate(FRAMES):
        x = 0.3 * torch.randn(1, model.config.channels, frames * model.ratio)
        bands, analysis = model.analyse(x, hears[:ends])
        y, encoder = model.encoder(bands, hears[ends:])
        hears = analysis + encoder
        encoded, wanted = embed(model, y, seed), seeded(seed, theirs.encode, x)
        if name == "spherical":  # silence has no direction: theirs is not a number, ours is some direction
            wanted = torch.where(y.any(1, keepdim=True), wanted, encoded)
        torch.testing.assert_close(encoded, wanted, atol=1e-5, rtol=0)
        assert encoded.isfinite().all()

        z = latents(model, frames)
        ours, speaks = model.decode(z, draw(model, frames, seed), speaks)
        wanted = seeded(seed, theirs.decode, z)
        torch.testing.assert_close(ours, wanted, atol=5e-5, rtol=0)
        levels.append(wanted.std())
    assert max(levels) > 0.1, "it was not silence that was compared"


@pytest.mark.parametrize("name", OFFLINE)
def test_offline_equals_upstreams(name: str) -> None:
    path = export(name)
    model, facts = read(path)
    assert not facts["streaming"]
    theirs = torch.jit.load(path)
    x, z = 0.3 * torch.randn(1, model.config.channels, 24 * model.ratio), latents(model, 24)
    encoded = embed(model, offline.encode(model, x), 1)
    torch.testing.assert_close(encoded, seeded(1, theirs.encode, x), atol=1e-4, rtol=0)
    ours, wanted = offline.decode(model, z, draw(model, 24, 1)), seeded(1, theirs.decode, z)
    torch.testing.assert_close(ours, wanted, atol=1e-4, rtol=0)
    assert wanted.std() > 0.1


def reach(method: Callable[[Tensor], Tensor], x: Tensor) -> tuple[int, int]:
    """First and last place where the output changes if the middle of x changes."""
    moved = x.clone()
    moved[..., x.shape[-1] // 2] += 1
    changed = (method(moved) - method(x)).abs().amax((0, 1)).nonzero()[:, 0]
    return int(changed[0]), int(changed[-1])


@pytest.mark.parametrize(
    "name", ["v1_offline", "v2_offline", "v2_small_offline", "v3_offline", "causal_offline"]
)
def test_receptive_fields_equal_upstreams(name: str) -> None:
    """In float64: at its edges a field is faint."""
    path = export(name)
    model, theirs = read(path)[0].double(), torch.jit.load(path).double()
    frames = 160
    x, z = 0.1 * torch.randn(1, 1, frames * model.ratio).double(), latents(model, frames).double()
    noise = draw(model, frames, 1).double()
    for ours, upstreams, put_in in (
        (lambda x: embed(model, offline.encode(model, x), 1), theirs.encode, x),
        (lambda z: offline.decode(model, z, noise), theirs.decode, z),
    ):
        field = reach(ours, put_in)
        assert field == reach(lambda x, method=upstreams: seeded(1, method, x), put_in)
        assert 0 < field[0] < field[1] < len(ours(put_in)[0, 0]) - 1, "all of it was seen"


@pytest.mark.parametrize("name", ["v1", "noise", "stereo_noise"])
def test_noise_changes_the_sound(name: str) -> None:
    """Or the comparisons above would say nothing of the synthesiser."""
    model, _ = read(export(name))
    z, noise = latents(model, 40), draw(model, 40, 0)
    silent = noise.clone()
    silent[:, model.missing :] = 0
    with_noise, _ = model.decode(z, noise, model.decoder_state(1))
    without, _ = model.decode(z, silent, model.decoder_state(1))
    assert (with_noise - without).std() > 0.01


@pytest.mark.parametrize("name", ["v2", "v1", "causal", "v2_small", "v3"])
def test_a_non_streaming_export_becomes_the_same_stream(name: str) -> None:
    """Both have the same config, so the streams are the same."""
    streaming, plain = read(export(name))[0], read(export(f"{name}_offline"))[0]
    assert streaming.config == plain.config
    assert streaming.delay == plain.delay


@pytest.mark.parametrize(
    ("name", "facts"),
    {
        "v2": {"sample_rate": 44100, "ratio": 2048, "latents": 4, "full_latents": 16, "channels": 1},
        "v2_small": {"ratio": 512, "delay": 10528},
        "discrete": {"ratio": 1024, "latents": 4, "fidelity": None},
        "spherical": {"latents": 7, "full_latents": 8},
        "wasserstein": {"latents": 8, "full_latents": 8},
        "stereo": {"channels": 2, "target_channels": 2},
        "widened": {"channels": 1, "target_channels": 2},
        "resampled": {"sample_rate": 88200, "ratio": 1024},
        "prior": {"prior": True},
    }.items(),
)
def test_facts_about_an_export(name: str, facts: dict[str, Any]) -> None:
    path = export(name)
    found = read(path)[1]
    assert {key: found[key] for key in facts} == facts
    assert found["name"] == name
    assert len(found["sha256"]) == 64
    assert found["prior"] == (name == "prior")


@pytest.mark.parametrize("name", ["v2", "v1", "v2_small", "stereo", "resampled"])
def test_the_measured_delay_equals_the_calculated_one(name: str) -> None:
    model, facts = read(export(name))
    assert measure(model) == pytest.approx(facts["delay"], rel=0.1)
    assert measure_encoder(model) == pytest.approx(encoder_latency(model), rel=0.1)


@pytest.mark.parametrize(
    ("encoder", "decoder"), [("v2", "v1"), ("v1", "v2"), ("v1", "causal"), ("causal", "v2")]
)
def test_the_delays_of_two_models_encoder_and_decoder_add_up(encoder: str, decoder: str) -> None:
    """Within a frame, which all of these have in common."""
    one, other = read(export(encoder))[0], read(export(decoder))[0]
    at, frames, ratio = 8, 40, one.ratio
    x = torch.zeros(3, 1, frames * ratio)
    x[0, 0, at * ratio] = x[1, 0, at * ratio + ratio // 2] = 1.0
    with torch.inference_mode():
        z, _ = one.encode(x, one.encoder_state(3))
        z = torch.cat([z, z.new_zeros(3, max(0, other.latents - one.latents), frames)], 1)[:, : other.latents]
        y, _ = other.decode(z, z.new_zeros(3, other.noise, frames), other.decoder_state(3))
    energy = (y[:-1] - y[-1:]).square().sum(1).cumsum(-1)
    middle = (energy >= energy[:, -1:] / 2).float().argmax(-1).float().mean()
    late = float(middle) - (at + 0.25) * ratio
    assert late == pytest.approx(measure_encoder(one) + measure(other) - measure_encoder(other), abs=ratio)


def test_a_priors_logits_equal_upstreams() -> None:
    path = export("prior")
    model, _ = read(path)
    prior = model.prior
    assert prior is not None
    theirs = torch.jit.load(path).prior_module
    state = prior.init_state(1)
    hidden, unheard = state[2:], state[1]
    for frames in (1, 3, 1, 6):
        choices = torch.randint(0, prior.config.resolution, (1, 4, frames))
        hot = (
            torch.nn.functional.one_hot(choices, prior.config.resolution)
            .float()
            .transpose(2, 3)
            .flatten(1, 2)
        )
        odds, hidden = prior.logits(choices, hidden)
        torch.testing.assert_close(odds.flatten(1, 2), theirs.pretrained.forward(hot), atol=1e-5, rtol=0)
        for frame in range(frames):
            one = hot[..., frame : frame + 1]
            chosen = seeded(frame, theirs.pretrained.quantized_normal.decode, one)
            torch.manual_seed(frame)
            ours = prior.values(choices[..., frame] + torch.rand(1, 1, 4)[:, 0])
            torch.testing.assert_close(ours, chosen[..., 0], atol=1e-5, rtol=1e-5)
            heard, unheard = prior.unfold(ours, unheard)
            wanted = theirs.pretrained.diagonal_shift.inverse(theirs.pre_diag_cache(chosen))
            torch.testing.assert_close(heard, wanted[..., 0], atol=1e-5, rtol=1e-5)


def test_a_prior_plays() -> None:
    """Seeded and resettable; cold it repeats itself; warm it follows the odds."""
    prior = read(export("prior"))[0].prior
    assert prior is not None

    def play(noise: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        state, out, choices = prior.init_state(len(noise[0])), [], []
        for row in noise:
            z, state = prior.step(row, state, torch.tensor(temperature))
            out.append(z)
            choices.append(state[0])
        return torch.stack(out), torch.stack(choices)

    noise = torch.rand(60, 2, 8)
    z, _ = play(noise, 1.0)
    assert z.shape == (60, 2, 4)
    assert z.isfinite().all()
    assert z.abs().max() <= 4
    assert torch.equal(z, play(noise, 1.0)[0])
    assert not torch.equal(z[:, 0], z[:, 1]), "each row is a separate stream"
    _, cold = play(noise, 1e-6)
    assert torch.equal(cold[:, 0], cold[:, 1]), "whatever the chance"
    first, state = torch.rand(4000, 8), prior.init_state(1)
    odds = torch.softmax(prior.logits(state[0][..., None], state[2:])[0][0, :, :, 0], -1)
    _, after = prior.step(first, [tensor.expand(4000, *tensor.shape[1:]) for tensor in state], torch.ones(()))
    found = torch.stack([(after[0] == step).float().mean(0) for step in range(8)], 1)
    torch.testing.assert_close(found, odds, atol=0.04, rtol=0)


def test_an_unknown_architecture_is_named() -> None:
    with pytest.raises(Unrecognised, match=r"decoder\.net\.0: unknown block rave\.blocks\.GRU") as caught:
        read(export("recurrent"))
    assert caught.value.path == "decoder.net.0"
    assert "\n" not in str(caught.value)


@pytest.fixture
def archive() -> Archive:
    return read_archive(export("v2"))


def test_a_changed_layer_is_refused_by_its_path(archive: Archive) -> None:
    kernel, types = archive.tensors["decoder.net.2.weight"], dict(archive.types)
    archive.tensors["decoder.net.2.weight"] = kernel[:, :, :3]
    with pytest.raises(Unrecognised, match=r"decoder\.net\.2\.weight: has shape \(64, 32, 3\), not"):
        convert(archive)
    del archive.tensors["decoder.net.2.weight"]
    with pytest.raises(Unrecognised, match=r"decoder\.net\.2\.weight: is missing"):
        convert(archive)
    archive.tensors["decoder.net.2.weight"] = kernel
    archive.tensors["decoder.more"] = kernel
    with pytest.raises(Unrecognised, match=r"decoder\.more: an unknown tensor"):
        convert(archive)
    del archive.tensors["decoder.more"]
    archive.types["decoder.net.3"] = "__torch__.my.Block"
    with pytest.raises(Unrecognised, match=r"decoder\.net\.3: unknown block my\.Block"):
        convert(archive)
    archive.types.clear()
    archive.types.update(types)
    archive.attributes["decoder.net.0.cache.padding"] = 3
    with pytest.raises(Unrecognised, match=r"decoder\.net\.0: padding and delay \(3, 0\), not \(2, 0\)"):
        convert(archive)
    archive.attributes["decoder.net.0.cache.padding"] = 2
    archive.attributes["input_mode"] = "mel"
    with pytest.raises(Unrecognised, match="input_mode: is 'mel'"):
        convert(archive)


def test_the_signs_in_iil_exports_flip_latents(archive: Archive) -> None:
    signs = torch.tensor([1.0, -1.0, -1.0, 1.0])
    plain, _ = convert(archive)
    archive.tensors["signs"] = signs.numpy()
    turned, _ = convert(archive)
    z, noise = latents(plain, 20), draw(plain, 20, 0)
    ours, _ = turned.decode(z, noise, turned.decoder_state(1))
    wanted, _ = plain.decode(z * signs[:, None], noise, plain.decoder_state(1))
    torch.testing.assert_close(ours, wanted)
    y = torch.randn(1, 32, 9)
    torch.testing.assert_close(turned.embed(y), plain.embed(y) * signs[:, None])


def as_in_the_first_exports(archive: Archive, head: str) -> Archive:
    """A v1 export laid out as in 2022: its encoder is not wrapped, its residuals are in one row."""
    moves = (
        (r"^encoder\.encoder", "encoder"),
        (r"(decoder\.net\.\d+)\.net\.branches\.0\.net\.(\d+)\.net", r"\1.net.\2"),
    )

    def moved(parts: dict[str, Any]) -> dict[str, Any]:
        found = {}
        for path, part in parts.items():
            for before, after in moves:
                path = re.sub(before, after, path)  # noqa: PLW2901
            found[head + path] = part
        return found

    dropped = re.compile(r"decoder\.net\.\d+\.net\.(branches(\.0(\.net(\.\d+)?)?)?|paddings.*)")
    types = {path: kind for path, kind in archive.types.items() if path and not dropped.fullmatch(path)}
    types = {path: kind.replace("rave.blocks", "rave.model") for path, kind in moved(types).items()}
    types[f"{head}encoder"] = "__torch__.rave.model.Encoder"
    own = (
        {"": "__torch__.Combined", "_rave": "__torch__.TraceModel"} if head else {"": "__torch__.TraceModel"}
    )
    tensors = moved({path: part for path, part in archive.tensors.items() if "warmed_up" not in path})
    tensors[f"{head}sampling_rate"] = torch.tensor(48000).numpy()
    if head:
        tensors["prior_params"] = torch.tensor([1, 2048, 4, 2048]).numpy()
    attributes = moved({path: part for path, part in archive.attributes.items() if path != "sr"})
    return replace(archive, types=own | types, tensors=tensors, attributes=attributes)


@pytest.mark.parametrize("head", ["", "_rave."])
def test_the_first_exports_have_another_layout(head: str) -> None:
    """No genuine export of this kind is available; this follows the source code of that time."""
    archive = read_archive(export("v1"))
    model, _ = convert(archive)
    old, facts = convert(as_in_the_first_exports(archive, head))
    assert facts["sample_rate"] == 48000
    assert facts["prior"] == bool(head)
    assert replace(old.config, sample_rate=44100) == model.config
    for name, tensor in model.state_dict().items():
        assert torch.equal(old.state_dict()[name], tensor), name


def test_latents_may_be_cropped_before_the_projection(archive: Archive) -> None:
    """Models of the first version were trained again on fewer latents, noise in the places of the others."""
    size = 4
    archive.attributes["trained_cropped"] = True
    head = archive.tensors["encoder.encoder.net.21.weight"]
    archive.tensors["encoder.encoder.net.21.weight"] = np.concatenate([head[:size], head[16 : 16 + size]])
    archive.tensors["latent_pca"] = np.eye(size, dtype=np.float32)[::-1]
    archive.tensors["latent_mean"] = np.arange(size, dtype=np.float32)
    model, facts = convert(archive)
    assert (facts["latents"], facts["full_latents"], model.missing) == (4, 4, 12)
    z, noise = torch.randn(1, 4, 7), torch.randn(1, 12, 7)
    wanted = torch.cat([z.flip(1) + torch.arange(4.0)[:, None], noise], 1)
    torch.testing.assert_close(model.restore(z, noise), wanted)


def test_where_the_sample_rate_comes_from(archive: Archive) -> None:
    archive.attributes["sr"] = None
    with pytest.raises(Unrecognised, match="the sample rate is not known"):
        convert(archive)
    assert convert(archive, 32000)[1]["sample_rate"] == 32000
    archive.path = Path("birds_b2048_r48000_z8.ts")
    assert convert(archive, 32000)[1]["sample_rate"] == 48000
    archive.tensors["sampling_rate"] = torch.tensor([22050]).numpy()
    assert convert(archive)[1]["sample_rate"] == 22050


ODD = st.sampled_from([0, -1, 3, 10**9, 2**62, 0.5, True, None, "x", (), (1, 2), [7], {"a": 1}])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(["v1", "v2", "discrete", "prior", "resampled", "v2_offline"]))
def test_a_changed_export_is_rebuilt_or_refused_in_one_line(data: st.DataObject, name: str) -> None:
    whole = read_archive(export(name))
    archive = replace(
        whole,
        tensors=dict(whole.tensors),
        attributes=dict(whole.attributes),
        types=dict(whole.types),
    )
    for _ in range(data.draw(st.integers(1, 3))):
        part = data.draw(st.sampled_from(["tensors", "attributes", "types"]))
        places = getattr(archive, part)
        place = data.draw(st.sampled_from(sorted(places)))
        if data.draw(st.booleans()):
            del places[place]
        elif part == "tensors":
            shape = tuple(data.draw(st.lists(st.integers(0, 9), max_size=4)))
            places[place] = np.full(shape, data.draw(st.sampled_from([0.0, -1.0, np.nan, 1e30])), np.float32)
        elif part == "attributes":
            places[place] = data.draw(ODD)
        else:
            places[place] = data.draw(st.sampled_from(sorted(set(whole.types.values()))))
    try:
        model, _ = convert(archive)
    except PerformError as refusal:
        assert "\n" not in str(refusal)
        assert len(str(refusal)) < 500
    else:
        model.decode(torch.zeros(1, model.latents, 1), torch.zeros(1, model.noise, 1), model.decoder_state(1))


@pytest.mark.parametrize("name", ["running_mean", "running_var", "weight", "bias"])
@pytest.mark.parametrize("shape", [(0,), (1,), (3,), (2, 16)])
def test_a_norm_of_another_shape_is_refused(name: str, shape: tuple[int, ...]) -> None:
    whole = read_archive(export("v1"))
    places = [place for place in whole.tensors if place.endswith(".running_var")]
    place = f"{places[-1].rpartition('.')[0]}.{name}"
    archive = replace(whole, tensors=whole.tensors | {place: np.zeros(shape, np.float32)})
    with pytest.raises(Unrecognised, match="has shape"):
        convert(archive)


def test_a_model_larger_than_its_file_is_refused_before_it_is_built(archive: Archive) -> None:
    archive.tensors["encoder.encoder.net.0.weight"] = np.broadcast_to(np.float32(0), (1 << 12, 16, 7))
    with pytest.raises(Unrecognised, match=r"describes a model of \d+ values"):
        convert(archive)


@pytest.mark.parametrize("broken", [0, "44100", -3, 10**12, True])
def test_impossible_numbers_are_refused(archive: Archive, broken: object) -> None:
    archive.attributes["sr"] = broken
    with pytest.raises((Unrecognised, WrongUse)):
        convert(archive)


@pytest.mark.parametrize("name", ["v1", "stereo", "discrete", "resampled", "prior", "adain_learnt"])
def test_a_file_keeps_the_rebuilt_model(name: str, tmp_path: Path) -> None:
    model, facts = read(export(name))
    card = {key: facts.get(key, 0) for key in CARD}
    path = tmp_path / "model.safetensors"
    save(path, model, card, latents(model, 20)[0].T)
    again = load(path)
    assert again.config == model.config
    assert again.latents == model.latents
    z, noise = latents(model, 6), draw(model, 6, 0)
    ours, _ = model.decode(z, noise, model.decoder_state(1))
    theirs, _ = again.decode(z, noise, again.decoder_state(1))
    assert torch.equal(ours, theirs)
