"""Keeps the beat line: it follows the parameter `tempo`, and each song begins at beat 0."""

from __future__ import annotations

from perform.core.arena import Arena
from perform.core.params import slot

_TEMPO = slot("tempo")


class BeatKeeper:
    """The one writer of an arena's beat line."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self.begin_song()

    def begin_song(self) -> None:
        """[main] Beat 0 is now: the song's LFOs and loops begin together."""
        line = self._arena.beat_line
        self._arena.write_beat_line(line.through(self._arena.history.written, 0.0, self._tempo))

    def tick(self) -> None:
        """[main, about every 15 ms] Go on in the new tempo if it has changed."""
        line = self._arena.beat_line
        if line.bpm != self._tempo:
            self._arena.write_beat_line(line.at_tempo(self._tempo, self._arena.history.written))

    @property
    def _tempo(self) -> float:
        return float(self._arena.table[_TEMPO])
