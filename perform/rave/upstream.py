"""Rebuilds RAVE exports (.ts) as our models. An export is read as data; its code never runs.

    model, facts = read(Path("vintage.ts"))

Class names, tensor shapes and the constants that the code declares (archive.py) give a config. A model of
that config is then filled and compared layer by layer (upstream_weights.py). A part without a counterpart
here raises `Unrecognised`, "decoder.net.3: unknown block ...".

An export that was not made for streaming has the same weights, so the rebuilt model streams too.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from perform.rave.archive import Archive
from perform.rave.archive import read as read_archive
from perform.rave.config import Config, PriorConfig
from perform.rave.decoder import V1Decoder
from perform.rave.model import RAVE
from perform.rave.prior import GatedUnit, Prior
from perform.rave.stream import Chain, Conv1d
from perform.rave.upstream_weights import (
    CONV,
    TRANSPOSE,
    Unrecognised,
    UpstreamTensors,
    fill_branch,
    fill_layer,
    fold_norm,
    layer_paths,
)

__all__ = ["Unrecognised", "convert", "read"]

BOTTLENECKS = {
    "VariationalEncoder": "variational",
    "WasserteinEncoder": "wasserstein",
    "SphericalEncoder": "spherical",
    "DiscreteEncoder": "discrete",
    "Encoder": "variational",  # of the first exports, whose encoder is not wrapped
}
ENCODERS = {"EncoderV2": "convolutional", "Encoder": "v1"}
DECODERS = {"GeneratorV2": "v2", "Generator": "v1"}
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
        config = _config(source, sample_rate)
        _check_size(config, source)
        model = RAVE(config)
        _fill(model, source)
        channels = _fit(model, source)
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise source.refuse("", f"its layout is not that of any known export ({error!r})"[:200]) from error
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
    with torch.device("meta"):
        plan = RAVE(config)
    wanted = sum(tensor.numel() for tensor in (*plan.parameters(), *plan.buffers()))
    there = sum(array.size for array in source.archive.tensors.values())
    if wanted > 4 * there + (1 << 22):
        raise source.refuse("", f"describes a model of {wanted} values, but holds {there}")


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


def _config(source: UpstreamTensors, sample_rate: int | None) -> Config:
    """The architecture of an export."""
    inner = _inner(source)
    for path, kinds in (("encoder", BOTTLENECKS), (inner, ENCODERS), ("decoder", DECODERS)):
        source.expect(path, *kinds)
    if source.get("deterministic", False):
        raise source.refuse("deterministic", "an export without noise (deterministic)")
    for side in ("input_mode", "output_mode"):
        if (mode := source.get(side, "pqmf")) != "pqmf":
            raise source.refuse(side, f"is {mode!r}, not 'pqmf'")
    source.expect("pqmf", "CachedPQMF")
    archive, channels = source.archive, source.get("n_channels", 1)
    bank = source.tensor("pqmf.forward_conv.weight").shape
    bottleneck = BOTTLENECKS[source.kind("encoder")]
    config: dict[str, Any] = {
        "sample_rate": _sample_rate(source, sample_rate),
        "channels": channels,
        "bands": bank[0],
        "attenuation": 100,
        "bank_taps": bank[2],
        "resampling": source.get(f"{_resampler(source)}.ratio", 1),
        "encoder": ENCODERS[source.kind(inner)],
        "decoder": DECODERS[source.kind("decoder")],
        "padding": _padding(source),
        "bottleneck": bottleneck,
        "full_latents": archive.tensors["latent_pca"].shape[0] if bottleneck == "variational" else None,
        "noise_latents": source.get("encoder.noise_augmentation", 0),
        **_stages(source),
        **_noise(source, bank[0] * channels),
        "prior": _prior(source),
    }
    if source.get("trained_cropped", False):  # its projection excludes the noise latents
        inputs = source.tensor("decoder.net.0.weight").shape[1]
        config["noise_latents"] = inputs - config["full_latents"]
    if bottleneck in ("wasserstein", "spherical"):
        last = source.children(f"{inner}.net")[-1]
        config["full_latents"] = source.tensor(f"{last}.weight").shape[0]
    if bottleneck == "discrete":
        books = source.children("encoder.rvq.layers")
        shape = source.tensor(f"{books[0]}._codebook.embed").shape
        config |= {"quantizers": len(books), "codebook": shape[0], "full_latents": shape[1]}
    return Config(**config)


def _inner(source: UpstreamTensors) -> str:
    """Path of the encoder, which may be inside its bottleneck's wrapper."""
    return "encoder.encoder" if source.has("encoder.encoder") else "encoder"


def _resampler(source: UpstreamTensors) -> str:
    return "resample" if source.has("resample") else "resampler"


def _sample_rate(source: UpstreamTensors, given: int | None) -> int:
    """Sample rate in Hz: from the export, else from its file name ("..._r48000_z16.ts"), else `given`."""
    rate = source.get("sr", source.get("sampling_rate"))
    if rate is None and "sampling_rate" in source.archive.tensors:
        rate = int(source.tensor("sampling_rate").reshape(-1)[0])
    if rate is None and (named := re.search(r"_r(\d{4,6})(_|$)", source.archive.path.stem)):
        rate = int(named[1])
    rate = given if rate is None else rate
    if type(rate) is not int or not 1000 <= rate <= 768_000:
        raise source.refuse("sr", f"is {rate!r}, so the sample rate is not known")
    return rate


