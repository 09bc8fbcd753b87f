"""What a host's process knows of all decks: whose latents can become its own, and which file a deck plays."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from perform.errors import PerformError
from perform.hosts.host import Host
from perform.hosts.reading import Here, Reader
from perform.hosts.recording import Recording
from perform.library import matrices
from perform.library.cards import Card
from perform.library.matrices import Matrix


class Seat(msgspec.Struct, frozen=True):
    """One deck, as the stage tells it: files by their paths, "" for none.

    model, sha256 : what plays there;  file : for its source of that name
    matrix : from whom it follows to its own model; "" for the one by variance
    """

    model: str = ""
    sha256: str = ""
    file: str = ""
    matrix: str = ""


class Desk:
    """What `tell` was told last; read by the voices.

    say : takes what is wrong, a line;  wait : files are read at once, not meanwhile
    """

    def __init__(self, host: Host, say: Callable[[str], None], *, wait: bool = False) -> None:
        self._host, self._say, self._wait = host, say, wait
        self._reader: Reader = host.reader or Here()
        self._wrong, self._said = "", set[str]()
        self._cards: dict[int, Card] = {}
        self._matrices: dict[tuple[int, int], Matrix] = {}  # (who is followed, who follows)
        self.recordings: dict[int, Recording] = {}  #: deck -> what its file is, as it is encoded

    def tell(self, seats: dict[int, Seat], mine: set[int]) -> None:
        """[disk] How the decks are now, and which of them this host plays: read what is new.

        A file is encoded by a thread of its own, from an encoder of its own.
        """
        cards: dict[int, Card] = {}
        for deck, seat in seats.items():
            if seat.model:
                try:
                    cards[deck] = self._reader.card(Path(seat.model))
                except PerformError:  # gone since it was loaded: nobody can follow it
                    continue
        found: dict[tuple[int, int], Matrix] = {}
        for deck in sorted(mine):
            for other, card in cards.items():
                found[other, deck] = self._matrix(card, seats[other], seats[deck])
            self._check(deck, seats, [found[other, deck] for other in cards if other != deck])
            self._play(deck, seats[deck].file)
        self._cards, self._matrices = cards, found

    def _matrix(self, card: Card, leader: Seat, follower: Seat) -> Matrix:
        if follower.matrix:
            try:
                return self._reader.matrix(Path(follower.matrix), leader.sha256, self._host.sha256)
            except PerformError as error:  # for another leader, perhaps
                self._wrong = str(error)
        return matrices.by_variance(card, leader.sha256, self._host.card, self._host.sha256)

    def _check(self, deck: int, seats: dict[int, Seat], found: list[Matrix]) -> None:
        """Say once where a matrix is for none of the decks there are."""
        wanted = seats[deck].matrix
        known = all(seat.sha256 for seat in seats.values() if seat.model)
        if wanted and known and found and all(math.isnan(matrix.fit) for matrix in found):
            if wanted not in self._said:
                self._say(f"deck {deck}: {self._wrong}; going by variance")
            self._said.add(wanted)

    def _play(self, deck: int, file: str) -> None:
        playing = self.recordings.get(deck)
        if not file:
            self.recordings.pop(deck, None)
        elif (playing is None or str(playing.path) != file) and (encoder := self._host.encoder):
            recording = self._reader.recording(Path(file), encoder)
            self.recordings[deck] = recording
            if self._wait:
                self._read(deck, recording)
            else:
                work = threading.Thread(target=self._read, args=(deck, recording), daemon=True)
                work.start()

    def _read(self, deck: int, recording: Recording) -> None:
        recording.read()
        if recording.error:
            self._say(f"deck {deck}: {recording.error}")

    def matrix(self, leader: int, follower: int) -> Matrix | None:
        """[render] What makes the latents of one deck those of another; None where nothing plays there."""
        return self._matrices.get((leader, follower))

    def frame_s(self, deck: int) -> float:
        """[render] Seconds of a frame of what plays on a deck."""
        card = self._cards[deck]
        return card.ratio / card.sample_rate
