"""The layers of a model, as its config says: RAVE's encoders and decoders (arXiv 2111.05011). No torch.

Encoders, each (B, channels x bands, n * stride) -> (B, width, n): `v1` and `convolutional` (v2's) are RAVE's.
`spectral` starts from log magnitudes, which show partials and their levels directly. So a small model learns
more than loudness within minutes of training. `pitched` is spectral, and measures pitch, loudness and noise.
For a variational bottleneck the width is 2 x full_latents: the posterior's mean, then its raw scale. For a
pitched one it is what is measured, then mean and scale of the timbre. For the others it is full_latents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property

from perform.rave.config import MEASURED, Config
from perform.rave.model_layers import (
    AdaINLayer,
    ChainLayer,
    CodebooksLayer,
    Conv1dLayer,
    ConvTranspose1dLayer,
    DecoderLayer,
    DelayLayer,
    FilterBank,
    Layer,
    LeakyReLULayer,
    NoiseSynthLayer,
    PriorLayer,
    ResamplerLayer,
    ResidualLayer,
    ResidualUnitLayer,
    Shape,
    SnakeLayer,
    SpectrumLayer,
    V1DecoderLayer,
    padding,
    there,
    walk,
)
from perform.rave.pitched_layers import (
    KNOTS,
    FundamentalLayer,
    HarmonicDecoderLayer,
    HarmonicsLayer,
    PitchedEncoderLayer,
    SubframesLayer,
)

AnyDecoder = DecoderLayer | V1DecoderLayer | HarmonicDecoderLayer

_ACTIVATIONS: Mapping[str, Callable[[int], Layer]] = {"leaky": LeakyReLULayer, "snake": SnakeLayer}


class Architecture(Layer):
    """All layers of a model."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.resampler = ResamplerLayer(config.resampling, config.padding) if config.resampling > 1 else None
        self.bank = FilterBank(config.bands, config.attenuation, config.bank_taps)
        self.encoder = encoder(config)
        self.decoder = decoder(config)
        self.prior = PriorLayer(config.prior) if config.prior else None
        books = config.quantizers, config.codebook, config.full_latents
        self.codebooks = CodebooksLayer(*books) if config.bottleneck == "discrete" else None
        self.parts = {"pqmf": self.bank, "encoder.net": self.encoder, "decoder": self.decoder}
        self.parts |= there(resampler=self.resampler, prior=self.prior, codebooks=self.codebooks)
        full = config.full_latents
        if config.bottleneck == "variational":
            self.shapes = {"latent_mean": (full,), "latent_pca": (full, full)}

    @cached_property
    def tensors(self) -> dict[str, Shape]:
        """The shapes of all tensors in a model's file, by name."""
        return {f"{path}{name}": shape for path, it in walk(self) for name, shape in it.shapes.items()}


def encoder(config: Config) -> Layer:
    """The encoder that a config names."""
    made: dict[str, Callable[[Config], Layer]] = {
        "spectral": spectral,
        "convolutional": convolutional,
        "v1": v1,
        "pitched": pitched,
    }
    return made[config.encoder](config)


def decoder(config: Config) -> AnyDecoder:
    """The decoder that a config names."""
    made: dict[str, Callable[[Config], AnyDecoder]] = {
        "v2": decoder_v2,
        "v1": decoder_v1,
        "harmonic": harmonic,
    }
    return made[config.decoder](config)


def width(config: Config) -> int:
    """Channels of the encoder's output."""
    return config.full_latents * (2 if config.bottleneck == "variational" else 1)


def missing(config: Config, latents: int) -> int:
    """Latents that the projection drops, of which it keeps `latents`, or that are always noise."""
    kept = latents if config.bottleneck == "variational" else config.full_latents
    return config.full_latents + config.noise_latents - kept


def noise(config: Config, latents: int) -> int:
    """Random numbers for decoding a frame: those `missing`, and one per sample for a noise synthesiser."""
    synthesised = config.channels * config.ratio // config.resampling
    return missing(config, latents) + (synthesised if config.noise_ratios else 0)


def convolutional(config: Config) -> ChainLayer:
    """A convolution, then stages: dilated residual units, a strided convolution that doubles the channels."""
    channels, kernel, mode = config.capacity, config.kernel, config.padding
    activation = _ACTIVATIONS[config.activation]
    taps = 2 * kernel + 1
    bands = config.channels * config.bands
    layers: list[Layer] = [Conv1dLayer(bands, channels, taps, padding=padding(mode, taps))]
    for ratio, dilations in zip(config.ratios, config.dilations, strict=True):
        layers += _residual_units(config, channels, dilations)
        pad = padding(mode, 2 * ratio, ratio)
        layers += [activation(channels), Conv1dLayer(channels, 2 * channels, 2 * ratio, ratio, padding=pad)]
        channels *= 2
    last = Conv1dLayer(channels, width(config), kernel, padding=padding(mode, kernel))
    return ChainLayer(*layers, activation(channels), last)


