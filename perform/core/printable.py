"""Text without control characters, so that it cannot steer the terminal that shows it."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return a text in one line: white space becomes spaces, other characters that do not print are left out.

    Among those are terminal escapes and the marks that reverse the direction of writing.
    """
    return "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)
