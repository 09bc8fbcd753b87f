import pytest
import torch

from perform.core.errors import WrongUse
from perform.rave.config import PRESETS, Config, PriorConfig, preset
from perform.rave.encoder import Spectrum
from perform.rave.model import RAVE
from perform.rave.stream import Conv1d, ConvTranspose1d, ResidualUnit


@pytest.mark.parametrize(
    ("name", "millions"),
    {
        "v1": (4.8, 12.8),
        "v2": (16.0, 15.5),
        "v3": (16.0, 15.5),
        "noise": (16.0, 15.6),
        "causal": (16.0, 15.5),
        "v2_small": (3.9, 3.8),
        "discrete": (14.3, 14.9),
        "wasserstein": (14.9, 15.5),
        "spherical": (14.9, 15.0),
        "raspberry": (0.43, 0.97),
    }.items(),
)
def test_presets_have_the_public_sizes(name: str, millions: tuple[float, float]) -> None:
    with torch.device("meta"):
        model = RAVE(PRESETS[name])
    found = [sum(p.numel() for p in part.parameters()) / 1e6 for part in (model.encoder, model.decoder)]
    assert found == pytest.approx(millions, rel=0.01, abs=0.05)


def test_v2_has_the_public_shape() -> None:
    model = RAVE(PRESETS["v2"])
    upsampler, unit = model.decoder.net[2], model.decoder.net[3]
    assert isinstance(upsampler, ConvTranspose1d)
    assert upsampler.weight.shape == (1536, 768, 4)
    assert isinstance(unit, ResidualUnit)
    assert unit.dilated.weight.shape == (768, 768, 3)
    assert unit.pointwise.weight.shape == (768, 768, 1)


def test_shapes_and_delay(model: RAVE) -> None:
    n = 12
    z, state = model.encode(torch.randn(2, 1, n * model.ratio), model.encoder_state(2))
    assert z.shape == (2, 3, n)
    assert [s.shape for s in state] == [s.shape for s in model.encoder_state(2)]
    y, state = model.decode(z, torch.zeros(2, 3, n), model.decoder_state(2))
    assert y.shape == (2, 1, n * model.ratio)
    assert [s.shape for s in state] == [s.shape for s in model.decoder_state(2)]
    assert model.delay == model.pqmf.delay > 0


def test_decode_is_deterministic_and_uses_the_noise(model: RAVE) -> None:
    z, noise = torch.randn(1, 3, 9), torch.randn(1, 3, 9)
    once, _ = model.decode(z, noise, model.decoder_state(1))
    again, _ = model.decode(z, noise, model.decoder_state(1))
    other, _ = model.decode(z, -noise, model.decoder_state(1))
    assert torch.equal(once, again)
    assert not torch.allclose(once, other, atol=1e-4)


def test_latents_are_ordered_by_variance_and_enough_for_the_fidelity(tiny: Config) -> None:
    torch.manual_seed(0)
    scales = torch.tensor([0.01, 5.0, 0.02, 1.0, 0.03, 2.0])
    means = torch.randn(4000, 6) * scales + 7
    model = RAVE(tiny)
    model.fit_latents(means)
    assert model.latents == 2, "25 + 4 of 30"
    model.fit_latents(means, fidelity=0.99)
    assert model.latents == 3
    z = (means - model.latent_mean) @ model.latent_pca.T
    torch.testing.assert_close(z.std(0)[:3], torch.tensor([5.0, 2.0, 1.0]), rtol=0.1, atol=0)
    identity = model.latent_pca @ model.latent_pca.T
    torch.testing.assert_close(identity, torch.eye(6), atol=1e-5, rtol=0)
    with pytest.raises(WrongUse, match="1 to 6"):
        model.fit_latents(means, latents=7)


def test_latents_rise_with_loudness(tiny: Config) -> None:
    torch.manual_seed(0)
    means, louder = torch.randn(500, 6), torch.randn(6)
    model = RAVE(tiny)
    for levels in (means @ louder, means @ -louder):
        model.fit_latents(means, 6, levels=levels)
        z = (means - model.latent_mean) @ model.latent_pca.T
        assert ((levels - levels.mean()) @ z > 0).all()