def v1(config: Config) -> ChainLayer:
    """RAVE v1's: strided convolutions, each aligned with the delay so far.

    Its batch norms have no layers here: in inference they are affine, and are folded into the convolutions.
    """
    channels, mode = config.capacity, config.padding
    layers: list[Layer] = [Conv1dLayer(config.channels * config.bands, channels, 7, padding=padding(mode, 7))]
    delay = padding(mode, 7)[1]
    for ratio in config.ratios:
        pad = padding(mode, 2 * ratio + 1, ratio)
        align = -(pad[1] + delay) % ratio if mode != "newest" else 0
        strided = Conv1dLayer(channels, 2 * channels, 2 * ratio + 1, ratio, padding=pad, align=align)
        layers += [LeakyReLULayer(), strided]
        delay = (pad[1] + align + delay) // ratio
        channels *= 2
    groups = 2 if config.bottleneck == "variational" else 1  # mean and scale have separate groups
    last = Conv1dLayer(channels, width(config), 5, padding=padding(mode, 5), groups=groups)
    return ChainLayer(*layers, LeakyReLULayer(), last)


def spectral(config: Config, latents: int = 0) -> ChainLayer:
    """Log spectra once a frame, then two residual units at frame rate.

    latents : of a timbre, whose mean and scale it gives; 0 for the width of the config
    """
    hop, channels = math.prod(config.ratios), 8 * config.capacity
    spectrum = SpectrumLayer(config.channels * config.bands, hop)
    return ChainLayer(
        spectrum,
        Conv1dLayer(spectrum.features, channels, 1),
        ResidualUnitLayer(channels, config.kernel, 1),
        ResidualUnitLayer(channels, config.kernel, 2),
        LeakyReLULayer(),
        Conv1dLayer(channels, 2 * latents or width(config), config.kernel),
    )


def pitched(config: Config) -> PitchedEncoderLayer:
    """Pitch, loudness and noise, measured; and a timbre from log spectra."""
    fundamental = FundamentalLayer(config.sample_rate, config.ratio)
    return PitchedEncoderLayer(
        config.bands, fundamental, spectral(config, config.full_latents - len(MEASURED))
    )


