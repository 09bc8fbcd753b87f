"""Style transfer: a model with AdaIN learns by listening what one sound is, and what it is to sound like."""

from __future__ import annotations

import torch
from torch import Tensor

from perform.core.errors import WrongUse
from perform.rave.blocks import SOURCE, TARGET, AdaIN
from perform.rave.model import RAVE

Statistics = tuple[Tensor, Tensor]  # of each channel, mean and deviation, (channels, 1) both


@torch.no_grad()
def learn(model: RAVE, source: Tensor, target: Tensor) -> None:
    """From now on what sounds like `source` comes out like `target`, both (1, channels, n * ratio).

    Layer by layer: what a layer hears of the source is already changed by those before it.
    """
    if not layers(model):
        raise WrongUse("this model learns no styles", hint="only those with AdaIN do: v3")
    forget(model)
    for sound, side in ((target, TARGET), (source, SOURCE)):
        listen(model, side)
        z, _ = model.encode(sound, model.encoder_state(1))
        model.decode(z, z.new_zeros(1, model.noise, z.shape[-1]), model.decoder_state(1))
    listen(model, None)


def layers(model: torch.nn.Module) -> list[AdaIN]:
    """All that have a style, in the order they are heard in."""
    return [layer for layer in model.modules() if isinstance(layer, AdaIN)]


def listen(model: torch.nn.Module, side: int | None) -> None:
    """From now on every window that passes is learnt from, as SOURCE or TARGET, until it is None."""
    for layer in layers(model):
        layer.learning = side


def forget(model: torch.nn.Module, *sides: int) -> None:
    """No style, or nothing more of one side: every sound as it is."""
    for layer in layers(model):
        layer.forget(*sides)


def statistics(x: Tensor) -> Statistics:
    """Mean and deviation in time of each channel of (1, channels, n)."""
    return x[0].mean(-1, keepdim=True), x[0].std(-1, keepdim=True)
