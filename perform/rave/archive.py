"""Reads a TorchScript archive (.ts) as data: tensors, attributes, the text of its code. The code never runs.

    archive = read(Path("vintage.ts"))
    archive.tensors["decoder.net.2.weight"]      # (1536, 768, 4), read-only
    archive.attributes["sr"]                     # 44100
    archive.module_type("decoder.net.2")         # "__torch__.cached_conv.convs.___torch_mangle_7.Conv1d"
    archive.finals("decoder.net.2")["stride"]    # (16,), declared in the code's text

The zip is read strictly: known names only, each once, complete, with the right checksum and within size
limits. `perform.rave.unpickle` reads the pickles, `ast` the code. Needs no torch.
"""

from __future__ import annotations

import ast
import hashlib
import io
import itertools
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from perform.core.errors import WrongUse
from perform.rave.pickled_values import Array, PickledObject, Storage
from perform.rave.unpickle import unpickle

ENTRIES = 20_000  #: most files in an archive
TOTAL = 2 << 30  #: most bytes of all files
RATIO = 200  #: highest compression ratio; a zip bomb has 1000
TEXT = 8 << 20  #: most bytes of code
PICKLE = 4 << 20  #: most bytes of a pickle
PATHS = 200_000  #: most tensors, attributes and modules

_TOP = re.compile(r"[^/\\\x00-\x1f]{1,255}")  # the archive's folder, named after the file it was saved to
_NAME = re.compile(
    r"data\.pkl|constants\.pkl|version|byteorder|\.format_version|\.storage_alignment|\.data/serialization_id"
    r"|(data|constants)/[0-9]{1,20}|code/__torch__(/\w+)*\.py(\.debug_pkl)?|extra/[\w. -]+",
    re.ASCII,
)
_MANGLE = re.compile(r"___torch_mangle_\d+\.")
_DAMAGED = (  # zipfile raises NotImplementedError for a compression that it does not know
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    IndexError,
)

#: what to run for a checkpoint or a folder of RAVE's training
EXPORT_HINT = "`rave export --run FOLDER --streaming` makes an export of it; import the .ts that it writes"


@dataclass(eq=False)
class Archive:
    """The contents of an archive. A path is a module's place in the tree, "decoder.net.2"; the root's is "".

    entries    : name in the archive (without the folder around all) -> bytes
    root       : the model as an object
    constants  : the values that the code calls CONSTANTS.c0, c1 ...
    tensors    : path -> array (read-only), parameters and buffers; bfloat16 comes as float32
    attributes : path -> int, float, bool, str, None, list, tuple or dict
    types      : path -> the full name of a module's class, in the order of the file
    records    : path -> the module as an object
    """

    path: Path
    sha256: str
    entries: dict[str, bytes]
    root: PickledObject
    constants: tuple[Any, ...]
    tensors: dict[str, Array]
    attributes: dict[str, Any]
    types: dict[str, str]
    records: dict[str, PickledObject]

    def module_type(self, path: str = "") -> str:
        """Full name of the class of the module at `path`; KeyError where there is none."""
        return self.types[path]

    def plain_type(self, path: str = "") -> str:
        """The class's name as it was in Python, "cached_conv.convs.Conv1d"."""
        return _MANGLE.sub("", self.types[path]).removeprefix("__torch__.")

    def children(self, path: str = "") -> list[str]:
        """Names of the modules directly in the one at `path`, in their order."""
        head = f"{path}." if path else ""
        return [p[len(head) :] for p in self.types if p.startswith(head) and p and "." not in p[len(head) :]]

    def fields(self, path: str = "") -> list[str]:
        """Names of the attributes and tensors of the module at `path`, without its submodules."""
        return [
            name for name, value in self.records[path].fields.items() if not isinstance(value, PickledObject)
        ]

    @cached_property
    def code(self) -> dict[str, str]:
        """Name of each file below code/ -> its text."""
        found = {}
        for name, data in self.entries.items():
            if name.endswith(".py"):
                try:
                    found[name] = data.decode("utf-8")
                except UnicodeDecodeError:
                    raise WrongUse(f"{name} is not text", where=str(self.path)) from None
        return found

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """The code, parsed: name of each file -> its syntax tree."""
        found = {}
        for name, text in self.code.items():
            try:
                found[name] = ast.parse(text)
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                what = f"{name} is not readable as Python ({type(error).__name__})"
                raise WrongUse(what, where=str(self.path)) from None
        return found

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        """Full name of each class -> its definition."""
        found = {}
        for name, tree in self.trees.items():
            module = name.removeprefix("code/").removesuffix(".py").replace("/", ".")
            for node in tree.body:
                if isinstance(node, ast.ClassDef):
                    found[f"{module}.{node.name}"] = node
        return found

    def finals(self, path: str = "") -> dict[str, Any]:
        """Constants declared by the class of the module at `path`: `stride : Final[Tuple[int]] = (16,)`."""
        found: dict[str, Any] = {}
        definition = self.classes.get(self.types[path])
        for node in definition.body if definition else []:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                try:
                    found[node.target.id] = ast.literal_eval(node.value)
                except (ValueError, TypeError, RecursionError, MemoryError):
                    continue
        return found

    def methods(self, path: str = "") -> list[str]:
        """Names of the methods of the module at `path`."""
        definition = self.classes.get(self.types[path])
        return [n.name for n in definition.body if isinstance(n, ast.FunctionDef)] if definition else []


