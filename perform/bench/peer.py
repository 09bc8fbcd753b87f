"""The same model in TorchScript, as nn~ or any other program would run it, for comparison.

A perform model is traced with plain convolutions; the state of its stream is an input and an output. An
export is scanned and runs unchanged in a separate, sandboxed process, which times calls on request:

    python -m perform.bench.peer EXPORT METHOD SAMPLES

Each line of its input is a number of calls; it prints their seconds as a JSON list.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor, nn

from perform.bench.timing import Timed, timed
from perform.core.errors import PerformError
from perform.foreign import sandbox
from perform.foreign.loaded_module import LoadedModule
from perform.rave import stream
from perform.rave.archive import read
from perform.rave.model import RAVE

START_S = 60  #: longest wait for an export to load


class PeerMethod(nn.Module):
    """A method of a model whose inputs, outputs and states are plain tensors, so that it can be traced."""

    def __init__(self, model: RAVE, method: str) -> None:
        super().__init__()
        self.model, self.method = model, method
        encoder, decoder = model.encoder_state(1), model.decoder_state(1)
        self.split = len(encoder)
        self.start = {"encode": encoder, "decode": decoder, "forward": [*encoder, *decoder]}[method]

    def inputs(self, frames: int) -> list[Tensor]:
        """Return random inputs, without the state."""
        x = 0.1 * torch.randn(1, self.model.config.channels, frames * self.model.ratio)
        z = torch.randn(1, self.model.latents, frames)
        noise = torch.randn(1, self.model.noise, frames)
        return {"encode": [x], "decode": [z, noise], "forward": [x, noise]}[self.method]

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Compute the result and the next state from inputs and state."""
        if self.method == "encode":
            z, after = self.model.encode(tensors[0], list(tensors[1:]))
            return z, *after
        if self.method == "decode":
            y, after = self.model.decode(tensors[0], tensors[1], list(tensors[2:]))
            return y, *after
        x, noise, *state = tensors
        z, encoder = self.model.encode(x, state[: self.split])
        y, decoder = self.model.decode(z, noise, state[self.split :])
        return y, *encoder, *decoder


def traced(model: RAVE, method: str, frames: int) -> Timed:
    """[main] Trace a model; each call continues the stream."""
    plain = PeerMethod(model, method)
    inputs, state = plain.inputs(frames), plain.start
    with torch.inference_mode(), warnings.catch_warnings(), mock.patch.object(stream, "FEW", 0):
        warnings.simplefilter("ignore")
        script = torch.jit.trace(plain, (*inputs, *state), check_trace=False)  # type: ignore[no-untyped-call]

    def call() -> None:
        nonlocal state
        with torch.inference_mode():
            _, *state = script(*inputs, *state)

    return timed(call)


class PeerExport:
    """[main] An export that runs in a separate process until it is closed."""

    def __init__(self, path: Path, method: str, samples: int) -> None:
        command = [sys.executable, "-m", "perform.bench.peer", str(path), method, str(samples)]
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            self(1)
        except (OSError, ValueError):
            errors = self._child.communicate()[1].strip().splitlines()
            why = errors[-1] if errors else "its process ended"
            raise PerformError(f"the export does not run in TorchScript ({why})", where=str(path)) from None

    def __call__(self, calls: int) -> Sequence[float]:
        """Make this many calls in a row; return the seconds of each."""
        assert self._child.stdin and self._child.stdout
        self._child.stdin.write(f"{calls}\n")
        self._child.stdin.flush()
        seconds: list[float] = json.loads(self._child.stdout.readline())
        return seconds

    def close(self) -> None:
        """End the process."""
        self._child.kill()
        self._child.communicate()


def main(path: Path, method: str, samples: int) -> None:
    """[main] Load an export and time calls until the input ends."""
    answers = os.fdopen(os.dup(1), "w")  # in the sandbox, prints of the module go nowhere
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        script = LoadedModule(read(path)).module
    channels, ratio = (int(value) for value in getattr(script, f"{method}_params")[:2])
    x = 0.1 * torch.randn(1, channels, samples // ratio)
    call, allowance = getattr(script, method), sandbox.Allowance()
    for line in sys.stdin:
        allowance.renew()
        seconds = []
        with torch.inference_mode():
            for _ in range(int(line)):
                began = time.perf_counter()
                call(x)
                seconds.append(time.perf_counter() - began)
        print(json.dumps(seconds), file=answers, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
