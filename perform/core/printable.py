"""Text without control characters, so that it cannot control the terminal that shows it."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text in one line: white space becomes spaces, other characters that do not print are left out.

    Among those are terminal escapes and the marks that reverse the direction of writing. A byte of a file
    name that is not UTF-8 becomes `�` and its hexadecimal digits, as in `caf�e9`; see `perform.core.paths`.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _replaced(c) for c in text)


def _replaced(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\N{REPLACEMENT CHARACTER}{code - 0xDC00:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return "\N{REPLACEMENT CHARACTER}"
    return " " if character.isspace() else ""