def test_projection_with_all_latents_changes_nothing_but_coordinates(model: RAVE) -> None:
    x = torch.randn(1, 1, 8 * model.ratio)
    model.latents = 6
    z, _ = model.encode(x, model.encoder_state(1))
    projected, _ = model.decode(z, torch.zeros(1, 0, 8), model.decoder_state(1))
    bands, _ = model.pqmf.analyse(x, model.pqmf.analysis_state(1))
    mean, _, _ = model.posterior(bands, model.encoder.init_state(1))
    decoded, _ = model.decoder(mean, model.decoder.init_state(1))
    plain, _ = model.pqmf.synthesise(decoded, model.pqmf.synthesis_state(1))
    torch.testing.assert_close(projected, plain, atol=1e-5, rtol=0)


PRIOR = {"latents": 4, "resolution": 8, "width": 8, "skip": 8, "kernel": 3, "layers": 2, "cycle": 2}


def test_config_survives_its_dictionary() -> None:
    for config in (*PRESETS.values(), Config(prior=PriorConfig(**PRIOR))):
        assert Config.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"capasity": 8}, "unknown key 'capasity'.*did you mean 'capacity'.*sample_rate"),
        ({"capacity": "big"}, "capacity is 'big'"),
        ({"capacity": 0}, "capacity is 0"),
        ({"ratios": [4, 2]}, "2 ratios but 4 dilations"),
        ({"ratios": 4}, "must be lists"),
        ({"ratios": [4, 2, 2, 2.5]}, "not whole numbers"),
        ({"encoder": "mel"}, "not spectral, convolutional, v1 or pitched"),
        ({"padding": "none"}, "not newest, causal or centred"),
        ({"padding": "centred", "ratios": [4, 3, 2, 2]}, "every ratio must be even"),
        ({"channels": 3}, "1 or 2"),
        ({"adain": 1}, "true or false"),
        ({"resampling": 3}, "not 1, 2, 4, 8 or 16"),
        ({"quantizers": 4}, "no other, has quantizers"),
        ({"bottleneck": "discrete"}, "has quantizers and a codebook"),
        ({"noise_ratios": [8, 8], "noise_taps": 5, "noise_hidden": 8}, "multiple of the noise_ratios"),
        ({"noise_ratios": [2, 2], "noise_taps": 5}, "noise_hidden"),
        ({"prior": {"latents": 4}}, "a prior has latents, resolution"),
        ({"prior": {**PRIOR, "colour": 1}}, "config: prior: unknown key 'colour'"),
        ({"prior": {**PRIOR, "width": 6}}, "multiples of the latents"),
        ({"prior": {**PRIOR, "layers": 0}}, "layers is 0"),
        ({"bands": 15}, "must be even"),
        ({"attenuation": 10}, "not within"),
    ],
)
def test_config_refuses(values: dict[str, object], message: str) -> None:
    with pytest.raises(WrongUse, match=message):
        Config.from_dict(values)


def test_unknown_preset_lists_the_known() -> None:
    with pytest.raises(WrongUse, match="v2_small"):
        preset("v9")


def test_spectrum_measures_level_and_place() -> None:
    spectrum = Spectrum(bands=2, hop=32)
    time = torch.arange(32 * 8)
    x = torch.zeros(1, 2, len(time))
    x[0, 1] = 0.1 * torch.cos(2 * torch.pi * 16 / 128 * time)  # -20 dBFS in the second band
    y, _ = spectrum(x, spectrum.init_state(1))
    assert y.shape == (1, spectrum.features, 8)
    long, short = y[0, : 2 * 65, -1].reshape(2, 65), y[0, 2 * 65 :, -1].reshape(2, 17)
    assert int(long[1].argmax()) == 16
    assert int(short[1].argmax()) == 4
    assert long[1].max() == pytest.approx(0.5, abs=0.01)
    assert short[1].max() == pytest.approx(0.5, abs=0.01)
    assert long[0].max() == short[0].max() == -1


def test_pointwise_convolution_has_no_state() -> None:
    assert Conv1d(2, 2, 1).init_state(1) == []
