"""The config of a model: everything needed to build it, nothing about its training."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from perform.core.errors import WrongUse

ENCODERS = ("spectral", "convolutional", "v1", "pitched")
DECODERS = ("v2", "v1", "harmonic")
PADDINGS = ("newest", "causal", "centred")
ACTIVATIONS = ("leaky", "snake")
RESAMPLING = (1, 2, 4, 8, 16)  #: how many times the model's own rate an export may have
BOTTLENECKS = ("variational", "wasserstein", "spherical", "discrete", "pitched")
MEASURED = ("pitch", "loudness", "noise")
"""The latents of a pitched model that are measured (fundamental.py). pitch: octaves above A3; loudness:
STEP_DB each, from ZERO_DB; noise: the share of the power that does not repeat, 0..1."""


@dataclass(frozen=True)
class PriorConfig:
    """The config of a prior over a model's latents (prior.py)."""

    latents: int
    """Latents that the model keeps."""
    resolution: int
    """Quantisation steps of a latent."""
    width: int
    """Channels of each unit."""
    skip: int
    """Channels of the skip connection."""
    kernel: int
    layers: int
    cycle: int
    """Units after which the dilations, which double, start again at 1."""
    pairs: bool = False
    """Whether to add a table of logits: the next choice of each latent by its last one alone."""

    def __post_init__(self) -> None:
        if type(self.pairs) is not bool:
            raise WrongUse(f"pairs is {self.pairs!r}, not true or false", where="config: prior")
        for name, value in asdict(self).items():
            if name != "pairs" and (type(value) is not int or value < 1):
                raise WrongUse(f"{name} is {value!r}, not a whole number of 1 or more", where="config: prior")
        if self.width % self.latents or self.skip % self.latents:
            raise WrongUse("width and skip must be multiples of the latents", where="config: prior")


