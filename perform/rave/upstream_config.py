"""The config of a RAVE export: class names, tensor shapes and declared constants give the architecture."""

from __future__ import annotations

import re
from typing import Any

from perform.rave.config import Config, PriorConfig
from perform.rave.upstream_weights import CONV, TRANSPOSE, UpstreamTensors, layer_paths

BOTTLENECKS = {
    "VariationalEncoder": "variational",
    "WasserteinEncoder": "wasserstein",
    "SphericalEncoder": "spherical",
    "DiscreteEncoder": "discrete",
    "Encoder": "variational",  # of the first exports, whose encoder is not wrapped
}
ENCODERS = {"EncoderV2": "convolutional", "Encoder": "v1"}
DECODERS = {"GeneratorV2": "v2", "Generator": "v1"}


def export_config(source: UpstreamTensors, sample_rate: int | None) -> Config:
    """The config of an export. Unrecognised: it is of another architecture.

    sample_rate : Hz, used if neither the export nor its file name has one
    """
    inner = encoder_path(source)
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
        "resampling": source.get(f"{resampler_path(source)}.ratio", 1),
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


def encoder_path(source: UpstreamTensors) -> str:
    """Path of the encoder, which may be inside its bottleneck's wrapper."""
    return "encoder.encoder" if source.has("encoder.encoder") else "encoder"


def resampler_path(source: UpstreamTensors) -> str:
    """Path of the resampler, which has two names."""
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
    first = f"{encoder_path(source)}.net.0"
    source.expect(first, *CONV)
    pad = source.get(f"{first}._pad")
    right = pad[1] if pad else source.get(f"{first}.cumulative_delay")
    return "centred" if right else "causal"


def _stages(source: UpstreamTensors) -> dict[str, Any]:
    """Capacity, ratios, dilations and kernel, from the encoder's and the decoder's convolutions."""
    net = f"{encoder_path(source)}.net"
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
    net = f"{noise_path(source)}.net"
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


def noise_path(source: UpstreamTensors) -> str:
    """Path of the noise synthesiser: in v2 a module, in v1 a branch of the decoder."""
    return "decoder.noise_module" if source.has("decoder.noise_module") else "decoder.synth.branches.2"
