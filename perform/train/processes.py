"""The processes that train one model together: one, or as many as `torchrun` started."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from perform.core.errors import WrongUse
from perform.core.processor_cores import available_cores

TIMEOUT = datetime.timedelta(hours=2)
"""Longest wait of the other processes for the first one, which prepares the corpus and measures."""


class TrainingProcesses:
    """The processes of a training: rank and device of this one, and exchange of tensors between all."""

    def __init__(self, rank: int, size: int, device: torch.device) -> None:
        self.rank, self.size, self.device = rank, size, device

    @property
    def first(self) -> bool:
        """Whether this is the first process, which prints and writes files."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """Return the module, with gradients averaged over all processes."""
        if self.size == 1 or not any(weight.requires_grad for weight in module.parameters()):
            return module
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=ids, broadcast_buffers=False)

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum of a tensor over all processes."""
        if self.size > 1:
            distributed.all_reduce(value)
        return value

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over all processes."""
        return self.sum(value) / self.size

    def from_first(self, value: Tensor) -> Tensor:
        """Return the first process's tensor, in all processes."""
        if self.size > 1:
            value = value.contiguous()
            distributed.broadcast(value, 0)
        return value

    def any(self, value: bool) -> bool:
        """Return whether `value` is true in any process."""
        if self.size == 1:
            return value
        return bool(self.sum(torch.tensor(float(value), device=self.device)) > 0)

    def wait(self) -> None:
        """Wait until all processes have called this."""
        if self.size > 1:
            distributed.barrier()


@contextmanager
def joined_processes(device: str) -> Iterator[TrainingProcesses]:
    """Join the processes that `torchrun` started, if any. device: `auto`, `cpu`, `cuda` or `mps`."""
    size, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    place = _device(device, local, size)
    if size == 1:
        yield TrainingProcesses(0, 1, place)
        return
    if place.type == "cuda":
        torch.cuda.set_device(place)
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo", timeout=TIMEOUT)
    try:
        yield TrainingProcesses(distributed.get_rank(), size, place)
    finally:
        distributed.destroy_process_group()


def cores() -> int:
    """Return the number of cores for this process; processes that `torchrun` started share the machine's."""
    return max(1, available_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def default_precision(device: torch.device) -> str:
    """Return `mixed` on devices where bfloat16 is faster than float32, or else `float32`."""
    if device.type == "cuda":
        faster = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        faster = bool(getattr(torch.cpu, "_is_avx512_bf16_supported", bool)())
    else:
        faster = False  # not measured on MPS
    return "mixed" if faster else "float32"


def _device(name: str, local: int, size: int) -> torch.device:
    there = [
        *(["cuda"] if torch.cuda.is_available() else []),
        *(["mps"] if torch.backends.mps.is_available() and size == 1 else []),  # processes cannot share it
        "cpu",
    ]
    name = there[0] if name == "auto" else name
    if name not in there:
        many = f" for {size} processes" if size > 1 else ""
        raise WrongUse(f"this machine has no {name} device{many}", hint=f"use {' or '.join(there)}")
    if name == "cuda" and local >= torch.cuda.device_count():
        what = f"process {local + 1} of this machine has no GPU"
        raise WrongUse(what, hint=f"it has {torch.cuda.device_count()} GPUs: set --nproc-per-node to that")
    return torch.device(name, local) if name == "cuda" else torch.device(name)
