"""Runs graphs on a GPU, with ONNX Runtime's CUDA provider, or says why this computer cannot."""

from __future__ import annotations

import onnxruntime as ort

from perform.core.errors import PerformError

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
#: the packages that install ONNX Runtime; the second one has CUDA
PACKAGES = ("onnxruntime", "onnxruntime-gpu")
#: full float32 precision, as on the processor; no search for the fastest algorithms, which takes seconds
_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}


def package() -> tuple[str, str]:
    """Return the name and the version of the installed package of ONNX Runtime."""
    import importlib.metadata  # here: it takes 10 ms, and the file reader of a module never needs it

    for name in PACKAGES:
        try:
            return name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return PACKAGES[0], ort.__version__


def providers() -> list[str]:
    """Return the providers of this build of ONNX Runtime, as in "CUDA" and "CPU"."""
    return [name.removesuffix("ExecutionProvider") for name in ort.get_available_providers()]


def session(graph: bytes, options: ort.SessionOptions) -> ort.InferenceSession:
    """[disk] Open a graph on the GPU. PerformError: this computer cannot; it says why."""
    if CUDA not in ort.get_available_providers():
        hint = "install the package onnxruntime-gpu instead of onnxruntime"
        raise PerformError("this ONNX Runtime has no CUDA", hint=hint)
    ort.preload_dlls()  # CUDA's libraries, if pip installed them
    try:
        made = ort.InferenceSession(graph, options, providers=[(CUDA, _OPTIONS), CPU], enable_fallback=0)
    except Exception as error:  # ONNX Runtime raises many kinds
        raise PerformError(f"the GPU refused its graph ({first_line(error)})") from error
    if CUDA not in made.get_providers():
        raise PerformError("the driver finds none", hint="`nvidia-smi` lists what the driver finds")
    return made


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, up to 200 characters."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
