"""A deck that overload faded out: it waits until there is room, then it plays again."""

from __future__ import annotations

import time
from pathlib import Path

from perform.core.errors import PerformError
from perform.stage.deck import Deck
from perform.stage.host_pool import HostPool
from perform.stage.model_host import HostProcess

CALM_S = 2.0  #: the other decks must render in time for this long
LONGEST_CALM_S = 120.0  #: the same after many returns that brought the overload back
ROOM = 0.7  #: a frame must render unheard in this part of its duration, beside the decks that play
RETURN_FADE_S = 1.0


class ShedDeck:
    """One deck, and the model that it plays again as soon as there is room.

    calm_s : seconds for which the other decks must render in time
    """

    def __init__(self, deck: Deck, hosts: HostPool, path: Path, calm_s: float) -> None:
        self.path, self.calm_s = path, calm_s
        self._deck, self._hosts, self._error = deck, hosts, deck.error
        self._calm_since: float | None = None
        self._measured: HostProcess | None = None  # the host that times some frames now

    @property
    def waiting(self) -> bool:
        """The player has not loaded or unloaded anything on the deck."""
        deck = self._deck
        return deck.model is None and deck.assigned == self.path and deck.error == self._error

    def tick(self, *, calm: bool) -> bool:
        """[main, about every 15 ms] Whether it plays again.

        calm : all other decks render in time
        """
        now = time.monotonic()
        if not calm:
            self._calm_since = self._measured = None
        elif self._calm_since is None:
            self._calm_since = now
        elif now - self._calm_since >= self.calm_s:
            return self._has_room(now)
        return False

    def _has_room(self, now: float) -> bool:
        host = self._measured
        if host is None:
            try:
                self._measured = host = self._hosts.get(self.path)
            except PerformError as error:  # the file is gone
                self._deck.fail(str(error), self.path)
                return False
            if host.ready:
                host.measure()
        if host.error:
            self._measured, self._calm_since = None, now
            if self._hosts.crashed_too_often(self.path):
                self._deck.fail(host.error, self.path)
        if not host.ready or host.render_s is None:
            return False
        self._measured = None
        card = host.model.card
        if host.render_s > ROOM * card.ratio / card.sample_rate:
            self._calm_since = now
            return False
        self._deck.play_again(self.path, RETURN_FADE_S)
        return True
