"""Each class name and each file name occurs only once in the package."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import perform

PACKAGE = Path(perform.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def repeated(names: list[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def test_every_class_name_is_unique() -> None:
    classes = [
        node.name
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert len(classes) > 100
    assert repeated(classes) == []


def test_every_file_name_is_unique() -> None:
    names = [path.name for path in FILES if not path.name.startswith("__")]
    assert len(names) > 100
    assert repeated(names) == []
