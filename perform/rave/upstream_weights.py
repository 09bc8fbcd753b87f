"""Copies the weights of a RAVE export into our layers, and checks that both compute the same.

`fill_layer(layer, source, path)` fills a layer from the module at `path`. If the two are different, it raises
Unrecognised, which names the difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from perform.core.errors import PerformError
from perform.rave.archive import Archive
from perform.rave.blocks import AdaIN, Delay, Residual, Snake
from perform.rave.model_layers import UnknownLayer
from perform.rave.stream import (
    Chain,
    Conv1d,
    ConvTranspose1d,
    LeakyReLU,
    ResidualUnit,
    Streaming,
)

CONV = ("CachedConv1d", "Conv1d")
TRANSPOSE = ("CachedConvTranspose1d", "ConvTranspose1d")
PACKAGES = ("rave", "cached_conv", "torch")


class Unrecognised(PerformError):
    """A part of an export has no counterpart in our layers; `what` begins with its path."""

    exit_code = 2

    def __init__(self, path: str, what: str, where: str) -> None:
        hint = "perform can still play the module itself, in a sandbox"
        super().__init__(f"{path}: {what}" if path else what, where=where, hint=hint)
        self.path = path


class UpstreamTensors:
    """The tensors and attributes of an archive. It records which tensors were used."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.used: set[str] = set()

    def refuse(self, path: str, what: str) -> Unrecognised:
        """The error for the part at `path`."""
        return Unrecognised(path, what, str(self.archive.path))

    def kind(self, path: str) -> str:
        """The class of the module at `path`, "Residual"; with its package unless that is upstream's."""
        if path not in self.archive.types:
            raise self.refuse(path, "is missing")
        whole = self.archive.plain_type(path)
        return whole.rpartition(".")[2] if whole.startswith(tuple(f"{p}." for p in PACKAGES)) else whole

    def unknown(self, path: str) -> Unrecognised:
        """The error for a module of an unexpected class at `path`."""
        self.kind(path)
        return self.refuse(path, f"unknown block {self.archive.plain_type(path)}")

    def expect(self, path: str, *kinds: str) -> None:
        """Check that the class of the module at `path` is one of `kinds`."""
        if self.kind(path) not in kinds:
            raise self.unknown(path)

    def has(self, path: str) -> bool:
        """Whether there is a module at `path`."""
        return path in self.archive.types

    def get(self, path: str, default: Any = None) -> Any:
        """An attribute."""
        return self.archive.attributes.get(path, default)

    def constant(self, path: str, name: str) -> int:
        """A whole number that the class of the module at `path` declares: its stride, its groups."""
        value = self.archive.finals(path).get(name, self.get(f"{path}.{name}"))
        value = value[0] if isinstance(value, (tuple, list)) and value else value
        if type(value) is not int:
            raise self.refuse(path, f"has no {name}")
        return value

    def tensor(self, path: str) -> Tensor:
        """A tensor as float32; it is recorded as used."""
        if path not in self.archive.tensors:
            raise self.refuse(path, "is missing")
        self.used.add(path)
        array = self.archive.tensors[path]
        if array.dtype.kind not in "fiub":
            raise self.refuse(path, f"holds {array.dtype}")
        return torch.tensor(array.astype("float32"))

    def children(self, path: str) -> list[str]:
        """Paths of the modules in the one at `path`."""
        return [f"{path}.{name}" for name in self.archive.children(path)]

    def same(self, path: str, what: str, found: object, wanted: object) -> None:
        """Raise Unrecognised unless the value found equals our layer's."""
        if found != wanted:
            raise self.refuse(path, f"{what} {found}, not {wanted}")

    def copy(self, target: Tensor, path: str, value: Tensor | None = None) -> None:
        """Fill `target` with the tensor at `path` (or `value`, derived from it)."""
        value = self.tensor(path) if value is None else value
        self.same(path, "has shape", tuple(value.shape), tuple(target.shape))
        with torch.no_grad():
            target.copy_(value)


@singledispatch
def fill_layer(layer: Streaming, source: UpstreamTensors, path: str) -> None:
    """Fill `layer` from the module at `path`. Unrecognised: that module is of another kind."""
    raise UnknownLayer(layer, "the way to fill it from an export")


@fill_layer.register
def _(layer: Conv1d, source: UpstreamTensors, path: str) -> None:
    source.expect(path, *CONV)
    for name, wanted in (("stride", layer.stride), ("dilation", layer.dilation), ("groups", layer.groups)):
        source.same(path, name, source.constant(path, name), wanted)
    if (pad := source.get(f"{path}._pad")) is not None:  # not streaming
        source.same(path, "padding", tuple(pad), layer.padding)
    elif (memory := source.get(f"{path}.cache.padding")) is not None:
        found = memory, source.get(f"{path}.downsampling_delay.padding")
        source.same(path, "padding and delay", found, (sum(layer.padding), layer.align))
    else:
        source.same(path, "padding", 0, layer.memory)
    source.copy(layer.weight, f"{path}.weight")
    _bias(layer.bias, source, path)


