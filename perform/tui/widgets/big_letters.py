"""Big letters of 5 x 3 squares, in 3, 5 or 10 lines: readable at three metres."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.style import Style

from perform.tui.widgets.line_widget import LinePen

_ROWS = 5  #: squares of a letter, from top to bottom
#: each letter as five rows of squares; a row is written in its bits, the leftmost square first
_LETTERS = {
    "A": "010 101 111 101 101",
    "B": "110 101 110 101 110",
    "C": "111 100 100 100 111",
    "D": "110 101 101 101 110",
    "E": "111 100 110 100 111",
    "F": "111 100 110 100 100",
    "G": "111 100 101 101 111",
    "H": "101 101 111 101 101",
    "I": "1 1 1 1 1",
    "J": "001 001 001 101 010",
    "K": "101 101 110 101 101",
    "L": "100 100 100 100 111",
    "M": "10001 11011 10101 10001 10001",
    "N": "1001 1101 1011 1001 1001",
    "O": "111 101 101 101 111",
    "P": "110 101 110 100 100",
    "Q": "010 101 101 011 001",
    "R": "110 101 110 101 101",
    "S": "111 100 111 001 111",
    "T": "111 010 010 010 010",
    "U": "101 101 101 101 111",
    "V": "101 101 101 101 010",
    "W": "10001 10001 10101 11011 10001",
    "X": "101 101 010 101 101",
    "Y": "101 101 010 010 010",
    "Z": "111 001 010 100 111",
    "0": "111 101 101 101 111",
    "1": "010 110 010 010 111",
    "2": "110 001 010 100 111",
    "3": "110 001 010 001 110",
    "4": "101 101 111 001 001",
    "5": "111 100 110 001 110",
    "6": "011 100 111 101 111",
    "7": "111 001 010 010 010",
    "8": "111 101 111 101 111",
    "9": "111 101 111 001 110",
    " ": "00 00 00 00 00",
    ":": "0 1 0 1 0",
    ".": "0 0 0 0 1",
    ",": "00 00 00 01 10",
    "-": "000 000 111 000 000",
    "+": "000 010 111 010 000",
    "'": "1 1 0 0 0",
    "!": "1 1 1 0 1",
    "?": "110 001 010 000 010",
    "/": "001 001 010 100 100",
    "&": "010 101 010 101 011",
    "#": "101 111 101 111 101",
    "(": "01 10 10 10 01",
    ")": "10 01 01 01 10",
    "…": "00000 00000 00000 00000 10101",
}
_HALVES = {("0", "0"): " ", ("1", "0"): "▀", ("0", "1"): "▄", ("1", "1"): "█"}


def plain(text: str) -> str:
    """Capitals without accents, if all of them have big letters; else ""."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.upper()) if not unicodedata.combining(c))
    bare = bare.replace("–", "-").replace("’", "'").replace("ß", "SS")
    return bare if bare and all(c in _LETTERS for c in bare) else ""


@lru_cache(256)
def big(text: str, lines: int, width: int) -> tuple[str, ...] | None:
    """A text in 3, 5 or 10 lines and at most `width` cells; None without big letters, or without room."""
    letters = plain(text)
    if not letters:
        return None
    drawn = _lines(letters, lines)
    while len(drawn[0]) > width:
        letters = letters.removesuffix("…").rstrip()[:-1] + "…"
        if len(letters) < 3:
            return None
        drawn = _lines(letters, lines)
    return drawn


def _lines(letters: str, lines: int) -> tuple[str, ...]:
    rows = ["0".join(row) for row in zip(*(_LETTERS[c].split() for c in letters), strict=True)]
    if lines % _ROWS == 0:
        scale = lines // _ROWS
        wide = {"1": "██" * scale, "0": "  " * scale}
        return tuple("".join(wide[square] for square in row) for row in rows for _ in range(scale))
    rows.append("0" * len(rows[0]))
    return tuple("".join(_HALVES[pair] for pair in zip(*rows[i : i + 2], strict=True)) for i in (0, 2, 4))


def draw_big(pens: list[LinePen], text: str, style: Style, width: int) -> None:
    """Draw a text at the right end of these 3, 5 or 10 lines, in `width` cells; plain without big letters."""
    drawn = big(text, len(pens), width)
    for number, pen in enumerate(pens):
        line = drawn[number] if drawn else text if number == len(pens) // 2 else ""
        pen.text(line, style, width)
