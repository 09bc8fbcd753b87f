"""The parts of the set that plays: songs, scenes, loops, glides, files, undo, changes that wait."""

from __future__ import annotations

from dataclasses import dataclass

from perform.core.frame_time import FrameTime
from perform.stage.deck_files import DeckFiles
from perform.stage.glides import ParameterGlides
from perform.stage.loops import Loops
from perform.stage.quantise import Quantise
from perform.stage.rack import Rack
from perform.stage.scenes import Scenes
from perform.stage.songs import Songs
from perform.stage.undo import UndoHistory


@dataclass(frozen=True, slots=True)
class SetParts:
    """Each part keeps its own state. `Show` advances them, and the commands about the set work on them."""

    rack: Rack
    songs: Songs
    scenes: Scenes
    loops: Loops
    glides: ParameterGlides
    files: DeckFiles
    history: UndoHistory
    quantise: Quantise

    @classmethod
    def on(cls, rack: Rack) -> SetParts:
        """The parts of a set that plays on a rack."""
        glides, files = ParameterGlides(rack.table), DeckFiles(rack)
        return cls(
            rack=rack,
            songs=Songs(rack, glides, files),
            scenes=Scenes(rack.table, glides),
            loops=Loops(rack.table, FrameTime(rack.arena).beat_at),
            glides=glides,
            files=files,
            history=UndoHistory(rack.table),
            quantise=Quantise(rack.arena),
        )