def read(path: Path) -> Archive:
    """Read the archive at `path`. WrongUse: it is not a valid archive. [disk]"""
    where = str(path)
    try:
        if path.stat().st_size > TOTAL:
            raise WrongUse("larger than 2 GiB", where=where, hint="no model is that large")
        data = path.read_bytes()
    except FileNotFoundError:
        raise WrongUse("no such model file", where=where) from None
    except OSError as error:
        raise WrongUse(f"cannot be read ({error.strerror})", where=where) from None
    return parse(data, path)


def parse(data: bytes, path: Path) -> Archive:
    """The archive whose bytes are `data`; `path` names it in errors."""
    where = str(path)
    entries = _entries(data, where)
    if "data.pkl" in entries and "constants.pkl" not in entries:
        raise WrongUse("a checkpoint, not a TorchScript module", where=where, hint=EXPORT_HINT)
    for name in ("data.pkl", "constants.pkl", "version"):
        if name not in entries:
            raise WrongUse(f"a zip without {name!r}, so not a TorchScript module", where=where)
    if entries.get("byteorder", b"little") != b"little":
        raise WrongUse("saved on a big-endian machine", where=where)
    root = unpickle(entries["data.pkl"], _storages(entries, "data"), f"{where}: data.pkl")
    constants = unpickle(entries["constants.pkl"], _storages(entries, "constants"), f"{where}: constants.pkl")
    if not isinstance(root, PickledObject):
        raise WrongUse("contains no module", where=where, hint=EXPORT_HINT)
    if not isinstance(constants, tuple):
        raise WrongUse("its constants are not a tuple", where=where)
    tensors, attributes, records = _flatten(root, where)
    types = {name: record.type for name, record in records.items()}
    digest = hashlib.sha256(data).hexdigest()
    return Archive(path, digest, entries, root, constants, tensors, attributes, types, records)


def _entries(data: bytes, where: str) -> dict[str, bytes]:
    """Every file of the zip, checked."""
    hint = "an export is one complete file that ends in .ts"
    if data[:4] != b"PK\x03\x04":
        raise WrongUse("not a TorchScript archive (not a zip)", where=where, hint=hint)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
            _check_infos(infos, len(data), where)
            found: dict[str, bytes] = {}
            for info in infos:
                name = info.filename.partition("/")[2]
                with archive.open(info) as file:
                    found[name] = file.read(info.file_size)  # its end checks the CRC
                    if len(found[name]) != info.file_size or file.read(1):
                        raise WrongUse(
                            f"{name!r} does not have the size that the zip declares", where=where, hint=hint
                        )
    except _DAMAGED as error:
        if isinstance(error, WrongUse):
            raise
        text = " ".join(str(error).split())[:120]
        raise WrongUse(f"a damaged zip ({text})", where=where, hint="download or export it again") from None
    return found


