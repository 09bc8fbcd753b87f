"""Several configurations applied in order, as RAVE's training applies its gin files.

`v2` sets a whole architecture. A part, such as `causal` or `snake`, sets a few values and keeps the others;
alone it changes v2. Every value is what RAVE's configuration of that name sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from perform.core.errors import WrongUse
from perform.rave.config import PRESETS, Config, preset

_NOISE = ("noise_ratios", "noise_taps", "noise_hidden")
_BOTTLENECK = ("bottleneck", "full_latents", "noise_latents", "quantizers", "codebook")


def _values(name: str, keys: Sequence[str]) -> dict[str, Any]:
    return {key: getattr(PRESETS[name], key) for key in keys}


PARTS: Mapping[str, Mapping[str, Any]] = {
    "causal": _values("causal", ["padding"]),
    "noise": _values("noise", _NOISE),
    "snake": {"activation": "snake"},
    "adain": {"adain": True},
    "wasserstein": _values("wasserstein", _BOTTLENECK),
    "spherical": _values("spherical", _BOTTLENECK),
}
"""Configurations that set only these values."""
MISSING: Mapping[str, tuple[str, str]] = {
    "hybrid": (
        "RAVE 2.3.1 cannot train it either (`perform docs configurations`)",
        "use --config live, whose encoder takes spectra, or v2",
    ),
    "onnx": ("it is an older encoder and decoder for export", "use --config v1, and `perform export`"),
    "v2_with_augs": ("it is v2 with data augmentation", "use --config v2 --changes gain,compress,mute"),
    "normalize_ambient": ("it is data augmentation", "use --changes compress"),
    "spectral_discriminator": ("it is a discriminator", "use --discriminators period,spectrum"),
    "descript_discriminator": ("it is a discriminator", "use --discriminators period,spectrum"),
}
"""RAVE's configurations that cannot be used here: why, and what to use."""


def combined(names: Sequence[str]) -> Config:
    """The config of one or more configurations, each applied over those before it."""
    config: Config | None = None
    for name in names:
        if name in MISSING:
            why, hint = MISSING[name]
            raise WrongUse(f"there is no config {name} here: {why}", where="--config", hint=hint)
        if name in PARTS:
            config = replace(config or PRESETS["v2"], **PARTS[name])
        else:
            whole = preset(name)
            config = replace(whole, **_kept(config, whole)) if config else whole
    return config or PRESETS["live"]


def _kept(before: Config, whole: Config) -> dict[str, Any]:
    """Return the values that a whole configuration of RAVE's leaves as they were; one of ours leaves none."""
    if not {before.encoder, whole.encoder} <= {"convolutional", "v1"}:
        return {}
    usual = PRESETS["v2"]
    keys = [key for key in ("padding", "activation", "adain") if getattr(whole, key) == getattr(usual, key)]
    if before.decoder == whole.decoder == "v2" and not whole.noise_ratios and not whole.decoder_ratios:
        keys += _NOISE
    return {key: getattr(before, key) for key in keys}
