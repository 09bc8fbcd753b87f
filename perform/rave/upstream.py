"""Rebuilds RAVE exports (.ts) as our models. An export is read as data; its code never runs.

    model, facts = read(Path("vintage.ts"))

Class names, tensor shapes and the constants that the code declares give a config (upstream_config.py). A
model of that config is then filled and compared layer by layer (upstream_weights.py). A part without a
counterpart here raises `Unrecognised`, "decoder.net.3: unknown block ...".

An export that was not made for streaming has the same weights, so the rebuilt model streams too.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from perform.core.errors import WrongUse
from perform.rave.archive import Archive
from perform.rave.archive import read as read_archive
from perform.rave.config import Config
from perform.rave.decoder import Decoder, V1Decoder
from perform.rave.model import RAVE
from perform.rave.model_size import check_size
from perform.rave.prior import GatedUnit, Prior
from perform.rave.stream import Chain, Conv1d
from perform.rave.upstream_config import encoder_path, export_config, noise_path, resampler_path
from perform.rave.upstream_weights import (
    Unrecognised,
    UpstreamTensors,
    fill_branch,
    fill_layer,
    fold_norm,
)

__all__ = ["Unrecognised", "convert", "read"]

MUTE = -1e4  # of an amplitude before the sigmoid


def read(path: Path, sample_rate: int | None = None) -> tuple[RAVE, dict[str, Any]]:
    """The model in the export at `path`, and facts about it (`convert`). [disk]

    WrongUse if the file is not a valid archive, Unrecognised if it holds another architecture.
    """
    return convert(read_archive(path), sample_rate)


def convert(archive: Archive, sample_rate: int | None = None) -> tuple[RAVE, dict[str, Any]]:
    """The model in an archive, ready to play, and facts about it; `sample_rate` is for one that names none.

    The facts:

    name, sha256, sample_rate, ratio, latents, full_latents, channels, parameters : as in a card
    delay : samples, by the sum of the layers; delay.measure measures it
    streaming : whether the export was made to stream
    target_channels : channels of the export's output, which may differ from the model's
    prior : whether it has one; fidelity : share of the variance its latents keep, or None
    """
    if "encoder" not in archive.types and "_rave" in archive.types:
        archive = _without_prior(archive)
    source = UpstreamTensors(archive)
    try:
        config = export_config(source, sample_rate)
        _check_size(config, source)
        model = RAVE(config)
        _fill(model, source)
        channels = _fit(model, source)
    except (
        LookupError,
        TypeError,
        ValueError,
        ArithmeticError,
        RuntimeError,
    ) as error:  # torch raises the last
        raise source.refuse("", f"its layout matches no known export ({error!r})"[:200]) from error
    _check_rest(source)
    fidelity, last = archive.tensors.get("fidelity"), model.latents - 1
    known = fidelity is not None and config.bottleneck == "variational" and fidelity.shape[:1] > (last,)
    facts = {
        "name": archive.path.stem,
        "sha256": archive.sha256,
        **model.shape,
        "streaming": source.get("decoder.net.0._pad") is None,
        "target_channels": channels,
        "prior": "prior_params" in archive.tensors,
        "fidelity": round(float(fidelity.reshape(-1)[last]), 4) if fidelity is not None and known else None,
    }
    return model.requires_grad_(False).eval(), facts


def _check_size(config: Config, source: UpstreamTensors) -> None:
    """Check that the model is about as large as its export, before allocating memory for it."""
    tensors = source.archive.tensors.values()
    try:
        check_size(config, sum(array.size for array in tensors), len(tensors))
    except WrongUse as error:
        raise source.refuse("", error.what) from None


def _fit(model: RAVE, source: UpstreamTensors) -> int:
    """Keep as many latents as the export does. Return the channels of the export's output."""
    size = [int(n) for n in source.tensor("decode_params")]
    most = model.config.most_latents
    model.latents = size[0] if model.config.bottleneck == "variational" else most
    if len(size) != 4 or size[:2] != [model.latents, model.ratio] or not 1 <= model.latents <= most:
        raise source.refuse("decode_params", f"are {size}, not 1 to {most}, {model.ratio} ...")
    if model.prior and model.prior.config.latents != model.latents:
        raise source.refuse("prior_module", f"has {model.prior.config.latents} latents, not {model.latents}")
    model.gesture = torch.zeros(0, model.latents)
    return size[2]


def _without_prior(archive: Archive) -> Archive:
    """The part of the model alone; the earliest exports hold a prior beside it."""
    head = "_rave."

    def below(parts: dict[str, Any]) -> dict[str, Any]:
        return {path.removeprefix(head): part for path, part in parts.items() if path.startswith(head)}

    tensors = below(archive.tensors) | {k: v for k, v in archive.tensors.items() if k == "prior_params"}
    types = {"": archive.types["_rave"], **below(archive.types)}
    return replace(archive, tensors=tensors, attributes=below(archive.attributes), types=types)


