"""Names of MIDI ports that stay the same: ALSA and others add a number to a name on each connection."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence

_BRIDGE = re.compile(r"^(a2j|Midi-Bridge|system)(-\d\d)?:")  # bridges from ALSA to JACK
_NUMBERS = re.compile(
    r" \d+$" if sys.platform == "win32" else r" \d+:\d+$| \[\d+\]| \((capture|playback)[^)]*\)"
)
_IGNORED = re.compile(r"(perform|Midi Through)\b")


class PortNames:
    """[main] Short names of the system's ports, which stay the same after reconnecting.

    The only port of a device gets the device's name. Of devices with the same name the second gets ` #2` at
    the end. It keeps this name while the first is unplugged, and gets it again in the same socket.
    The ports of perform and "Midi Through" are left out.
    """

    def __init__(self) -> None:
        self._given: dict[str, str] = {}  # the system's name -> name, also of ports that are gone

    def names(self, raw: Sequence[str]) -> dict[str, str]:
        """Map the system's names of the ports that are there to short names."""
        whole = {name: _NUMBERS.sub("", _BRIDGE.sub("", name)) for name in raw}
        whole = {name: stable for name, stable in whole.items() if not _IGNORED.match(stable)}
        ports_of = Counter(stable.partition(":")[0] for stable in set(whole.values()))
        names: dict[str, str] = {}
        for name in sorted(whole, key=lambda name: name not in self._given):  # those that had one keep it
            client = whole[name].partition(":")[0]
            label = client if ports_of[client] == 1 else whole[name]
            twins = (label, *(f"{label} #{n}" for n in range(2, len(whole) + 2)))
            before = self._given.get(name, "")
            free = [twin for twin in twins if twin not in names.values()]
            names[name] = self._given[name] = before if before in free else free[0]
        return {name: names[name] for name in whole}
