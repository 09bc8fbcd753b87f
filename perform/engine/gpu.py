"""Graphs on a GPU, by ONNX Runtime's CUDA provider; and why this computer cannot run them there."""

from __future__ import annotations

import onnxruntime as ort

from perform.core.errors import PerformError

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
#: the packages that bring ONNX Runtime; the second one has CUDA
PACKAGES = ("onnxruntime", "onnxruntime-gpu")
#: whole float32, as on the processor; no search of seconds for the fastest algorithms
_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}


def package() -> tuple[str, str]:
    """Return the name and the version of the installed package of ONNX Runtime."""
    import importlib.metadata  # not above: it takes 10 ms, which a module's companion need not wait

    for name in PACKAGES:
        try:
            return name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return PACKAGES[0], ort.__version__


def providers() -> list[str]:
    """Return the providers that this build of ONNX Runtime has, without their common ending."""
    return [name.removesuffix("ExecutionProvider") for name in ort.get_available_providers()]


def session(graph: bytes, options: ort.SessionOptions) -> ort.InferenceSession:
    """[disk] Open a graph on the GPU. PerformError: says why this computer cannot."""
    if CUDA not in ort.get_available_providers():
        hint = "install the package onnxruntime-gpu instead of onnxruntime"
        raise PerformError("this ONNX Runtime has no CUDA", hint=hint)
    ort.preload_dlls()  # those that pip has installed
    try:
        made = ort.InferenceSession(graph, options, providers=[(CUDA, _OPTIONS), CPU], enable_fallback=0)
    except Exception as error:  # of many kinds, which ONNX Runtime does not name
        raise PerformError(f"the GPU refused its graph ({first_line(error)})") from error
    if CUDA not in made.get_providers():
        raise PerformError("no GPU was found", hint="`nvidia-smi` lists what the driver finds")
    return made


def first_line(error: Exception) -> str:
    """Return the beginning of an error's text."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