def _fill(model: RAVE, source: UpstreamTensors) -> None:
    """Fill every weight of `model` from the export."""
    bands, tensors = model.config.bands, model.state_dict()
    source.copy(tensors["pqmf.analysis_kernel"], "pqmf.forward_conv.weight")
    kernel = source.tensor("pqmf.inverse_conv.weight")
    source.copy(tensors["pqmf.synthesis_kernel"], "pqmf.inverse_conv.weight", kernel.flip(0) * bands)
    if model.resampler:
        source.copy(model.resampler.down_kernel, f"{resampler_path(source)}.downsample.weight")
        source.copy(model.resampler.up_kernel, f"{resampler_path(source)}.upsample.weight")
    net, decoder = model.encoder.net, model.decoder
    assert isinstance(net, Chain)
    assert isinstance(decoder, Decoder | V1Decoder)
    if model.config.encoder == "v1":
        _fill_v1_encoder(net, source)
    else:
        fill_layer(net, source, f"{encoder_path(source)}.net")
    match model.config.bottleneck:
        case "variational":
            source.copy(model.latent_mean, "latent_mean")
            source.copy(model.latent_pca, "latent_pca")
            if "signs" in source.archive.tensors:  # of the kept latents, in the IIL's exports
                signs = source.tensor("signs")
                model.latent_pca[: len(signs)] *= signs[:, None]
        case "discrete":
            for entries, book in zip(
                model.codebooks.entries, source.children("encoder.rvq.layers"), strict=True
            ):
                for projection in ("project_in", "project_out"):
                    source.expect(f"{book}.{projection}", "Identity")
                source.copy(entries, f"{book}._codebook.embed")
    if model.prior:
        _fill_prior(model.prior, source)
    fill_layer(decoder.net, source, "decoder.net")
    if isinstance(decoder, V1Decoder):
        fill_branch(decoder.wave, source, "decoder.synth", 0)
        fill_branch(decoder.loudness, source, "decoder.synth", 1)
    elif decoder.wave is not None:
        fill_layer(decoder.wave, source, "decoder.waveform_module")
    if decoder.noise is not None:
        fill_layer(decoder.noise.net, source, f"{noise_path(source)}.net")
        _mute_untrained_noise(decoder.noise.net, source)


def _fill_prior(prior: Prior, source: UpstreamTensors) -> None:
    """Fill every weight of a prior."""
    net = "prior_module.pretrained"
    fill_layer(prior.head, source, f"{net}.pre_net.0")
    for unit, path in zip(prior.units, source.children(f"{net}.residuals"), strict=True):
        assert isinstance(unit, GatedUnit)
        for layer, name in ((unit.dilated, "dconv"), (unit.onward, "rconv"), (unit.aside, "sconv")):
            fill_layer(layer, source, f"{path}.{name}")
    fill_layer(prior.middle, source, f"{net}.post_net.0")
    fill_layer(prior.tail, source, f"{net}.post_net.2")


def _fill_v1_encoder(net: Chain, source: UpstreamTensors) -> None:
    """Fill v1's encoder; batch norms are folded into the convolutions before them."""
    layers, last = iter(net), None
    whole = f"{encoder_path(source)}.net"
    for path in source.children(whole):
        if source.kind(path) == "BatchNorm1d" and isinstance(last, Conv1d):
            fold_norm(last, source, path)
            continue
        last = next(layers, None)
        if last is None:
            raise source.unknown(path)
        fill_layer(last, source, path)
    source.same(whole, "layers missing", len(list(layers)), 0)


def _mute_untrained_noise(net: Chain, source: UpstreamTensors) -> None:
    """Mute the noise synthesiser (-140 dB) of a v1 exported before phase 2, when v1 adds no noise."""
    warm = source.archive.tensors.get("decoder.warmed_up")
    *_, last = net
    if warm is not None and not warm.any() and isinstance(last, Conv1d):
        with torch.no_grad():
            last.weight.zero_()
            last.bias.fill_(MUTE)


def _check_rest(source: UpstreamTensors) -> None:
    """Check that every weight of the export was used."""
    idle = (
        ".pad",
        ".cache",
        ".warmed_up",
        ".enabled",
        ".target_size",
        ".num_batches_tracked",
        ".learn_x",
        ".learn_y",
        "._codebook.inited",
        "._codebook.cluster_size",
        "._codebook.embed_avg",
    )
    for path in source.archive.tensors:
        if path.startswith(("encoder.", "decoder.")) and path not in source.used and not path.endswith(idle):
            raise source.refuse(path, "an unknown tensor")
