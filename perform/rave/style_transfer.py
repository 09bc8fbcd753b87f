"""Style transfer for models with AdaIN: learns the statistics of a source and of a target sound."""

from __future__ import annotations

import torch
from torch import Tensor

from perform.core.errors import WrongUse
from perform.rave.blocks import NEITHER, SOURCE, TARGET, AdaIN
from perform.rave.model import RAVE

Statistics = tuple[Tensor, Tensor]  # of each channel, mean and deviation, (channels, 1) both


@torch.no_grad()
def learn(model: RAVE, source: Tensor, target: Tensor) -> None:
    """Learn a style that turns `source` into `target`, both (1, channels, n * ratio).

    The statistics of a layer are those of its input, which the layers before have changed already.
    """
    if not layers(model):
        raise WrongUse("this model learns no styles", hint="only models with AdaIN do: v3")
    forget(model)
    for sound, side in ((target, TARGET), (source, SOURCE)):
        set_learning(model, side)
        z, _ = model.encode(sound, model.encoder_state(1))
        model.decode(z, z.new_zeros(1, model.noise, z.shape[-1]), model.decoder_state(1))
    set_learning(model, None)


def layers(model: torch.nn.Module) -> list[AdaIN]:
    """All AdaIN layers of a model, in order."""
    return [layer for layer in model.modules() if isinstance(layer, AdaIN)]


def set_learning(model: torch.nn.Module, side: int | None) -> None:
    """Learn `side`, SOURCE or TARGET, from everything that plays from now on; None stops."""
    for layer in layers(model):
        layer.learn(NEITHER if side is None else side)


def forget(model: torch.nn.Module, *sides: int) -> None:
    """Forget the statistics of the given sides, or of both; then sound passes unchanged."""
    for layer in layers(model):
        layer.forget(*sides)


def statistics(x: Tensor) -> Statistics:
    """Mean and deviation in time of each channel of (1, channels, n)."""
    return x[0].mean(-1, keepdim=True), x[0].std(-1, keepdim=True)
