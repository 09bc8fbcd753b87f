"""Style transfer: a model with AdaIN learns by listening what one sound is, and what it is to sound like."""

from __future__ import annotations

import torch
from torch import Tensor

from perform.errors import WrongUse
from perform.rave.blocks import AdaIN
from perform.rave.model import RAVE

Statistics = tuple[Tensor, Tensor]  # of each channel, mean and deviation, (channels, 1) both


@torch.no_grad()
def learn(model: RAVE, source: Tensor, target: Tensor) -> None:
    """From now on what sounds like `source` comes out like `target`, both (1, channels, n * ratio).

    Layer by layer: what a layer hears of the source is already changed by those before it.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, AdaIN)]
    if not layers:
        raise WrongUse("this model learns no styles", hint="only those with AdaIN do: v3")
    forget(model)
    wanted: dict[AdaIN, Statistics] = {}

    def note(layer: AdaIN, inputs: tuple[Tensor, object]) -> None:
        wanted[layer] = statistics(inputs[0])

    def adopt(layer: AdaIN, inputs: tuple[Tensor, object]) -> None:
        layer.adopt(statistics(inputs[0]), wanted[layer])

    for sound, listen in ((target, note), (source, adopt)):
        hooks = [layer.register_forward_pre_hook(listen) for layer in layers]
        z, _ = model.encode(sound, model.encoder_state(1))
        model.decode(z, z.new_zeros(1, model.noise, z.shape[-1]), model.decoder_state(1))
        for hook in hooks:
            hook.remove()


def forget(model: RAVE) -> None:
    """No style: every sound as it is."""
    for layer in model.modules():
        if isinstance(layer, AdaIN):
            layer.scale.fill_(1)
            layer.shift.zero_()


def statistics(x: Tensor) -> Statistics:
    """Mean and deviation in time of each channel of (1, channels, n)."""
    return x[0].mean(-1, keepdim=True), x[0].std(-1, keepdim=True)
