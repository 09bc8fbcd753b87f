"""The home of a model: latents of a lively moment of its corpus, where bias 0 is on a new deck.

Zero is the mean of the corpus, between silence and sound: held there, most models are nearly silent. The home
is a frame of the model's loop. Held, it is about as loud as the loop, and among those it is the most typical:
the nearest frames of the loop are nearer than those of any other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from perform.core.loudness import LOWEST_DB, loudness_db
from perform.rave.config import MEASURED
from perform.rave.model import RAVE

NEAR_DB = 3.0  #: held, the home is at most this much louder or softer than the loop
NEAREST = 32  #: frames whose distance says how typical a frame is
TRIED = 24  #: frames that are held to find their level
HELD_S = 0.6  #: seconds that each is held; its first half is not measured


@torch.inference_mode()
def home_latents(model: RAVE) -> list[float]:
    """Return the home of a model with a loop (`model.gesture`), one value a latent. [slow]

    The pitch of a pitched model stays 0, so that keys are in tune, and its noise too.
    """
    loop = model.gesture
    wanted = _level(_decoded(model, loop[None])[0])
    spread = loop.std(0, correction=0).clamp(min=1e-6)
    apart = torch.cdist(loop / spread, loop / spread)
    typical = apart.sort(1)[0][:, : NEAREST + 1].mean(1)
    order = typical.argsort()  # the silences of the loop come early, and are too soft
    candidates = loop[order[:: max(1, len(order) // TRIED)]]
    if model.config.bottleneck == "pitched":
        for name in ("pitch", "noise"):
            candidates[:, MEASURED.index(name)] = 0.0
    held = -(-int(HELD_S * model.config.sample_rate) // model.ratio)
    sound = _decoded(model, candidates[:, None].expand(-1, held, -1))
    off = [abs(_level(y[:, y.shape[-1] // 2 :]) - wanted) for y in sound]
    near = [i for i, db in enumerate(off) if db <= NEAR_DB]
    best = near[0] if near else min(range(len(off)), key=off.__getitem__)
    return [round(float(value), 4) for value in candidates[best]]


def _decoded(model: RAVE, z: Tensor) -> Tensor:
    """Latents (B, frames, latents) to sound (B, channels, n), with the same noise each time."""
    batch, frames, _ = z.shape
    noise = torch.randn(batch, model.noise, frames, generator=torch.Generator().manual_seed(0))
    y, _ = model.decode(z.transpose(1, 2), noise, model.decoder_state(batch))
    return y


def _level(y: Tensor) -> float:
    """RMS in dBFS; LOWEST_DB for silence."""
    level = loudness_db(y.numpy())
    return LOWEST_DB if level is None else level