@fill_layer.register
def _(layer: ConvTranspose1d, source: UpstreamTensors, path: str) -> None:
    source.expect(path, *TRANSPOSE)
    for name, wanted in (
        ("stride", layer.ratio),
        ("padding", layer.ratio // 2),
        ("dilation", 1),
        ("groups", 1),
    ):
        source.same(path, name, source.constant(path, name), wanted)
    source.copy(layer.weight, f"{path}.weight")
    _bias(layer.bias, source, path)


@fill_layer.register
def _(layer: LeakyReLU, source: UpstreamTensors, path: str) -> None:
    source.expect(path, "LeakyReLU")
    slope = source.archive.finals(path).get("negative_slope", source.get(f"{path}.negative_slope"))
    source.same(path, "slope", slope, 0.2)


@fill_layer.register
def _(layer: Snake, source: UpstreamTensors, path: str) -> None:
    source.expect(path, "Snake")
    source.copy(layer.alpha, f"{path}.alpha")


@fill_layer.register
def _(layer: AdaIN, source: UpstreamTensors, path: str) -> None:
    source.expect(path, "AdaptiveInstanceNormalization")
    for side, name in enumerate("xy"):
        mean, deviation, count = (
            source.tensor(f"{path}.{of}_{name}") for of in ("mean", "std", "num_update")
        )
        source.same(path, "has channels", mean.shape[1], layer.known.shape[2])
        layer.known[side].copy_(torch.cat([mean[0], deviation[0]], 1).T)  # the first of many rows
        layer.heard[side] = float(count)


@fill_layer.register
def _(layer: ResidualUnit, source: UpstreamTensors, path: str) -> None:
    unit = residual_body(source, path, layer.delay)
    source.expect(unit, "DilatedUnit")
    parts = source.children(f"{unit}.net")
    source.same(unit, "layers", len(parts), 4)
    for part, place in zip((LeakyReLU(), layer.dilated, LeakyReLU(), layer.pointwise), parts, strict=True):
        fill_layer(part, source, place)


@fill_layer.register
def _(layer: Residual, source: UpstreamTensors, path: str) -> None:
    fill_layer(layer.body, source, residual_body(source, path, layer.straight.samples))


@fill_layer.register
def _(layer: Chain, source: UpstreamTensors, path: str) -> None:
    places = list(layer_paths(source, path))
    layers = list(layer)
    for part, place in zip(layers, places, strict=False):
        fill_layer(part, source, place)
    if len(places) > len(layers):
        raise source.unknown(places[len(layers)])
    source.same(path, "layers", len(places), len(layers))


def fill_branch(layer: Chain, source: UpstreamTensors, path: str, index: int) -> None:
    """Fill a delay and a convolution from branch `index` of the branches at `path`."""
    delay, conv = layer
    assert isinstance(delay, Delay)
    check_delay(source, path, index, delay.samples)
    fill_layer(conv, source, f"{path}.branches.{index}")


def check_delay(source: UpstreamTensors, path: str, index: int, samples: int) -> None:
    """Check that a branch is delayed by `samples`, if the export streams."""
    found = source.get(f"{path}.paddings.{index}.padding")
    if found is not None:
        source.same(f"{path}.paddings.{index}", "delay", found, samples)


def residual_body(source: UpstreamTensors, path: str, delay: int) -> str:
    """Path of the body of a residual, after checking its delays."""
    source.expect(path, "Residual")
    aligned = f"{path}.aligned"
    source.same(aligned, "branches", len(source.children(f"{aligned}.branches")), 2)
    check_delay(source, aligned, 0, 0)
    check_delay(source, aligned, 1, delay)
    return f"{aligned}.branches.0"


def layer_paths(source: UpstreamTensors, path: str) -> Iterator[str]:
    """Paths of the layers of a sequence, including those in v1's containers."""
    for child in source.children(path):
        match source.kind(child):
            case "UpsampleLayer":
                yield from layer_paths(source, f"{child}.net")
            case "ResidualStack" if source.has(f"{child}.net.branches"):
                branches = source.children(f"{child}.net.branches")
                source.same(child, "branches", len(branches), 1)
                yield from layer_paths(source, f"{branches[0]}.net")
            case "ResidualStack":
                yield from layer_paths(source, f"{child}.net")
            case "ResidualLayer":
                yield f"{child}.net"
            case _:
                yield child


def fold_norm(layer: Conv1d, source: UpstreamTensors, path: str) -> None:
    """Fold the batch norm at `path`, which follows `layer`, into its weights."""
    mean, variance, weight, bias = (
        source.tensor(f"{path}.{name}") for name in ("running_mean", "running_var", "weight", "bias")
    )
    epsilon = source.archive.finals(path).get("eps", source.get(f"{path}.eps"))
    if not isinstance(epsilon, float):
        raise source.refuse(path, "has no eps")
    for tensor in (mean, variance, weight, bias):
        source.same(path, "has shape", tuple(tensor.shape), tuple(layer.bias.shape))
    scale = weight / torch.sqrt(variance + epsilon)
    with torch.no_grad():
        layer.weight.mul_(scale[:, None, None])
        layer.bias.copy_((layer.bias - mean) * scale + bias)


def _bias(bias: Tensor, source: UpstreamTensors, path: str) -> None:
    if f"{path}.bias" in source.archive.tensors:
        source.copy(bias, f"{path}.bias")
    else:
        with torch.no_grad():
            bias.zero_()
