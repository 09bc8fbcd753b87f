"""The shape of a model: everything needed to build it, nothing about how it is trained."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from perform.errors import WrongUse


@dataclass(frozen=True)
class Config:
    """A RAVE's architecture. The defaults are `live`: light enough for eight decks on a laptop."""

    sample_rate: int = 48000
    """Hz."""
    bands: int = 16
    """Bands of the filter bank, even."""
    attenuation: int = 40
    """The filter bank's stop band in dB: 100 is transparent, 40 is short and cheap."""
    encoder: str = "spectral"
    """`spectral`, quick to train, or `convolutional`, RAVE v2's."""
    capacity: int = 32
    """Channels of the outermost stage; each stage inwards doubles them."""
    ratios: tuple[int, ...] = (4, 2, 2, 2)
    """Downsampling of each stage, outermost first."""
    dilations: tuple[tuple[int, ...], ...] = ((1, 3, 9), (1, 3, 9), (1, 3, 9), (1, 3))
    """Dilations of each stage's residual units."""
    kernel: int = 3
    """Taps of the residual convolutions; the outermost convolutions have 2 x kernel + 1."""
    full_latents: int = 32
    """Latents before the projection that keeps the most telling few."""

    def __post_init__(self) -> None:
        for name in ("sample_rate", "bands", "attenuation", "capacity", "kernel", "full_latents"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise WrongUse(f"{name} is {value!r}, not a whole number of 1 or more", where="config")
        for name, numbers in (("ratios", self.ratios), ("dilations", sum(self.dilations, ()))):
            if not numbers or any(type(number) is not int or number < 1 for number in numbers):
                raise WrongUse(f"{name} are {getattr(self, name)!r}, not whole numbers", where="config")
        if self.encoder not in ("spectral", "convolutional"):
            raise WrongUse(f"encoder is {self.encoder!r}, not spectral or convolutional", where="config")
        if len(self.ratios) != len(self.dilations):
            raise WrongUse(f"{len(self.ratios)} ratios but {len(self.dilations)} dilations", where="config")
        if self.bands % 2 or math.prod(self.ratios) % 2:
            raise WrongUse("bands and the product of the ratios must be even", where="config")
        if not 30 <= self.attenuation <= 120:
            raise WrongUse(f"attenuation is {self.attenuation} dB, not within 30..120", where="config")

    @property
    def ratio(self) -> int:
        """Samples in a latent frame."""
        return self.bands * math.prod(self.ratios)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """A config from plain values; keys left out keep their defaults, unknown keys are refused."""
        allowed = [field.name for field in fields(cls)]
        for key in values:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, 1)
                raise WrongUse(
                    f"unknown key {key!r}",
                    where="config",
                    hint=(f"did you mean {near[0]!r}? " if near else "") + f"allowed: {', '.join(allowed)}",
                )
        try:
            plain = {
                **values,
                **{key: tuple(values[key]) for key in ("ratios",) if key in values},
                **{key: tuple(map(tuple, values[key])) for key in ("dilations",) if key in values},
            }
        except TypeError:
            raise WrongUse("ratios and dilations must be lists of whole numbers", where="config") from None
        return cls(**plain)


_V2 = Config(sample_rate=44100, attenuation=100, encoder="convolutional", full_latents=128)
PRESETS = {
    "live": Config(),
    "v2": replace(_V2, capacity=96, ratios=(4, 4, 4, 2)),
    "v2_small": replace(_V2, capacity=48, ratios=(4, 2, 2, 2)),
}
"""Architectures by name."""


def preset(name: str) -> Config:
    """The preset called `name`, or a WrongUse that lists them."""
    if name not in PRESETS:
        raise WrongUse(f"no config named {name!r}", hint=f"there are {', '.join(PRESETS)}")
    return PRESETS[name]