def _check_infos(infos: list[zipfile.ZipInfo], size: int, where: str) -> None:
    """Check the zip's directory before unpacking anything."""
    if not infos or len(infos) > ENTRIES:
        raise WrongUse(f"a zip of {len(infos)} files", where=where)
    top, seen = infos[0].filename.partition("/")[0], set()
    total = text = 0
    ends: list[tuple[int, int]] = []
    for info in infos:
        folder, _, name = info.orig_filename.partition("/")
        shown = repr(info.orig_filename[:80])
        if folder != top or not _TOP.fullmatch(folder) or folder in (".", "..") or not _NAME.fullmatch(name):
            raise WrongUse(f"contains {shown}, which no TorchScript module has", where=where)
        if name in seen:
            raise WrongUse(f"contains {shown} twice", where=where)
        seen.add(name)
        if info.flag_bits & 0x1:
            raise WrongUse(f"{shown} is encrypted", where=where)
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise WrongUse(f"{shown} is compressed by a method that torch never uses", where=where)
        if info.file_size > max(RATIO * info.compress_size, 1 << 10):
            raise WrongUse(f"{shown} unpacks to {info.file_size} bytes, a zip bomb", where=where)
        limit = PICKLE if name in ("data.pkl", "constants.pkl") else TOTAL
        total += info.file_size
        text += info.file_size if name.startswith("code/") and name.endswith(".py") else 0
        if info.file_size > limit or total > TOTAL or text > TEXT:
            raise WrongUse(f"{shown} is larger than in any model", where=where)
        ends.append((info.header_offset, info.header_offset + 30 + info.compress_size))
    ends.sort()
    if ends[0][0] != 0 or ends[-1][1] > size:
        raise WrongUse("a damaged zip (its directory points outside the file)", where=where)
    if any(end > start for (_, end), (start, _) in itertools.pairwise(ends)):
        raise WrongUse("a zip whose files overlap", where=where)


def _storages(entries: dict[str, bytes], folder: str) -> Storage:
    """The numbered storages of a folder as arrays."""
    known: dict[tuple[str, str], Array] = {}

    def storage(key: str, dtype: np.dtype[Any], count: int) -> Array:
        if (key, str(dtype)) not in known:
            data = entries.get(f"{folder}/{key}")
            if data is None or len(data) != count * dtype.itemsize:
                there = "is missing" if data is None else f"has {len(data)} bytes"
                raise WrongUse(f"storage {key[:20]!r} of {count} x {dtype} {there}")
            known[key, str(dtype)] = np.frombuffer(data, dtype)
        if len(known[key, str(dtype)]) != count:
            raise WrongUse(f"storage {key[:20]!r} of two lengths")
        return known[key, str(dtype)]

    return storage


def _flatten(
    root: PickledObject, where: str
) -> tuple[dict[str, Array], dict[str, Any], dict[str, PickledObject]]:
    """The tree of modules as three flat dictionaries: tensors, attributes, modules."""
    tensors: dict[str, Array] = {}
    attributes: dict[str, Any] = {}
    records: dict[str, PickledObject] = {}

    def walk(record: PickledObject, path: str) -> None:  # no deeper than unpickle.DEPTH
        records[path] = record
        if len(records) + len(tensors) + len(attributes) > PATHS:
            raise WrongUse("has more parts than any model", where=where)
        for name, value in record.fields.items():
            here = f"{path}.{name}" if path else name
            if isinstance(value, PickledObject):
                walk(value, here)
            elif isinstance(value, np.ndarray):
                tensors[here] = value
            else:
                attributes[here] = value

    walk(root, "")
    return tensors, attributes, records
