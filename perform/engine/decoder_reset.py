"""Resets a stream of a decoder. One that chirps on its first frames decodes these unheard, from zeros."""

from __future__ import annotations

import numpy as np

from perform.engine.compiled_model import CompiledModel, CompiledStream
from perform.engine.protocol import PlayableModel, Stream


def reset(model: PlayableModel, stream: Stream, warm_up: int, *, keeps_prior: bool = False) -> None:
    """[render] Return a stream to its beginning.

    warm_up     : frames that are decoded unheard. A compiled model does so once and keeps the state, so that
                  a reset delays no other deck
    keeps_prior : the prior of a compiled model goes on
    """
    if keeps_prior and isinstance(stream, CompiledStream):
        stream.reset_decoder()
    else:
        stream.reset()
    if not warm_up:
        return
    if isinstance(model, CompiledModel) and isinstance(stream, CompiledStream) and stream.has_default_style:
        if warm_up not in model.warm_states:
            fresh = model.stream()
            _decode_zeros(model, fresh, warm_up)
            model.warm_states[warm_up] = fresh.state
        stream.state[:] = model.warm_states[warm_up]
    else:
        _decode_zeros(model, stream, warm_up)


def _decode_zeros(model: PlayableModel, stream: Stream, frames: int) -> None:
    z, noise = np.zeros((1, model.card.latents), np.float32), np.zeros((1, model.noise), np.float32)
    for _ in range(frames):
        model.render([stream], z, noise)
