"""A file from elsewhere becomes a model file of ours: rebuilt where we know its kind, else wrapped as it is.

A RAVE export is read as data, rebuilt, and compared with itself: the export decodes once behind walls
(`perform.foreign.probe`), ours decodes the same latents with the same noise. What cannot be rebuilt, or
sounds otherwise, is played by `perform.foreign.torchscript_model`.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from perform.core.errors import WrongUse
from perform.foreign import nn_contract, probe, sandbox
from perform.foreign.scan.archive_scan import repack, scan
from perform.library.cards import Card, is_module, read_card
from perform.library.importing import confirm, confirmed, keep, unwrap, wrap
from perform.rave import delay, offline, upstream
from perform.rave.archive import Archive, parse
from perform.rave.export import own
from perform.rave.model import RAVE
from perform.rave.model_files import load, save

FRAMES, WARM = 64, 24  #: compared, and played before that
TOLERANCE = 1e-3  #: largest difference from the original, full scale being 1
GESTURE_S = 20.0
_SEED = 1
_EDGE = 1e-7  # as close to -1 and 1 as uniform noise comes: there the normal one is infinite
_FLOOR = 1e-5


@dataclass(frozen=True)
class ConvertedModel:
    """What became of a file.

    rebuilt    : it is a RAVE of ours; else the module itself
    own        : it is one that perform exported: nothing had to be rebuilt or compared
    why        : why it could not be rebuilt
    difference : the largest from the original, where that was asked for and can be told
    delay      : samples, by the arithmetic of its layers; the card has what an impulse showed
    """

    card: Card
    rebuilt: bool
    why: str = ""
    difference: float | None = None
    delay: int | None = None
    own: bool = False


def convert(
    archive: Archive,
    out: Path,
    words: dict[str, str],
    *,
    method: str | None = None,
    rate: int | None = None,
    verify: bool = True,
    agree: Callable[[str], bool] = lambda question: False,
    tell: Callable[[str], None] = lambda line: None,
) -> ConvertedModel:
    """Write the model file of an archive to `out`. [disk, slow]

    words  : the card's name, description and licence
    method : of a module, what to play; rate : its sample rate in Hz, where it does not say
    agree  : asks the player whether code of the archive may run, where walls alone do not decide that
    WrongUse where the scan refuses the archive, or the player; PerformError where it does not play.
    """
    scan(archive)
    if method is None:
        if (model := own(archive)) is not None:
            return _take_back(model, archive.path, out, words)
        try:
            return _rebuild(archive, out, words, verify and _may_compare(agree), tell)
        except upstream.Unrecognised as error:
            why = error.what
        except _Different as error:
            why = str(error)
        tell(f"not rebuilt ({why}): it is played as it is, behind walls")
    else:
        why = f"its method {method!r} was asked for"
    return _keep_module(archive, out, words, method, rate, why, agree)


def validate(path: Path, agree: Callable[[str], bool]) -> None:
    """See that a model file of ours is whole; WrongUse where it is not. [disk]"""
    if is_module(path):
        data, _ = unwrap(path)
        scan(parse(data, path))
        _confirm(data, path, agree)
    else:
        load(path)


def _may_compare(agree: Callable[[str], bool]) -> bool:
    """Whether the original may run for a moment: where the walls are whole, nobody has to be asked."""
    walls = sandbox.possible()
    return walls.whole or agree(f"comparing it with the original runs its code, and {walls}")


def _confirm(data: bytes, path: Path, agree: Callable[[str], bool]) -> None:
    """Ask once for a module whose code is to run."""
    if confirmed(data):
        return
    question = (
        f"it runs code of its own; the scan found nothing in it but arithmetic, and {sandbox.possible()}"
    )
    if not agree(question):
        hint = f"`perform models import {path}` asks once"
        raise WrongUse("runs code of its own, which was not agreed to", where=str(path), hint=hint)
    confirm(data, path.stem)


class _Different(Exception):
    """Ours does not sound like the original."""


def _take_back(model: RAVE, path: Path, out: Path, words: dict[str, str]) -> ConvertedModel:
    """Write the model that an export of ours carries, with its own words where no others are given."""
    given = {key: value for key, value in words.items() if value not in ("", "unknown", path.stem[:80])}
    card = {**model.card, **given}
    out.parent.mkdir(parents=True, exist_ok=True)
    save(out, model, card, model.gesture)
    return ConvertedModel(read_card(out), True, own=True)


def _rebuild(
    archive: Archive, out: Path, words: dict[str, str], verify: bool, tell: Callable[[str], None]
) -> ConvertedModel:
    model, facts = upstream.convert(archive)
    largest = None
    if verify:
        tell("comparing it with the original, behind walls")
        largest = difference(model, facts, archive)
        if not largest <= TOLERANCE:
            raise _Different(f"rebuilt, it differs by {largest:.2g} from the original")
    z = gesture(model)
    card = _card(model, facts, words, archive, z)
    out.parent.mkdir(parents=True, exist_ok=True)
    save(out, model, card, z)
    known = {key: value for key, value in card.items() if key in Card.__struct_fields__}
    return ConvertedModel(Card(**known), True, difference=largest, delay=facts["delay"])


@torch.inference_mode()
def difference(model: RAVE, facts: dict[str, Any], archive: Archive) -> float:
    """Largest difference of FRAMES frames after WARM from what the export itself makes of the same."""
    generator = torch.Generator().manual_seed(_SEED + 1)
    frames, wide = WARM + FRAMES, max(facts["target_channels"] // model.config.channels, 1)
    z = torch.randn(1, model.latents, frames, generator=generator)
    if model.config.bottleneck == "discrete":
        size = (1, model.latents, frames)
        z = torch.randint(0, model.config.codebook, size, generator=generator).float()
    theirs = torch.from_numpy(probe.decode(archive.path, z[0].numpy(), _SEED).copy())
    noise = drawn(model, frames, wide)
    if facts["streaming"]:
        ours, _ = model.decode(z, noise, model.decoder_state(1))
    else:
        ours = offline.decode(model, z, noise)
    ours, theirs = ours[0], theirs[: model.config.channels]
    if ours.shape != theirs.shape:
        raise _Different(f"rebuilt, it gives {tuple(ours.shape)}, the original {tuple(theirs.shape)}")
    kept = slice(WARM * model.ratio, None)
    return float((ours[:, kept] - theirs[:, kept]).abs().max())


def drawn(model: RAVE, frames: int, wide: int) -> Tensor:
    """The noise (1, model.noise, frames) that an export draws after torch.manual_seed(_SEED), for our decode.

    First the missing latents, standard normal, for each of the `wide` copies that a widened export decodes;
    then what the noise synthesiser filters, uniform, (copies, its frames, bands, samples of a frame).
    """
    generator, config = torch.Generator().manual_seed(_SEED), model.config
    rows = [torch.zeros(1, 0, frames)]
    if model.missing:
        rows.append(torch.randn(wide, model.missing, frames, generator=generator)[:1])
    if config.noise_ratios:
        block = math.prod(config.noise_ratios)
        length, bands = math.prod(config.ratios) * frames, config.channels * config.bands
        uniform = torch.rand(wide, length // block, bands, block, generator=generator)[:1] * 2 - 1
        uniform = uniform.transpose(1, 2).reshape(1, bands, frames, -1)  # (1, bands, frames, samples of one)
        normal = torch.erfinv(uniform.clamp(_EDGE - 1, 1 - _EDGE)) * 2**0.5
        rows.append(normal.transpose(2, 3).reshape(1, -1, frames))
    return torch.cat(rows, 1)


def gesture(model: RAVE) -> Tensor:
    """A loop for a model that comes with none: slow waves around its middle, (frames, latents).

    Each latent is a sum of four sines of whole turns, so that the loop has no seam.
    """
    generator = torch.Generator().manual_seed(_SEED)
    frames = round(GESTURE_S * model.config.sample_rate / model.ratio)
    turns = torch.randint(1, 12, (4, model.latents), generator=generator)
    starts = torch.rand(4, model.latents, generator=generator)
    time = torch.arange(frames)[:, None, None] / frames
    unit = torch.sin(2 * math.pi * (turns * time + starts)).sum(1) / 2**0.5  # sigma 1
    middle, width = _range(model)
    return middle + width * unit


def _range(model: RAVE) -> tuple[float, float]:
    """Mean and deviation of a latent, as its bottleneck has them."""
    match model.config.bottleneck:
        case "discrete":
            return (model.config.codebook - 1) / 2, model.config.codebook / 4
        case "spherical":
            return 0.0, 0.5
    return 0.0, 1.0


@torch.inference_mode()
def _card(
    model: RAVE, facts: dict[str, Any], words: dict[str, str], archive: Archive, z: Tensor
) -> dict[str, Any]:
    middle, width = _range(model)
    generator = torch.Generator().manual_seed(_SEED)
    noise = torch.randn(1, model.noise, len(z), generator=generator)
    y, _ = model.decode(z.T[None], noise, model.decoder_state(1))
    level = max(float(y.double().square().mean().sqrt()), _FLOOR)
    keys = ("sample_rate", "ratio", "latents", "full_latents", "channels", "parameters")
    return {
        **{key: facts[key] for key in keys},
        **_words(words, archive),
        "delay": delay.measure(model),
        "delay_encode": delay.measure_encoder(model),
        "latent_mean": [middle] * model.latents,
        "latent_std": [width] * model.latents,
        "latent_p05": [round(middle - 1.645 * width, 4)] * model.latents,
        "latent_p95": [round(middle + 1.645 * width, 4)] * model.latents,
        "loudness_db": round(20 * math.log10(level), 2),
    }


def _words(words: dict[str, str], archive: Archive) -> dict[str, Any]:
    """What a card says besides numbers; what is not known of an import is empty."""
    return {
        **words,
        "corpus": "",
        "recipe": f"imported from {archive.path.name}, SHA-256 {archive.sha256}",
        "steps": 0,
        "distance": 0.0,
        "distance_untrained": 0.0,
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def _keep_module(
    archive: Archive,
    out: Path,
    words: dict[str, str],
    method: str | None,
    rate: int | None,
    why: str,
    agree: Callable[[str], bool],
) -> ConvertedModel:
    """Wrap a module with a card that was measured behind walls."""
    data = repack(archive)
    _confirm(data, archive.path, agree)
    hertz = nn_contract.sample_rate(archive, rate)
    facts = probe.probe(archive.path, method)
    count = len(facts.inputs)
    card = Card(
        **_words(words, archive),
        sample_rate=hertz,
        ratio=facts.frame,
        latents=count,
        full_latents=count,
        channels=facts.channels,
        delay=facts.delay or 0,
        delay_known=facts.delay is not None,
        latent_mean=[0.0] * count,
        latent_std=[1.0] * count,
        latent_p05=[-1.645] * count,
        latent_p95=[1.645] * count,
        loudness_db=facts.loudness_db,
        parameters=sum(int(tensor.size) for tensor in archive.tensors.values()),
    )
    options = {key: getattr(facts, key) for key in ("method", "methods", "inputs", "outputs", "attributes")}
    keep(wrap(data, card, options | {"prior": facts.prior, "hears": facts.hears, "why": why}), out)
    return ConvertedModel(card, False, why)
