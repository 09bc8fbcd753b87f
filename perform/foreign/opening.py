"""Opening any model file or export to play it.

    prepare     an export -> a model file in the cache, by the export's hash; a model file -> itself
    open_model  a RAVE -> `engine.compiled_model`; a module with consent -> `torchscript_model`

`prepare` is slow the first time. Later an export loads as fast as a model file.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from perform.core.errors import PerformError
from perform.core.paths import to_text
from perform.core.printable import printable
from perform.engine.file_reader import FileReader, LocalFileReader
from perform.engine.protocol import PlayableModel
from perform.foreign import consent, sandbox
from perform.foreign.module_file import is_archive, unwrap
from perform.library import places
from perform.library.cards import is_module
from perform.library.hashes import sha256

if TYPE_CHECKING:
    from perform.engine.compiled_model import CompiledModel

CONVERSION = 4  #: version of the conversion: raise it when the same export would become another model file


def prepare(path: Path, log: Callable[[str], None] = lambda line: None) -> Path:
    """Return a model file to load: `path` itself, or the one converted from an export. [disk, slow]

    log : called with a line of text before each step; no step takes longer than compiling a model
    """
    if not is_archive(path):
        return path
    converted = places.cache() / f"{sha256(path)}-{CONVERSION}.safetensors"
    if not converted.exists():
        _require_torch(path)
        from perform.foreign.conversion import convert
        from perform.rave.archive import read

        texts = {"name": to_text(path.stem)[:80], "description": "", "licence": "unknown"}
        log(f"reading {path.name}")
        convert(read(path), converted, texts, log=log)
        log(f"{path.name} is converted")
    return converted


def open_model(
    path: Path, *, separate_process: bool = False, log: Callable[[str], None] | None = None
) -> PlayableModel:
    """[render] Open a model file or an export to play it.

    A third-party module runs in a sandbox, which this process can never leave.

    separate_process : run the module in another process, so that this one can still open files
    log              : takes lines that a module in this process prints; None: they are dropped
    WrongUse: the file is not a model, or the player has not consented to run its code.
    """
    model = prepare(path)
    if not is_module(model):
        from perform.engine.compiled_model import CompiledModel

        return CompiledModel(model)
    consent.require(unwrap(model)[0], path)
    _require_torch(path)
    if separate_process:
        from perform.foreign.remote_model import RemoteModel

        return RemoteModel(model)
    from perform.foreign.torchscript_model import TorchscriptModel

    return TorchscriptModel(model, functools.partial(sandbox.enter, log=log))


def open_on_gpu(model: Path) -> tuple[PlayableModel, str]:
    """[render] Open a model on the GPU, else on the processor; also return "GPU" or why it failed."""
    opened, why = _open_with("gpu", model)
    return opened, f"no GPU: {why}; the processor plays it" if why else "GPU"


def open_with_openvino(model: Path) -> tuple[PlayableModel, str]:
    """[render] Open a model with OpenVINO, else as usual; also return its error, or why it failed."""
    from perform.engine.bfloat16_error import error_db
    from perform.engine.compiled_model import CompiledModel

    opened, why = _open_with("openvino", model)
    if why:
        return opened, f"no OpenVINO: {why}; ONNX Runtime plays it"
    return opened, f"OpenVINO, bfloat16, error {error_db(opened, CompiledModel(model)):.0f} dB"


def _open_with(engine: Literal["gpu", "openvino"], model: Path) -> tuple[CompiledModel, str]:
    """Open a model with another engine and return ""; or as usual, and return what went wrong."""
    from perform.engine.compiled_model import CompiledModel
    from perform.engine.gpu import first_line

    try:
        opened = CompiledModel(model, engine=engine)
        _ = opened.encoder  # so that an error comes now, not on stage
        return opened, ""
    except PerformError as error:
        why = error.what
    except Exception as error:  # of a library, when it computes the first frame
        why = f"its first frame failed ({first_line(error)})"
    return CompiledModel(model), printable(why)


def _require_torch(path: Path) -> None:
    """Raise PerformError where torch is not installed: perform's own models play without it."""
    if importlib.util.find_spec("torch") is None:
        hint = f"`{sys.executable} -m pip install torch`, or import it on a computer that has torch"
        raise PerformError("an export or module from others needs torch", where=to_text(path), hint=hint)


def file_reader(model: Path) -> FileReader:
    """[disk] Return the reader of other files for a process that plays a model. Call it before `open_model`.

    A sandboxed process opens no files, so a companion process reads them.
    """
    if not is_module(model):
        return LocalFileReader()
    from perform.foreign.remote_file_reader import RemoteFileReader

    return RemoteFileReader(model)
