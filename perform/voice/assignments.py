"""What a host's process knows of all decks: whose latents can become its own, and which file a deck plays."""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

from perform.core.errors import PerformError
from perform.core.messages import DeckAssignment, FileAssignment
from perform.engine.file_latents import FileLatents
from perform.engine.file_reader import FileReader, LocalFileReader
from perform.engine.protocol import PlayableModel, StreamingEncoder
from perform.library import matrices
from perform.library.cards import Card
from perform.library.matrices import LatentMatrix


def _nobody(file: int, part: float, seconds: float) -> None:
    """Nobody waits for a file."""


class Assignments:
    """What `tell` was told last; read by the voices.

    say : takes what is wrong, a line;  reader : by default this process reads its files
      wait : files are read at once, not meanwhile
    heard : is told, now and then, which file has been encoded up to what part (0..1), and in how many seconds
    """

    def __init__(
        self,
        host: PlayableModel,
        say: Callable[[str], None],
        reader: FileReader | None = None,
        *,
        wait: bool = False,
        heard: Callable[[int, float, float], None] = _nobody,
    ) -> None:
        self._host, self._say, self._wait, self._heard = host, say, wait, heard
        self._reader: FileReader = reader or LocalFileReader()
        self._wrong, self._said = "", set[str]()
        self._cards: dict[int, Card] = {}
        self._matrices: dict[tuple[int, int], LatentMatrix] = {}  # (who is followed, who follows)
        self.recordings: dict[int, FileLatents] = {}  #: by the stage's numbers: files as they are encoded

    def tell(
        self, seats: dict[int, DeckAssignment], mine: set[int], files: dict[int, FileAssignment]
    ) -> None:
        """[disk] How the decks are now, which of them this host plays: read what is new, drop the rest.

        files : all that its voices play or will, by the number that a lane calls them by. Each is encoded by
                a thread of its own, from an encoder of its own
        """
        cards: dict[int, Card] = {}
        for deck, seat in seats.items():
            if seat.model:
                try:
                    cards[deck] = self._reader.card(Path(seat.model))
                except PerformError:  # gone since it was loaded: nobody can follow it
                    continue
        found: dict[tuple[int, int], LatentMatrix] = {}
        for deck in sorted(mine):
            for other, card in cards.items():
                found[other, deck] = self._matrix(card, seats[other], seats[deck])
            self._check(deck, seats, [found[other, deck] for other in cards if other != deck])
        self._cards, self._matrices = cards, found
        self._keep(files, busy=bool(mine))

    def _matrix(self, card: Card, leader: DeckAssignment, follower: DeckAssignment) -> LatentMatrix:
        if follower.matrix:
            try:
                return self._reader.matrix(Path(follower.matrix), leader.sha256, self._host.sha256)
            except PerformError as error:  # for another leader, perhaps
                self._wrong = str(error)
        return matrices.by_variance(card, leader.sha256, self._host.card, self._host.sha256)

    def _check(self, deck: int, seats: dict[int, DeckAssignment], found: list[LatentMatrix]) -> None:
        """Say once where a matrix is for none of the decks there are."""
        wanted = seats[deck].matrix
        known = all(seat.sha256 for seat in seats.values() if seat.model)
        if wanted and known and found and all(math.isnan(matrix.fit) for matrix in found):
            if wanted not in self._said:
                self._say(f"deck {deck}: {self._wrong}; going by variance")
            self._said.add(wanted)

    def _keep(self, files: dict[int, FileAssignment], *, busy: bool) -> None:
        """Read files, and let go of what is not among them.

        busy : it plays. A thread that takes only what nobody else wants would hold up the one that renders,
               as both take turns at the interpreter: it is patient only where nothing is heard yet
        """
        for number in self.recordings.keys() - files:
            self.recordings.pop(number).cancel()
        for number, file in files.items():
            if known := self.recordings.get(number):
                if busy or not file.coming:
                    known.raise_priority()
            else:
                recording = self.recordings[number] = self._reader.recording(Path(file.path))
                read = functools.partial(self._read, number, file, recording)
                if self._wait:
                    read(at_idle_priority=False)
                else:
                    options = {"at_idle_priority": file.coming and not busy}
                    threading.Thread(target=read, kwargs=options, daemon=True).start()

    def _read(
        self, number: int, file: FileAssignment, recording: FileLatents, *, at_idle_priority: bool
    ) -> None:
        """[disk] All of a file, with an encoder of this thread's own."""
        try:
            encoder = self._own_encoder()
        except (PerformError, OSError) as error:  # the model's file may be gone since it was loaded
            self._say(f"deck {file.deck}: {error}")
            self._heard(number, 1.0, 0.0)
            return
        began = time.monotonic()

        def tell(part: float) -> None:
            self._heard(number, part, time.monotonic() - began)

        recording.read(encoder, at_idle_priority=at_idle_priority, on_progress=tell)
        if recording.error:
            self._say(f"deck {file.deck}: {recording.error}")

    def _own_encoder(self) -> StreamingEncoder:
        if self._host.encoder is None:
            raise PerformError(f"{self._host.card.name} has no encoder, so it plays no files")
        return self._host.encoder.for_another_thread()

    def matrix(self, leader: int, follower: int) -> LatentMatrix | None:
        """[render] What makes the latents of one deck those of another; None where nothing plays there."""
        return self._matrices.get((leader, follower))

    def card(self, deck: int) -> Card | None:
        """[render] Of what plays on a deck."""
        return self._cards.get(deck)

    def frame_s(self, deck: int) -> float:
        """[render] Seconds of a frame of what plays on a deck."""
        card = self._cards[deck]
        return card.ratio / card.sample_rate
