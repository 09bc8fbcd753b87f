"""The scan of a TorchScript archive: only arithmetic passes, and only the scanned entries are repacked.

The scan runs nothing. Torch wrote the archive's code, so its language is small: classes with typed
attributes, and methods whose every statement names the function that it calls. The scan parses it with `ast`
and follows the type of each object. Every method must be defined in the archive, and every operation must be
listed in `perform.foreign.scan.operations`. Aliases, computed names and bare namespaces are refused, and so
is text that torch's parser might read differently: comments, escapes, other quotes, other letters.
"""

from __future__ import annotations

import ast
import io
import re
import zipfile
from typing import NoReturn

from perform.core.errors import WrongUse
from perform.foreign.scan.statements import Body, Names, class_of, dotted
from perform.rave.archive import Archive

_STRING = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_CHARACTERS = re.compile(r"[A-Za-z0-9_ \n()\[\]{},.:=+>-]*")
_PRINTABLE = re.compile(r"[\x20-\x7e\n]*")
_BASES = frozenset({"Module", "NamedTuple", "ModuleInterface", "Interface"})
_LISTS = frozenset({"__parameters__", "__buffers__", "__forward_pre_hooks__", "__forward_hooks__"})
_SPECIAL = frozenset(
    {"__init__", "__len__", "__contains__", "__getitem__", "__iter__", "__call__", "__bool__"}
)
_KEPT = re.compile(r"data\.pkl|constants\.pkl|version|byteorder|(data|constants)/\d+|code/.*\.py")


def scan(archive: Archive) -> None:
    """Scan an archive. WrongUse, with one line of text: its code may do more than arithmetic. [disk]"""
    try:
        _Scan(archive).check()
    except RecursionError:
        raise WrongUse("refused: its code is nested too deeply", where=str(archive.path)) from None


def repack(archive: Archive) -> bytes:
    """Scan an archive, and return a new one of the scanned entries alone, for torch to load."""
    scan(archive)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as packed:
        for name, data in archive.entries.items():
            if _KEPT.fullmatch(name):
                packed.writestr(zipfile.ZipInfo(f"model/{name}"), data)
    return out.getvalue()


class _Scan:
    """The scan of one archive: collects the names that the code defines, then checks those that it uses."""

    def __init__(self, archive: Archive) -> None:
        self._archive, self._file = archive, ""
        self._names = Names(self._refuse)

    def check(self) -> None:
        for name, text in self._archive.code.items():
            self._file = name
            self._check_text(text)
        trees = self._archive.trees
        for name in trees:
            self._file = name
            self._declare(trees[name])
        self._file = "data.pkl"
        for path, kind in self._archive.types.items():
            if kind not in self._names.fields:
                self._refuse(f"{path or 'the model'} is of a class it does not define, {kind}")
        for name in trees:
            self._file = name
            for node in trees[name].body:
                if isinstance(node, ast.ClassDef):
                    self._check_class(node)
                elif isinstance(node, ast.FunctionDef):
                    self._check_function(node, "")

    def _refuse(self, what: str, node: ast.AST | None = None) -> NoReturn:
        line = f", line {node.lineno}" if isinstance(node, (ast.expr, ast.stmt, ast.arg)) else ""
        hint = "refused: a model may only do arithmetic"
        raise WrongUse(f"{self._file}{line}: {what}", where=str(self._archive.path), hint=hint)

    def _check_text(self, text: str) -> None:
        """Refuse text that torch never prints."""
        rest = _STRING.sub("", text)
        if '"""' in text:
            self._refuse("three quotes, which torch never prints")
        if not _CHARACTERS.fullmatch(rest) or not _PRINTABLE.fullmatch(text):
            odd = next((c for c in rest if not _CHARACTERS.fullmatch(c)), "in a string")
            self._refuse(f"the character {odd!r}, which torch never prints")

    def _name(self, node: ast.FunctionDef | ast.ClassDef) -> str:
        return f"{self._file.removeprefix('code/').removesuffix('.py').replace('/', '.')}.{node.name}"

    def _declare(self, tree: ast.Module) -> None:
        """Collect the classes and functions that a file defines."""
        for node in tree.body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                name = self._name(node)
                if name in self._names.fields or name in self._names.functions:
                    self._refuse(f"{name} is defined twice", node)
                if isinstance(node, ast.FunctionDef):
                    self._names.functions[name] = node
                else:
                    self._declare_class(node, name)
            elif ast.unparse(node) != "op_version_set = 1":  # torch's before 1.6
                self._refuse("a statement outside of any class", node)

    def _declare_class(self, node: ast.ClassDef, name: str) -> None:
        if name.startswith("__torch__.torch.classes"):
            self._refuse(f"{name}, a class that torch reserves", node)
        fields, methods = self._names.fields.setdefault(name, {}), self._names.methods.setdefault(name, {})
        for part in node.body:
            if isinstance(part, ast.FunctionDef):
                if part.name in methods:
                    self._refuse(f"{part.name} is defined twice", part)
                methods[part.name] = part
            elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                fields[part.target.id] = class_of(part.annotation)
            elif isinstance(part, ast.Assign) and (key := _annotated(part)):
                fields[key] = class_of(part.value)

    def _check_class(self, node: ast.ClassDef) -> None:
        bases = [base.id if isinstance(base, ast.Name) else "?" for base in node.bases]
        if not _BASES.issuperset(bases) or node.keywords or node.decorator_list:
            self._refuse(f"the class {node.name} has an unknown base", node)
        for part in node.body:
            if isinstance(part, ast.FunctionDef):
                self._check_function(part, self._name(node))
            elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                self._names.check_type(part.annotation)
                if part.value:
                    self._names.check_literal(part.value)
            elif isinstance(part, ast.Assign) and _annotated(part):
                self._names.check_type(part.value)
            elif isinstance(part, ast.Assign) and dotted(part.targets[0]) in _LISTS:
                self._names.check_literal(part.value)
            elif not isinstance(part, ast.Pass):
                self._refuse(f"the class {node.name} runs code when it is defined", part)

    def _check_function(self, node: ast.FunctionDef, owner: str) -> None:
        arguments = node.args
        if node.name.startswith("__") and node.name.endswith("__") and node.name not in _SPECIAL:
            self._refuse(f"defines {node.name}", node)
        if node.decorator_list or arguments.vararg or arguments.kwarg or arguments.posonlyargs:
            self._refuse(f"{node.name} is not a plain function", node)
        if arguments.kwonlyargs or arguments.kw_defaults:
            self._refuse(f"{node.name} is not a plain function", node)
        Body(self._names, node, owner).check()


def _annotated(node: ast.Assign) -> str:
    """Return the name in `__annotations__["0"] = TYPE`, or ""."""
    match node.targets:
        case [ast.Subscript(value=ast.Name(id="__annotations__"), slice=ast.Constant(value=str(name)))]:
            return name
    return ""
