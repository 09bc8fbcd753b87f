"""Comparing a rebuilt RAVE with its export: both decode the same latents with the same noise.

The export decodes in a sandboxed process (`perform.foreign.probe`).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from perform.foreign import probe
from perform.rave import offline
from perform.rave.archive import Archive
from perform.rave.model import RAVE

FRAMES, WARM_UP = 64, 24  #: frames that are compared, and frames decoded before them
TOLERANCE = 1e-3  #: largest difference allowed, of full scale
_SEED = 1
_EDGE = 1e-7  # keeps uniform noise this far from -1 and 1, where the normal one would be infinite


class Different(Exception):
    """The rebuilt model does not sound like its export."""


@torch.inference_mode()
def difference(model: RAVE, facts: dict[str, Any], archive: Archive) -> float:
    """Return the largest difference of FRAMES frames, after WARM_UP, of full scale. [disk, slow]

    facts : from `upstream.convert`
    """
    generator = torch.Generator().manual_seed(_SEED + 1)
    frames, copies = WARM_UP + FRAMES, max(facts["target_channels"] // model.config.channels, 1)
    z = torch.randn(1, model.latents, frames, generator=generator)
    if model.config.bottleneck == "discrete":
        size = (1, model.latents, frames)
        z = torch.randint(0, model.config.codebook, size, generator=generator).float()
    theirs = torch.from_numpy(probe.decode(archive.path, z[0].numpy(), _SEED).copy())
    noise = export_noise(model, frames, copies)
    if facts["streaming"]:
        ours, _ = model.decode(z, noise, model.decoder_state(1))
    else:
        ours = offline.decode(model, z, noise)
    ours, theirs = ours[0], theirs[: model.config.channels]
    if ours.shape != theirs.shape:
        raise Different(f"rebuilt, it gives {tuple(ours.shape)}, the export {tuple(theirs.shape)}")
    compared = slice(WARM_UP * model.ratio, None)
    return float((ours[:, compared] - theirs[:, compared]).abs().max())


def export_noise(model: RAVE, frames: int, copies: int) -> Tensor:
    """Return the noise that an export draws after torch.manual_seed(_SEED), (1, model.noise, frames).

    First the missing latents, standard normal, for each of the `copies` that a widened export decodes. Then
    the noise synthesiser's uniform noise, (copies, frames of the synthesiser, bands, samples per frame).
    """
    generator, config = torch.Generator().manual_seed(_SEED), model.config
    rows = [torch.zeros(1, 0, frames)]
    if model.missing:
        rows.append(torch.randn(copies, model.missing, frames, generator=generator)[:1])
    if config.noise_ratios:
        block = math.prod(config.noise_ratios)
        length, bands = math.prod(config.ratios) * frames, config.channels * config.bands
        uniform = torch.rand(copies, length // block, bands, block, generator=generator)[:1] * 2 - 1
        uniform = uniform.transpose(1, 2).reshape(1, bands, frames, -1)  # (1, bands, frames, samples each)
        normal = torch.erfinv(uniform.clamp(_EDGE - 1, 1 - _EDGE)) * 2**0.5
        rows.append(normal.transpose(2, 3).reshape(1, -1, frames))
    return torch.cat(rows, 1)