def _padding(source: UpstreamTensors) -> str:
    """Padding of all convolutions, from the first one of the encoder."""
    first = f"{_inner(source)}.net.0"
    source.expect(first, *CONV)
    pad = source.get(f"{first}._pad")
    right = pad[1] if pad else source.get(f"{first}.cumulative_delay")
    return "centred" if right else "causal"


def _stages(source: UpstreamTensors) -> dict[str, Any]:
    """Capacity, ratios, dilations and kernel, from the encoder's and the decoder's convolutions."""
    net = f"{_inner(source)}.net"
    ratios, dilations = [], []
    kernel = source.tensor(f"{net}.0.weight").shape[2] // 2
    units: list[int] = []
    found = {"activation": "leaky", "adain": False}
    for path in layer_paths(source, net):
        match source.kind(path):
            case "Residual":
                units.append(source.constant(f"{path}.aligned.branches.0.net.1", "dilation"))
            case "CachedConv1d" | "Conv1d" if (stride := source.constant(path, "stride")) > 1:
                ratios.append(stride)
                dilations.append(tuple(units))
                units = []
            case "Snake":
                found["activation"] = "snake"
            case "AdaptiveInstanceNormalization":
                found["adain"] = True
    if source.kind("decoder") == "Generator":
        dilations = _stacks(source)
        kernel = 3
    capacity = source.tensor(f"{net}.0.weight").shape[0]
    return {
        **found,
        "capacity": capacity,
        "ratios": tuple(ratios),
        "dilations": tuple(dilations),
        "kernel": kernel,
    }


def _stacks(source: UpstreamTensors) -> list[tuple[int, ...]]:
    """Dilations of each stage of a v1 decoder."""
    stages: list[list[int]] = []
    for path in layer_paths(source, "decoder.net"):
        if source.kind(path) in TRANSPOSE:
            stages.append([])
        elif source.kind(path) == "Residual" and stages:
            stages[-1].append(source.constant(f"{path}.aligned.branches.0.1", "dilation"))
    return [tuple(stage) for stage in stages]


def _noise(source: UpstreamTensors, bands: int) -> dict[str, Any]:
    """Config of the noise synthesiser, if there is one."""
    net = f"{_noise_path(source)}.net"
    if not source.has(net):
        return {}
    convolutions = [path for path in source.children(net) if source.kind(path) in CONV]
    outputs = [source.tensor(f"{path}.weight").shape[0] for path in convolutions]
    return {
        "noise_ratios": tuple(source.constant(path, "stride") for path in convolutions),
        "noise_taps": outputs[-1] // bands,
        "noise_hidden": outputs[0] if len(outputs) > 1 and source.has("decoder.noise_module") else 0,
    }


def _prior(source: UpstreamTensors) -> PriorConfig | None:
    """Config of the prior, if there is one."""
    net = "prior_module.pretrained"
    if not source.has(net):
        return None
    units = source.children(f"{net}.residuals")
    dilations = [source.constant(f"{unit}.dconv", "dilation") for unit in units]
    head = source.tensor(f"{net}.pre_net.0.weight").shape
    return PriorConfig(
        latents=source.constant(f"{net}.pre_net.0", "groups"),
        resolution=head[1],
        width=head[0],
        skip=source.tensor(f"{net}.post_net.0.weight").shape[0],
        kernel=head[2],
        layers=len(units),
        cycle=dilations.index(1, 1) if 1 in dilations[1:] else len(units),
    )


def _noise_path(source: UpstreamTensors) -> str:
    return "decoder.noise_module" if source.has("decoder.noise_module") else "decoder.synth.branches.2"


def _fill(model: RAVE, source: UpstreamTensors) -> None:
    """Fill every weight of `model` from the export."""
    bands, tensors = model.config.bands, model.state_dict()
    source.copy(tensors["pqmf.analysis_kernel"], "pqmf.forward_conv.weight")
    kernel = source.tensor("pqmf.inverse_conv.weight")
    source.copy(tensors["pqmf.synthesis_kernel"], "pqmf.inverse_conv.weight", kernel.flip(0) * bands)
    if model.resampler:
        source.copy(model.resampler.down_kernel, f"{_resampler(source)}.downsample.weight")
        source.copy(model.resampler.up_kernel, f"{_resampler(source)}.upsample.weight")
    if model.config.encoder == "v1":
        _fill_v1_encoder(model.encoder.net, source)
    else:
        fill_layer(model.encoder.net, source, f"{_inner(source)}.net")
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
    decoder = model.decoder
    fill_layer(decoder.net, source, "decoder.net")
    if isinstance(decoder, V1Decoder):
        fill_branch(decoder.wave, source, "decoder.synth", 0)
        fill_branch(decoder.loudness, source, "decoder.synth", 1)
    elif decoder.wave is not None:
        fill_layer(decoder.wave, source, "decoder.waveform_module")
    if decoder.noise is not None:
        fill_layer(decoder.noise.net, source, f"{_noise_path(source)}.net")
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
    whole = f"{_inner(source)}.net"
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
