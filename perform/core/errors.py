"""The errors that a user reads: what went wrong, where, and what to try."""

from __future__ import annotations

from perform.core.printable import printable


class PerformError(Exception):
    """Something could not be done. `str()` is one line for the user.

    what  : what went wrong ("no model named 'choirr'")
    where : the file, line, key, port or device concerned
    hint  : what to try next
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what, self.where, self.hint = what, where, hint

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        line = f"{line}; {self.hint}" if self.hint else line
        return " ".join(printable(line).split())


class WrongUse(PerformError):
    """The request itself is wrong: a path, a name, a key, a file of the wrong kind."""

    exit_code = 2
