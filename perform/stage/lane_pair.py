"""A deck's two lanes: a new voice can fade in over the old one. Both know the song's texts and sound file."""

from __future__ import annotations

from collections.abc import Iterator

from perform.core.arena import Arena
from perform.core.arena_layout import NOW, lanes_of
from perform.core.attributes import Texts
from perform.stage.deck_lane import DeckLane, LanePhase
from perform.stage.model_host import HostProcess


class LanePair:
    """The two lanes of one deck.

    texts : of the attributes;  file : number of the sound file of the source "file", 0 for none.
            Both belong to the song that plays: voices that read the present values have them.
    """

    def __init__(self, arena: Arena, deck: int) -> None:
        self._lanes = [DeckLane(arena, index, deck) for index in lanes_of(deck)]
        self.texts: Texts = {}
        self.file = 0

    def __iter__(self) -> Iterator[DeckLane]:
        return iter(self._lanes)

    @property
    def free(self) -> DeckLane | None:
        """The first lane that no voice uses."""
        return next((lane for lane in self._lanes if lane.phase is LanePhase.FREE), None)

    @property
    def hosts(self) -> list[HostProcess]:
        """The hosts of the lanes in use."""
        return [lane.host for lane in self._lanes if lane.host]

    def fill(self, lane: DeckLane, host: HostProcess) -> None:
        """Start a voice on a free lane that renders ahead with the present values, texts and file."""
        lane.fill(host, NOW, self.texts, self.file)

    def set_texts(self, texts: Texts) -> None:
        """Replace the texts of the attributes."""
        if texts != self.texts:
            self.texts = texts
            for lane in self._present:
                lane.set_texts(texts)

    def set_file(self, file: int) -> None:
        """Replace the sound file of the source "file"."""
        self.file = file
        for lane in self._present:
            lane.set_file(file)

    @property
    def _present(self) -> list[DeckLane]:
        """The lanes whose voices read the present values: not the armed song's, not those that fade out."""
        return [lane for lane in self._lanes if lane.mode == NOW]

    def tick(self) -> None:
        """[main, about every 15 ms] Advance both lanes."""
        for lane in self._lanes:
            lane.tick()
