"""Any model file as a host: what it is, what has to be made of it first, and whether it may run.

`prepare` is the slow half, for a host's process or a verb, never for the stage. What it makes is kept by the
file's hash, so the second load of an export costs what a model of ours costs, and imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from perform.core.errors import WrongUse
from perform.engine.file_reader import FileReader, LocalFileReader
from perform.engine.protocol import PlayableModel
from perform.library import places
from perform.library.cards import is_module, sha256
from perform.library.importing import confirmed, unwrap

MADE = 3  #: grows whenever the same export would become another model file


def is_archive(path: Path) -> bool:
    """Whether a file is a zip, as TorchScript exports are. [disk]"""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise WrongUse(f"cannot be read ({error.strerror})", where=str(path)) from None


def prepare(path: Path, tell: Callable[[str], None] = lambda line: None) -> Path:
    """A model file that a host can load: `path` itself, or what was made of an export. [disk, slow]

    tell : hears of each part of the work as it begins; none takes longer than a first compilation
    """
    if not is_archive(path):
        return path
    made = places.cache() / f"{sha256(path)}-{MADE}.safetensors"
    if not made.exists():
        from perform.foreign.conversion import convert
        from perform.rave.archive import read

        words = {"name": path.stem[:80], "description": "", "licence": "unknown"}
        tell(f"{path.name} is read")
        convert(read(path), made, words, tell=tell)
        tell(f"{path.name} is a model now")
    return made


def open_model(path: Path, *, separate_process: bool = False) -> PlayableModel:
    """[render] Open a model file or an export to play it.

    A third-party module runs in a sandbox, from which this process can never return.

    separate_process : the sandbox is another process, so that this one can go on opening files
    WrongUse: the file is not a model, or the player has not consented to run its code.
    """
    model = prepare(path)
    if not is_module(model):
        from perform.engine.compiled_model import CompiledModel

        return CompiledModel(model)
    data, _ = unwrap(model)
    if not confirmed(data):
        hint = f"`perform models import {path}` asks once"
        raise WrongUse("runs code of its own, which was not agreed to", where=str(path), hint=hint)
    if separate_process:
        from perform.foreign.remote_model import RemoteModel

        return RemoteModel(model)
    from perform.foreign.torchscript_model import TorchscriptModel

    return TorchscriptModel(model)


def file_reader(model: Path) -> FileReader:
    """[disk] Return what reads files for a process that will play a model file. Call it before `open_model`.

    A sandboxed process opens no files, so a companion process reads them.
    """
    if not is_module(model):
        return LocalFileReader()
    from perform.foreign.remote_file_reader import RemoteFileReader

    return RemoteFileReader(model)
