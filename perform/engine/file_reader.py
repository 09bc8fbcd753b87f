"""Reads the files that a host process needs besides its model: cards, matrices, sound files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np

from perform.engine.file_latents import FileLatents
from perform.engine.protocol import BufferSound
from perform.library import matrices
from perform.library.cards import Card, read_card
from perform.library.deck_file_names import find_deck_file
from perform.library.matrices import LatentMatrix
from perform.library.sound_files import read_all

MAX_SOUND = 1 << 24  #: values of a sound for a buffer: two minutes and more of stereo at 48 kHz


class FileReader(Protocol):
    """[disk] Files by their paths. PerformError: a file is missing, damaged or of another kind."""

    def card(self, path: Path) -> Card:
        """Read a model's card."""
        ...

    def matrix(self, path: Path, encoder_sha256: str, decoder_sha256: str) -> LatentMatrix:
        """Read the matrix between two models, named by the SHA-256 of their files."""
        ...

    def recording(self, path: Path) -> FileLatents:
        """Return a sound file to encode; its `read` does the work."""
        ...

    def sound(self, name: str) -> BufferSound:
        """Read a sound file for a buffer of a module, by its name in a song."""
        ...


class LocalFileReader:
    """[disk] Reads files in this process."""

    def card(self, path: Path) -> Card:
        """See `FileReader`."""
        return read_card(path)

    def matrix(self, path: Path, encoder_sha256: str, decoder_sha256: str) -> LatentMatrix:
        """See `FileReader`."""
        return matrices.load(path, encoder_sha256, decoder_sha256)

    def recording(self, path: Path) -> FileLatents:
        """See `FileReader`."""
        return FileLatents(path)

    def sound(self, name: str) -> BufferSound:
        """See `FileReader`."""
        samples, rate = read_all(find_deck_file(name), MAX_SOUND)
        values = np.ascontiguousarray(samples.T)
        return BufferSound(values, rate, hashlib.sha256(values.tobytes()).hexdigest())
