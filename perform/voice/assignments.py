"""What each deck plays: models, the matrices between them, files. The stage sends it to all hosts.

And the sounds in the buffers of a third-party module, which a song names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from perform.core.attributes import Texts, buffer_texts
from perform.core.errors import PerformError
from perform.core.messages.host_messages import DeckAssignment, FileAssignment
from perform.engine.file_reader import FileReader, LocalFileReader
from perform.engine.protocol import BufferSound, PlayableModel
from perform.library import matrices
from perform.library.cards import Card
from perform.library.matrices import LatentMatrix
from perform.voice.file_encoding import FileEncoding, ignore_progress


class Assignments:
    """The decks' models, matrices and files, for the voices of one model.

    log         : takes a line for the stage's log
    reader      : reads the files; by default this process does
    wait        : encode files during `update`, not in threads
    on_progress : called with a file's number, its encoded part (0..1), and the seconds so far
    """

    def __init__(
        self,
        model: PlayableModel,
        log: Callable[[str], None],
        reader: FileReader | None = None,
        *,
        wait: bool = False,
        on_progress: Callable[[int, float, float], None] = ignore_progress,
    ) -> None:
        self._model, self._log = model, log
        self._reader: FileReader = reader or LocalFileReader()
        self._error, self._logged = "", set[str]()
        self._cards: dict[int, Card] = {}
        self._matrices: dict[tuple[int, int], LatentMatrix] = {}  # by (leader, follower)
        self.sounds: dict[str, BufferSound] = {}  #: by their names in the song
        self.files = FileEncoding(model, self._reader, log, wait=wait, on_progress=on_progress)

    def update(
        self, decks: dict[int, DeckAssignment], mine: set[int], files: dict[int, FileAssignment]
    ) -> None:
        """[disk] Read cards, matrices and files that are new, and drop those that are no longer used.

        mine  : the decks that play this model
        files : the files that its voices play now or in the next song; a lane's row has the file's number
        """
        cards: dict[int, Card] = {}
        for deck, assignment in decks.items():
            if assignment.model:
                try:
                    cards[deck] = self._reader.card(Path(assignment.model))
                except PerformError:  # its file was moved since it was loaded: no deck can follow it
                    continue
        found: dict[tuple[int, int], LatentMatrix] = {}
        for deck in sorted(mine):
            for leader, card in cards.items():
                found[leader, deck] = self._read_matrix(card, decks[leader], decks[deck])
            self._check(deck, decks, [found[leader, deck] for leader in cards if leader != deck])
        self._cards, self._matrices = cards, found
        self.files.update(files, playing=bool(mine))

    def _read_matrix(self, card: Card, leader: DeckAssignment, follower: DeckAssignment) -> LatentMatrix:
        if follower.matrix:
            try:
                return self._reader.matrix(Path(follower.matrix), leader.sha256, self._model.sha256)
            except PerformError as error:  # it may be meant for another leader
                self._error = str(error)
        return matrices.by_variance(card, leader.sha256, self._model.card, self._model.sha256)

    def _check(self, deck: int, decks: dict[int, DeckAssignment], found: list[LatentMatrix]) -> None:
        """Log once if a deck's matrix fits none of the other decks."""
        wanted = decks[deck].matrix
        known = all(assignment.sha256 for assignment in decks.values() if assignment.model)
        if wanted and known and found and all(math.isnan(matrix.fit) for matrix in found):
            if wanted not in self._logged:
                self._log(f"deck {deck}: {self._error}; latents are matched by variance instead")
            self._logged.add(wanted)

    def read_sounds(self, texts: Texts) -> None:
        """[disk] Read the sound files that a song's texts name for the buffers of the model."""
        for text in buffer_texts(self._model.attributes, texts):
            if text not in self.sounds:
                try:
                    self.sounds[text] = self._reader.sound(text)
                except PerformError as error:
                    self._log(f"{self._model.card.name}: {error}")

    def matrix(self, leader: int, follower: int) -> LatentMatrix | None:
        """[render] The matrix from a leader to a follower; None if the leader plays nothing."""
        return self._matrices.get((leader, follower))

    def card(self, deck: int) -> Card | None:
        """[render] The card of the model on a deck."""
        return self._cards.get(deck)

    def frame_s(self, deck: int) -> float:
        """[render] Length of a frame of the model on a deck, seconds."""
        card = self._cards[deck]
        return card.ratio / card.sample_rate