@dataclass(frozen=True)
class Config:
    """A RAVE's architecture. The defaults are `live`: light enough for eight decks on a laptop."""

    sample_rate: int = 48000
    """Hz."""
    channels: int = 1
    """Channels of the sound: 1 or 2."""
    bands: int = 16
    """Bands of the filter bank, even."""
    attenuation: int = 40
    """The filter bank's stop band in dB: 100 is transparent, 40 is short and cheap."""
    bank_taps: int = 0
    """Taps of a filter bank stored with the model; 0: ours, designed from `attenuation`."""
    resampling: int = 1
    """How many times slower than `sample_rate` the model itself runs."""
    encoder: str = "spectral"
    """`spectral` (fast to train), `convolutional` (RAVE v2's), `v1`, or `pitched`: spectral and pitch."""
    decoder: str = "v2"
    """`v2`, `v1`, or `harmonic`: harmonics of a pitch, and noise; with a pitched encoder and bottleneck."""
    padding: str = "newest"
    """Where a convolution's window ends: at the `newest` sample of a stride or, as upstream, at its first
    sample (`causal`) or half a window later (`centred`), which delays a stream."""
    activation: str = "leaky"
    """Activation between stages: `leaky` or, for v3, `snake`. Residual units are always leaky."""
    adain: bool = False
    """Style transfer by adaptive instance normalisation, before every residual unit."""
    capacity: int = 32
    """Channels of the outermost stage; each stage inwards doubles them."""
    ratios: tuple[int, ...] = (4, 2, 2, 2)
    """Downsampling of each stage, outermost first (v1's decoder upsamples in this order too)."""
    decoder_ratios: tuple[int, ...] = ()
    """Upsampling of each stage of a v2 decoder that makes samples without the filter bank, outermost first;
    empty: the `ratios`, up to the bands."""
    dilations: tuple[tuple[int, ...], ...] = ((1, 3, 9), (1, 3, 9), (1, 3, 9), (1, 3))
    """Dilations of each stage's residual units."""
    kernel: int = 3
    """Taps of the residual convolutions; the outermost convolutions have 2 x kernel + 1."""
    bottleneck: str = "variational"
    """`variational`, `wasserstein`, `spherical`, `discrete` or `pitched`: the latents are pitch, loudness and
    noise, then a variational timbre."""
    full_latents: int = 32
    """Latents before the projection keeps the most important ones; dimensions of a codebook's entries."""
    noise_latents: int = 0
    """Additional latents that are always noise."""
    quantizers: int = 0
    """Number of codebooks, each refining the one before (discrete only)."""
    codebook: int = 0
    """Entries of each codebook (discrete only)."""
    noise_ratios: tuple[int, ...] = ()
    """Downsampling of each stage of the noise synthesiser; empty for none."""
    noise_taps: int = 0
    """Amplitudes of the noise synthesiser, per band and frame."""
    noise_hidden: int = 0
    """Channels inside v2's noise synthesiser."""
    harmonics: int = 0
    """Harmonics of a harmonic decoder; 0 for any other."""
    prior: PriorConfig | None = None
    """The prior that comes with the model, if any."""

    def __post_init__(self) -> None:
        for name in (
            "sample_rate",
            "bands",
            "attenuation",
            "resampling",
            "capacity",
            "kernel",
            "full_latents",
        ):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise WrongUse(f"{name} is {value!r}, not a whole number of 1 or more", where="config")
        for name in (
            "bank_taps",
            "noise_latents",
            "quantizers",
            "codebook",
            "noise_taps",
            "noise_hidden",
            "harmonics",
        ):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise WrongUse(f"{name} is {value!r}, not a whole number", where="config")
        for name, numbers in (
            ("ratios", self.ratios or (0,)),
            ("dilations", sum(self.dilations, ()) or (self.encoder == "v1",)),
            ("noise_ratios", self.noise_ratios),
            ("decoder_ratios", self.decoder_ratios),
        ):
            if any(type(number) is not int or number < 1 for number in numbers):
                raise WrongUse(f"{name} are {getattr(self, name)!r}, not whole numbers", where="config")
        for name, allowed in (
            ("encoder", ENCODERS),
            ("decoder", DECODERS),
            ("padding", PADDINGS),
            ("activation", ACTIVATIONS),
            ("bottleneck", BOTTLENECKS),
        ):
            if getattr(self, name) not in allowed:
                choice = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
                raise WrongUse(f"{name} is {getattr(self, name)!r}, not {choice}", where="config")
        if self.channels not in (1, 2) or type(self.adain) is not bool:
            raise WrongUse("channels are 1 or 2, adain is true or false", where="config")
        if len(self.ratios) != len(self.dilations):
            raise WrongUse(f"{len(self.ratios)} ratios but {len(self.dilations)} dilations", where="config")
        if self.bands % 2 or math.prod(self.ratios) % 2:
            raise WrongUse("bands and the product of the ratios must be even", where="config")
        if self.padding != "newest" and any(ratio % 2 for ratio in self.ratios):
            raise WrongUse(f"with {self.padding} padding every ratio must be even", where="config")
        if not 30 <= self.attenuation <= 120:
            raise WrongUse(f"attenuation is {self.attenuation} dB, not within 30..120", where="config")
        if self.resampling not in RESAMPLING:
            raise WrongUse(f"resampling is {self.resampling}, not 1, 2, 4, 8 or 16", where="config")
        discrete = self.bottleneck == "discrete"
        if (bool(self.quantizers), bool(self.codebook)) != (discrete, discrete):
            raise WrongUse(
                "a discrete bottleneck, and no other, has quantizers and a codebook", where="config"
            )
        if self.bottleneck == "spherical" and self.full_latents < 2:
            raise WrongUse("a spherical bottleneck needs full_latents of 2 or more", where="config")
        self._check_pitched()
        self._check_decoder_ratios()
        if self.noise_ratios and (
            self.noise_taps < 2 or math.prod(self.ratios) % math.prod(self.noise_ratios)
        ):
            raise WrongUse(
                "noise_taps must be 2 or more, the ratios a multiple of the noise_ratios", where="config"
            )
        if self.decoder == "v2" and len(self.noise_ratios) > 1 and not self.noise_hidden:
            raise WrongUse("v2's noise synthesiser needs noise_hidden", where="config")

    def _check_pitched(self) -> None:
        parts = {self.encoder == "pitched", self.decoder == "harmonic", self.bottleneck == "pitched"}
        if parts == {False} and not self.harmonics:
            return
        if parts != {True} or not self.harmonics:
            what = "a pitched encoder, a harmonic decoder, a pitched bottleneck and harmonics belong together"
            raise WrongUse(what, where="config", hint="start from the config live_pitch")
        if self.channels != 1 or self.resampling != 1 or self.padding != "newest" or self.adain:
            what = "a pitched model is mono, without resampling, padding or AdaIN"
            raise WrongUse(what, where="config")
        if len(self.noise_ratios) != 1 or self.full_latents < 4 or self.noise_latents:
            what = "a pitched model has one noise ratio and four latents or more"
            raise WrongUse(what, where="config")

    def _check_decoder_ratios(self) -> None:
        ratios = self.decoder_ratios
        if not ratios:
            return
        if self.decoder != "v2" or self.noise_ratios:
            what = "only a v2 decoder without a noise synthesiser makes samples without the filter bank"
            raise WrongUse(what, where="config", hint="leave decoder_ratios or noise_ratios empty")
        if len(ratios) != len(self.ratios) or math.prod(ratios) != self.bands * math.prod(self.ratios):
            what = f"decoder_ratios must be {len(self.ratios)} ratios whose product is bands x ratios"
            raise WrongUse(what, where="config")
        if self.padding != "newest" and any(ratio % 2 for ratio in ratios):
            raise WrongUse(f"with {self.padding} padding every ratio must be even", where="config")

    @property
    def ratio(self) -> int:
        """Samples in a latent frame, of each channel."""
        return self.resampling * self.bands * math.prod(self.ratios)

    @property
    def most_latents(self) -> int:
        """The largest number of latents that a model of this config can keep."""
        return {"discrete": self.quantizers, "spherical": self.full_latents - 1}.get(
            self.bottleneck, self.full_latents
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """A config from plain values; keys left out keep their defaults, unknown keys are refused."""
        _check_keys(values, [field.name for field in fields(cls)], "config")
        prior = values.get("prior")
        if prior is not None:
            names = [field.name for field in fields(PriorConfig)]
            if not isinstance(prior, Mapping) or set(names) - {"pairs"} - set(prior):
                raise WrongUse(f"a prior has {', '.join(names)}", where="config")
            _check_keys(prior, names, "config: prior")
            values = {**values, "prior": PriorConfig(**prior)}
        try:
            plain = {
                **values,
                **{
                    key: tuple(values[key])
                    for key in ("ratios", "decoder_ratios", "noise_ratios")
                    if key in values
                },
                **{key: tuple(map(tuple, values[key])) for key in ("dilations",) if key in values},
            }
        except TypeError:
            raise WrongUse("ratios and dilations must be lists of whole numbers", where="config") from None
        return cls(**plain)


def _check_keys(values: Mapping[str, Any], allowed: list[str], where: str) -> None:
    for key in values:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, 1)
            hint = (f"did you mean {near[0]!r}? " if near else "") + f"allowed: {', '.join(allowed)}"
            raise WrongUse(f"unknown key {key!r}", where=where, hint=hint)


