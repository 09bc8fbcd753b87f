"""The scan of one function of a TorchScript archive, statement by statement.

It knows the type of a local name if that is a class of the archive, or a tuple that contains one; all other
types are VALUE. See `perform.foreign.scan.archive_scan`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from perform.foreign.scan.operations import BARE, OPERATIONS, TYPES

Kind = str | tuple["Kind", ...]  #: VALUE, the full name of a class, `def NAME`, or the kinds in a tuple
VALUE = ""  #: the type of tensors, numbers, texts and lists, whose methods are not looked up
VALUES = frozenset({"inf", "nan", "infj", "nanj"})
_ROOTS = frozenset({"torch", "ops", "CONSTANTS", "__torch__"})
_FORMS = frozenset({"getattr", "annotate", "unchecked_cast", "isinstance", "uninitialized"})
_BARE = frozenset(BARE.split())
_TYPES = frozenset(TYPES.split())
_CONSTANT = re.compile(r"CONSTANTS\.c\d{1,6}")


@dataclass
class Names:
    """The names that an archive's code defines. `refuse` raises an error that names the line."""

    refuse: Callable[[str, ast.AST | None], NoReturn]
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    fields: dict[str, dict[str, Kind]] = field(default_factory=dict)  # class -> attribute -> its type
    methods: dict[str, dict[str, ast.FunctionDef]] = field(default_factory=dict)  # class -> name

    def check_type(self, node: ast.expr | None) -> None:
        """Check a type: names of types, the archive's classes, and brackets."""
        if isinstance(node, ast.Subscript):
            self.check_type(node.value)
            self.check_type(node.slice)
        elif isinstance(node, (ast.Tuple, ast.List)):
            for part in node.elts:
                self.check_type(part)
        elif node is not None and not _is_none(node):
            name = dotted(node)
            if name not in _TYPES and name not in self.fields:
                self.refuse(f"the type {ast.unparse(node)[:80]}", node)

    def check_literal(self, node: ast.expr) -> None:
        """Check a constant."""
        try:
            ast.literal_eval(node)
        except (ValueError, TypeError):
            if ast.unparse(node).lstrip("-") not in VALUES:
                self.refuse(f"a computed constant: {ast.unparse(node)[:60]}", node)


