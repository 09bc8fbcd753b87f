"""The size of a model, from its config alone. A file whose config asks for more than it holds is refused.

It is checked before the model is built, so that a small file cannot take the machine's memory or time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict

from perform.core.errors import WrongUse
from perform.rave import architecture
from perform.rave.architecture import Architecture
from perform.rave.config import Config
from perform.rave.model_layers import walk

SLACK = 1 << 22  #: values that any file may need besides its weights: window functions, states of streams
LARGEST = 1 << 24  #: of any number in a config
MAX_BANDS = 128  #: of a filter bank that is designed here, which takes a second for so many
MAX_RATIO = 1 << 16  #: samples of a frame
MAX_LATENTS = 1024


def check_size(config: Config, values: int, tensors: int) -> None:
    """Raise WrongUse if a model of this config is larger than its file, which holds `values` in `tensors`.

    All states of a stream count: a dilation is in no tensor of a file.
    """
    if max(_numbers(asdict(config))) > LARGEST:
        raise WrongUse(f"a number of its config exceeds {LARGEST}", where="config")
    if not config.bank_taps and config.bands > MAX_BANDS:
        raise WrongUse(f"bands is {config.bands}, more than {MAX_BANDS}", where="config")
    if config.ratio > MAX_RATIO:
        raise WrongUse(f"a frame has {config.ratio} samples, more than {MAX_RATIO}", where="config")
    if max(config.full_latents, config.most_latents) > MAX_LATENTS:
        raise WrongUse(f"more than {MAX_LATENTS} latents", where="config")
    layers = len(config.ratios) + sum(map(len, config.dilations)) + len(config.noise_ratios)
    layers += config.prior.layers if config.prior else 0
    if layers > tensors:
        raise WrongUse(f"describes {layers} layers, but the file holds {tensors} tensors", where="config")
    wanted = _values(config)
    if wanted > 4 * values + SLACK:
        what = f"describes a model of {wanted} values, but the file holds {values}"
        raise WrongUse(what, where="config")


def _values(config: Config) -> int:
    """Count the values of weights, fixed filters and states, and the noise of a frame; allocates none."""
    made = Architecture(config)
    weights = sum(map(math.prod, made.tensors.values()))
    return architecture.noise(config, config.most_latents) + weights + sum(it.values for _, it in walk(made))


def _numbers(values: object) -> Iterator[int]:
    if isinstance(values, int):
        yield values
    elif isinstance(values, dict):
        for value in values.values():
            yield from _numbers(value)
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _numbers(value)
