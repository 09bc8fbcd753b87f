"""The errors that a user reads: what went wrong, where, and what to try."""

from __future__ import annotations

from perform.core.printable import printable

LONGEST = 1000  #: characters of what went wrong, or of the hint: they may quote a text of a file


class PerformError(Exception):
    """Something could not be done. `str()` is one line for the user, however long the texts that it quotes.

    what  : what went wrong ("no model named 'choirr'")
    where : the file, line, key, port or device concerned
    hint  : what to try next
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.hint = what, where, hint

    def __str__(self) -> str:
        what, hint = (f"{it[:LONGEST]}…" if len(it) > LONGEST else it for it in (self.what, self.hint))
        line = f"{self.where}: {what}" if self.where else what
        line = f"{line}; {hint}" if hint else line
        return " ".join(printable(line).split())


class WrongUse(PerformError):
    """The request itself is wrong: a path, a name, a key, a file of the wrong kind."""

    exit_code = 2