class Body:
    """One function."""

    def __init__(self, names: Names, node: ast.FunctionDef, owner: str) -> None:
        self._all, self._node, self._refuse = names, node, names.refuse
        self._local: dict[str, Kind] = {}
        for i, argument in enumerate(node.args.args):
            untyped_self = i == 0 and argument.annotation is None
            self._bind(argument, argument.arg, owner if untyped_self else class_of(argument.annotation))

    def check(self) -> None:
        """Check the whole function; `refuse` raises at the first name that is not allowed."""
        arguments = self._node.args
        for argument in arguments.args:
            self._all.check_type(argument.annotation)
        for default in arguments.defaults:
            self._all.check_literal(default)
        self._all.check_type(self._node.returns)
        self._block(self._node.body)

    def _block(self, body: list[ast.stmt]) -> None:
        for node in body:
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                kind = self._type(value)
                for target in targets:
                    self._assign(target, kind)
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                self._all.check_type(annotation)
                if value:
                    self._type(value)
                self._assign(target, class_of(annotation))
            case ast.Expr(value=value):
                self._type(value)
            case ast.Return(value=value):
                if value:
                    self._type(value)
            case ast.For(target=target, iter=values):
                self._type(values)
                self._assign(target, VALUE)
                self._block(node.body + node.orelse)
            case ast.If(test=test) | ast.While(test=test):
                self._type(test)
                self._block(node.body + node.orelse)
            case ast.Pass():
                pass
            case _:
                self._refuse(f"a statement that no model needs ({type(node).__name__.lower()})", node)

    def _assign(self, target: ast.expr, kind: Kind) -> None:
        match target:
            case ast.Name(id=name):
                self._bind(target, name, kind)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                kinds = kind if isinstance(kind, tuple) else (VALUE,) * len(parts)
                if len(kinds) != len(parts):
                    self._refuse(f"{len(kinds)} values for {len(parts)} names", target)
                for part, one in zip(parts, kinds, strict=True):
                    self._assign(part, one)
            case ast.Attribute():
                if self._type(target) != kind:
                    self._refuse(f"assigns another type to {ast.unparse(target)[:60]}", target)
            case _:
                self._refuse(f"an assignment to {ast.unparse(target)[:60]}", target)

    def _bind(self, node: ast.AST, name: str, kind: Kind) -> None:
        if name in _ROOTS or name in _FORMS or name in VALUES:
            self._refuse(f"{name!r} as a local name", node)
        if self._local.setdefault(name, kind) != kind:
            self._refuse(f"{name!r} with two types", node)

    def _type(self, node: ast.expr) -> Kind:
        """Check an expression, and return its type."""
        match node:
            case ast.Name(id=name):
                if name not in self._local and name not in VALUES:
                    self._refuse(f"{name!r} is used but not defined", node)
                return self._local.get(name, VALUE)
            case ast.Constant(value=value):
                if isinstance(value, (bytes, complex)) or value is ...:
                    self._refuse("a constant that no model needs", node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
            case ast.Subscript(value=value, slice=index):
                return self._element(value, index)
            case ast.Tuple(elts=parts):
                return tuple_of(self._plain(*parts))
            case ast.List(elts=parts):
                self._plain(*parts)
            case ast.Dict(keys=keys, values=values):
                if None in keys:
                    self._refuse("a dictionary within a dictionary's braces", node)
                self._plain(*(key for key in keys if key), *values)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                self._plain(operand)
            case _:
                self._refuse(f"an expression that no model needs ({type(node).__name__.lower()})", node)
        return VALUE

    def _plain(self, *parts: ast.expr) -> list[Kind]:
        """Check expressions that must be values or objects, not functions; return their types."""
        kinds = [self._type(part) for part in parts]
        for part, kind in zip(parts, kinds, strict=True):
            if _is_function(kind):
                self._refuse("a function as a value", part)
        return kinds

    def _element(self, value: ast.expr, index: ast.expr) -> Kind:
        """Return the type of `value[index]`; of a tuple with objects, the index must be a plain number."""
        kind, _ = self._plain(value, index)
        if not isinstance(kind, tuple):
            return VALUE
        try:
            number = ast.literal_eval(index)
        except ValueError:
            number = None
        if type(number) is not int or not -len(kind) <= number < len(kind):
            self._refuse("an element of a tuple that is not a plain number", index)
        return kind[number]

    def _attribute(self, node: ast.Attribute) -> Kind:
        name = dotted(node) or ""
        if name.partition(".")[0] not in _ROOTS:
            return self._field(node, node.value, node.attr)
        if name in self._all.functions:
            return f"def {name}"
        if not _CONSTANT.fullmatch(name):
            self._refuse(f"{name[:80]!r} as a value", node)
        return VALUE

    def _field(self, node: ast.expr, receiver: ast.expr, name: str) -> Kind:
        kind = self._type(receiver)
        fields = self._all.fields.get(kind, {}) if isinstance(kind, str) else {}
        if name not in fields:
            self._refuse(f"the attribute {name!r}, which it does not define", node)
        return fields[name]

    def _call(self, node: ast.Call) -> Kind:
        function = node.func
        if isinstance(function, ast.Name) and function.id in _FORMS:
            return self._form(function.id, node)
        name = dotted(function) or ""
        if name.endswith(".__new__") and [dotted(one) for one in node.args] == [
            name.removesuffix(".__new__")
        ]:
            return self._new(node, name.removesuffix(".__new__"))
        self._plain(*node.args, *(keyword.value for keyword in node.keywords))
        if isinstance(function, ast.Name):
            return self._call_name(function)
        if name in OPERATIONS:
            return VALUE
        if name.partition(".")[0] in ("torch", "ops"):
            self._refuse(f"calls {name[:80]!r}", function)
        if name in self._all.fields:
            return name
        if not isinstance(function, ast.Attribute):
            self._refuse(f"calls {ast.unparse(function)[:60]!r}", function)
        if name in self._all.functions:
            return class_of(self._all.functions[name].returns)
        kind = self._type(function.value)
        method = self._all.methods.get(kind, {}).get(function.attr) if isinstance(kind, str) else None
        if method is None:
            self._refuse(f"calls the method {function.attr!r}, which it does not define", function)
        return class_of(method.returns)

    def _new(self, node: ast.Call, name: str) -> Kind:
        """Check `CLASS.__new__(CLASS)`, which makes an empty object."""
        if name not in self._all.fields or node.keywords:
            self._refuse(f"makes an object of {name[:80]!r}", node)
        return name

    def _call_name(self, function: ast.Name) -> Kind:
        kind = self._local.get(function.id)
        if kind is None and function.id in _BARE:
            return VALUE
        if not isinstance(kind, str) or not _is_function(kind):
            self._refuse(f"calls {function.id!r}", function)
        return class_of(self._all.functions[kind.removeprefix("def ")].returns)

    def _form(self, form: str, node: ast.Call) -> Kind:
        """Check a form that looks like a call but takes a type or a name."""
        if len(node.args) != (1 if form == "uninitialized" else 2) or node.keywords:
            self._refuse(f"{form} with the wrong arguments", node)
        first, second = node.args[0], node.args[-1]
        if form == "getattr":
            if not isinstance(second, ast.Constant) or not isinstance(second.value, str):
                self._refuse("getattr with a computed name", node)
            return self._field(node, first, second.value)
        if form == "isinstance":
            self._plain(first)
            self._all.check_type(second)
            return VALUE
        self._all.check_type(first)
        if form != "uninitialized":
            self._plain(second)
        return class_of(first)


def dotted(node: ast.AST | None) -> str | None:
    """Return `a.b.c` as text; None for any other expression."""
    parts: list[Any] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def class_of(annotation: ast.expr | None) -> Kind:
    """Return the type of an annotation: a class of the archive, a tuple that contains one, or VALUE."""
    if isinstance(annotation, ast.Subscript) and dotted(annotation.value) in ("Optional", "Final"):
        return class_of(annotation.slice)
    if isinstance(annotation, ast.Subscript) and dotted(annotation.value) == "Tuple":
        inner = annotation.slice
        parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        return tuple_of([class_of(part) for part in parts])
    name = dotted(annotation) or ""
    return name if name.startswith("__torch__.") else VALUE


def tuple_of(kinds: Sequence[Kind]) -> Kind:
    """Return the type of a tuple; VALUE if it contains only values."""
    return tuple(kinds) if any(kind != VALUE for kind in kinds) else VALUE


def _is_function(kind: Kind) -> bool:
    return isinstance(kind, str) and kind.startswith("def ")


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