_V2 = Config(
    sample_rate=44100,
    attenuation=100,
    encoder="convolutional",
    padding="centred",
    capacity=96,
    ratios=(4, 4, 4, 2),
    full_latents=128,
)
_V1 = replace(_V2, encoder="v1", decoder="v1", capacity=64, dilations=((1, 3, 5),) * 4)
_DISCRETE = replace(
    _V2, ratios=(4, 4, 2, 2), bottleneck="discrete", noise_latents=128, quantizers=16, codebook=1024
)
PRESETS = {
    "live": Config(),
    "live_pitch": Config(
        encoder="pitched",
        decoder="harmonic",
        bottleneck="pitched",
        full_latents=8,
        noise_ratios=(8,),
        noise_taps=5,
        harmonics=75,
    ),
    "live_128": Config(ratios=(4, 2), dilations=((1, 3, 9), (1, 3, 9))),
    "v1": replace(_V1, noise_ratios=(4, 4, 4), noise_taps=5),
    "v2": _V2,
    "v2_small": replace(
        _V2, capacity=48, ratios=(4, 2, 2, 2), noise_ratios=(2, 2, 2), noise_taps=32, noise_hidden=64
    ),
    "v2_nopqmf": replace(_V2, decoder_ratios=(8, 8, 8, 4)),
    "v2_nopqmf_small": replace(_V2, capacity=64, decoder_ratios=(8, 8, 8, 4)),
    "v3": replace(_V2, activation="snake", adain=True),
    "causal": replace(_V2, padding="causal"),
    "noise": replace(_V2, noise_ratios=(2, 2, 2), noise_taps=5, noise_hidden=128),
    "discrete": _DISCRETE,
    "discrete_v3": replace(_DISCRETE, activation="snake"),
    "wasserstein": replace(_V2, bottleneck="wasserstein", full_latents=16, noise_latents=128),
    "spherical": replace(_V2, bottleneck="spherical", full_latents=16),
    "raspberry": replace(_V1, capacity=16),
}
"""Architectures by name."""


def preset(name: str) -> Config:
    """The preset called `name`, or a WrongUse that lists them."""
    if name not in PRESETS:
        raise WrongUse(f"no config named {name!r}", hint=f"there are {', '.join(PRESETS)}")
    return PRESETS[name]