def decoder_v2(config: Config) -> DecoderLayer:
    """v2's, the mirror of the encoder, each stage a transposed convolution and dilated residual units.

    The last convolution gives every band a wave and an amplitude; with `decoder_ratios` it gives them for the
    sound itself. With a noise synthesiser this convolution is the branch `wave`, beside the branch `noise`.
    """
    channels, kernel, mode = config.capacity * 2 ** len(config.ratios), config.kernel, config.padding
    bands = config.channels * (1 if config.decoder_ratios else config.bands)
    activation = _ACTIVATIONS[config.activation]
    layers: list[Layer] = [Conv1dLayer(_latents(config), channels, kernel, padding=padding(mode, kernel))]
    ratios = config.decoder_ratios or config.ratios
    for ratio, dilations in zip(reversed(ratios), reversed(config.dilations), strict=True):
        layers += [activation(channels), ConvTranspose1dLayer(channels, channels // 2, ratio)]
        channels //= 2
        layers += _residual_units(config, channels, dilations)
    taps = 2 * kernel + 1
    wave = Conv1dLayer(channels, 2 * bands, taps, padding=padding(mode, taps))
    layers.append(activation(channels))
    if not config.noise_ratios:
        return DecoderLayer(ChainLayer(*layers, wave))
    return DecoderLayer(ChainLayer(*layers), wave, _noise_v2(config, channels, bands))


def decoder_v1(config: Config) -> V1DecoderLayer:
    """v1's: each stage is a transposed convolution and a stack of residuals.

    Three branches take the net's output, aligned by delays: waves, one loudness for all bands, and filtered
    noise.
    """
    channels, mode = config.capacity * 2 ** len(config.ratios), config.padding
    bands = config.channels * config.bands
    layers: list[Layer] = [Conv1dLayer(_latents(config), channels, 7, padding=padding(mode, 7))]
    for ratio, dilations in zip(config.ratios, config.dilations, strict=True):
        layers += [LeakyReLULayer(), ConvTranspose1dLayer(channels, channels // 2, ratio)]
        channels //= 2
        layers += [_residual(config, channels, dilation) for dilation in dilations]
    wave = Conv1dLayer(channels, bands, 7, padding=padding(mode, 7))
    loudness = Conv1dLayer(channels, 1, 3, padding=padding(mode, 3))
    net, delay = _noise_v1(config, channels, bands)
    longest = max(wave.delay, loudness.delay, delay)
    return V1DecoderLayer(
        ChainLayer(*layers),
        ChainLayer(DelayLayer(channels, longest - wave.delay), wave),
        ChainLayer(DelayLayer(channels, longest - loudness.delay), loudness),
        NoiseSynthLayer(net, bands, config.noise_taps) if config.noise_ratios else None,
    )


def harmonic(config: Config) -> HarmonicDecoderLayer:
    """A causal net gives the amplitudes of harmonics and of filtered noise, once a frame."""
    channels, kernel, bands = 8 * config.capacity, config.kernel, config.bands
    step = config.noise_ratios[0]  # band samples that share a filter of the noise
    each = config.ratio // bands // step
    tones, noises = KNOTS * config.harmonics, each * bands * config.noise_taps
    net = ChainLayer(
        Conv1dLayer(config.full_latents, channels, kernel),
        ResidualUnitLayer(channels, kernel, 1),
        ResidualUnitLayer(channels, kernel, 2),
        LeakyReLULayer(),
        Conv1dLayer(channels, tones + noises, 1),
    )
    tone = HarmonicsLayer(config.sample_rate, config.ratio, bands, config.harmonics)
    filtered = NoiseSynthLayer(ChainLayer(SubframesLayer(each)), bands, config.noise_taps, step)
    return HarmonicDecoderLayer(net, tone, filtered, each, tones)


def _residual_units(config: Config, channels: int, dilations: tuple[int, ...]) -> list[Layer]:
    """The dilated units of a stage, each after an AdaIN layer if the config has style transfer."""
    layers: list[Layer] = []
    for dilation in dilations:
        pad = padding(config.padding, config.kernel, dilation=dilation)
        unit = ResidualUnitLayer(channels, config.kernel, dilation, pad)
        layers += [AdaINLayer(channels), unit] if config.adain else [unit]
    return layers


def _latents(config: Config) -> int:
    return config.full_latents + config.noise_latents


def _residual(config: Config, channels: int, dilation: int) -> ResidualLayer:
    """v1's residual: a dilated convolution, then a plain one."""
    pads = [padding(config.padding, config.kernel, dilation=d) for d in (dilation, 1)]
    body = ChainLayer(
        LeakyReLULayer(),
        Conv1dLayer(channels, channels, config.kernel, dilation=dilation, padding=pads[0]),
        LeakyReLULayer(),
        Conv1dLayer(channels, channels, config.kernel, padding=pads[1]),
    )
    return ResidualLayer(channels, body)


def _noise_v2(config: Config, channels: int, bands: int) -> NoiseSynthLayer:
    """v2's noise synthesiser; its convolutions are causal."""
    layers: list[Layer] = []
    for ratio in config.noise_ratios[:-1]:
        layers += [Conv1dLayer(channels, config.noise_hidden, 2 * ratio, ratio)]
        channels = config.noise_hidden
        layers += [_ACTIVATIONS[config.activation](channels)]
    ratio = config.noise_ratios[-1]
    last = Conv1dLayer(channels, bands * config.noise_taps, 2 * ratio, ratio)
    return NoiseSynthLayer(ChainLayer(*layers, last), bands, config.noise_taps)


def _noise_v1(config: Config, channels: int, bands: int) -> tuple[ChainLayer, int]:
    """The net of v1's noise synthesiser, and its delay in band samples."""
    layers: list[Layer] = []
    delay = 0
    for stage, ratio in enumerate(config.noise_ratios):
        last = stage == len(config.noise_ratios) - 1
        pad = padding(config.padding, 3, ratio)
        align = -(pad[1] + delay) % ratio if config.padding != "newest" else 0
        outputs = bands * config.noise_taps if last else channels
        layers += [Conv1dLayer(channels, outputs, 3, ratio, padding=pad, align=align)]
        layers += [] if last else [LeakyReLULayer()]
        delay = (pad[1] + align + delay) // ratio
    for ratio in config.noise_ratios:
        delay *= ratio
    return ChainLayer(*layers), delay
