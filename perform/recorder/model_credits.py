"""Credits of a take's models, which their licences require; hosts report them in their event logs."""

from __future__ import annotations

import json

from perform.core.event_log import ALL_VALUES, FIRST_VALUES, RECORD_HEADER, unpack_values
from perform.core.printable import printable

LONGEST = 2000  #: characters of a line


class ModelCredits:
    """[disk] Collects a line for each model from records of event logs."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}

    def collect(self, records: bytes) -> None:
        """Read whole records. Only those with all values name the model, one in five seconds."""
        at = 0
        while at + RECORD_HEADER.size <= len(records):
            length, kind, _, _ = RECORD_HEADER.unpack_from(records, at)
            at += RECORD_HEADER.size
            if kind in (FIRST_VALUES, ALL_VALUES):
                self._read(records[at : at + length])
            at += length

    def _read(self, payload: bytes) -> None:
        if b'"credit"' not in payload:
            return
        try:
            credit = json.loads(unpack_values(payload)[2])["credit"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return  # damaged; the take does not depend on it
        if isinstance(credit, str) and credit:
            self._lines[printable(credit)[:LONGEST]] = None

    def text(self) -> str:
        """Return the lines, below a heading; "" for none."""
        return "".join(f"{line}\n" for line in ("Models:", *self._lines)) if self._lines else ""
