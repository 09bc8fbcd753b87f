"""Small random changes of a file: bytes, pieces, numbers at the edge of their range, words of other files."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

WORDS = (
    *(b"nan", b"inf", b"-1", b"0", b"1e999", b"-0x7f", b"9" * 30, b"null", b"true", b"''", b'""'),
    *(b"[[", b"]]", b"'''", b"{", b"}", b"= {", b"[" * 2000, b"\\ud800", b"\\u0000", b"\0", b"\xff\xfe"),
    *(b"\xef\xbb\xbf", b"\x1b[31m", b"../../", b"/etc/passwd", b"\xf0", b"\xf7", b"#bundle\0"),
    *(b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"\0\0\0\0\0\0\0\x80"),
)
NUMBERS = (b"-1", b"0", b"1", b"127", b"128", b"65536", b"4294967296", b"1e308", b"99999999999999999999")
LONGEST = 1 << 16
_NUMBER = re.compile(rb"-?\d+(\.\d+)?")


def mutate(dice: random.Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Return `data` with one to four changes; `others` lend pieces."""
    made = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        at = dice.randrange(len(made) + 1)
        match dice.randrange(8):
            case 0 if at < len(made):
                made[at] = dice.randrange(256)
            case 1 if at < len(made):
                made[at] ^= 1 << dice.randrange(8)
            case 2:
                del made[at : at + dice.randint(1, 40)]
            case 3:
                start = dice.randrange(len(made) + 1)
                made[at:at] = made[start : start + dice.randint(1, 40)]
            case 4:
                made[at:at] = dice.choice(WORDS)
            case 5 if found := list(_NUMBER.finditer(made)):
                number = dice.choice(found)
                made[number.start() : number.end()] = dice.choice(NUMBERS)
            case 6 if others:
                other = dice.choice(others)
                start = dice.randrange(len(other) + 1)
                made[at : at + dice.randrange(200)] = other[start : start + dice.randint(1, 200)]
            case _:
                made[at:] = b"" if dice.random() < 0.1 else made[at:]
    return bytes(made[:LONGEST])
