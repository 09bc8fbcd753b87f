"""A third-party module, loaded in the sandbox; each stream plays a copy.

A module keeps its state inside itself, in caches, counters and lists that nn~ does not name, and nn~ has no
reset. So each stream has a copy that shares the parameters (`ModuleInstance`).
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable
from typing import Any

# numpy imports these parts when they are first used; in the sandbox that would be too late
import numpy.fft
import numpy.ma
import numpy.random  # noqa: F401
import torch

from perform.core.errors import PerformError
from perform.foreign import nn_contract, sandbox
from perform.foreign.module_instance import ModuleInstance, initial_state
from perform.foreign.nn_contract import Module, NnMethod
from perform.foreign.scan.archive_scan import repack
from perform.rave.archive import Archive


class LoadedModule:
    """A module in the state of its file. It is never played, only its instances are.

    enter : enters the sandbox; called just before the module is loaded
    """

    def __init__(self, archive: Archive, enter: Callable[[], object] = sandbox.enter) -> None:
        self._where, data = str(archive.path), repack(archive)
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        torch.conv1d(torch.zeros(1, 1, 8), torch.zeros(1, 1, 3))  # reads the processor's features now
        self.sandbox = enter()
        try:
            load: Any = torch.jit.load  # untyped in torch
            self.module: Module = load(io.BytesIO(data), map_location="cpu").eval()
        except (RuntimeError, ValueError, MemoryError) as error:
            text = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
            raise PerformError(f"torch cannot load it ({text})", where=self._where) from None
        self.archive = archive
        self.methods = nn_contract.methods(self.module, archive)
        self.frame = nn_contract.frame(self.methods, self._where) if self.methods else 0
        self.attributes = nn_contract.attributes(self.module, archive)
        has = archive.attributes.get("_has_prior", "prior" in self.methods)
        self.prior: NnMethod | None = self.methods.get("prior") if has else None
        self._initial = list(initial_state(self.module, archive))
        self._buffers = nn_contract.buffers(self.attributes, archive)

    def choose(self, wanted: str | None) -> NnMethod:
        """Return the method to play."""
        return nn_contract.choose(self.methods, wanted, self._where)

    def encoder_for(self, played: NnMethod) -> NnMethod | None:
        """Return the method that encodes sound to the played method's latents; None if there is none."""
        encode = self.methods.get("encode")
        if played.name != "decode" or encode is None or len(encode.outputs) != len(played.inputs):
            return None
        return encode

    def takes_sound(self, played: NnMethod) -> bool:
        """Return whether the played method is an effect: sound in and sound out, one value for one value."""
        return played.in_ratio == played.out_ratio and self.encoder_for(played) is None

    def instance(self) -> ModuleInstance:
        """Return a copy with separate state and shared parameters."""
        made = copy.deepcopy(self.module)
        parts = dict(made.named_modules())
        for path, part in self.module.named_modules():
            for name, tensor in part.named_parameters(recurse=False):
                parts[path]._c.setattr(name, tensor)
        return ModuleInstance(made, self._initial, self._buffers)
