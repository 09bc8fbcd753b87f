"""The notes that keys and fingers play on decks with several voices.

A key takes the note that was released longest ago. If all of them sound, it takes one that only the pedal
holds, else the one that began first. The deck's notes are parameters; this module remembers which key plays
which note.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

from perform.control.control_names import ControlId
from perform.control.control_values import ControlEvent
from perform.core import params
from perform.core.params import DECKS, SLOTS, Table

SUSTAIN_CC = 64

#: slots of the parameters that keys play as chords, if their deck has several voices -> deck
_DECK_OF = {
    SLOTS[f"deck/{deck}/{name}"]: deck
    for deck in range(1, DECKS + 1)
    for name in ("voices", "tune", "z/0/bias")
}
_VOICES = [SLOTS[f"deck/{deck}/voices"] for deck in range(1, DECKS + 1)]
_GATES = [params.note_slots(deck, "gate") for deck in range(1, DECKS + 1)]
_PITCHES = [params.note_slots(deck, "pitch") for deck in range(1, DECKS + 1)]


class PlayedNote(NamedTuple):
    """A note that a key plays.

    source : the key
    member : its MPE channel; 0 for a key of an ordinary keyboard
    pitch  : semitones, without bend
    began  : a number that grows with each note
    held   : False: the key is up, and the pedal holds the note
    """

    port: str
    source: ControlId
    member: int
    pitch: float
    began: int
    held: bool = True


class PlayedNotes:
    """[control] The notes of all decks.

    hardware : marks the gates that keys hold, so that a new process releases those of one that died
    """

    def __init__(self, table: Table, hardware: Table) -> None:
        self._table, self._hardware = table, hardware
        self._playing: dict[tuple[int, int], PlayedNote] = {}  # by deck and number of the note, from 0
        self._released: dict[tuple[int, int], int] = {}  # when each note was released
        self._pedals: set[tuple[str, int]] = set()  # port and channel of those that are down
        self._alone: dict[int, float] = {}  # slot -> the pitch that a key has left there
        self._count = itertools.count(1)
        for gates in _GATES:
            table[gates][hardware[gates] == 1.0] = 0.0
            hardware[gates] = math.nan

    def remember(self, slot: int, *, again: bool = False) -> None:
        """Remember the pitch that a key has set on a deck with one voice; the deck's next chord undoes it.

        again : only if a key had set it before
        """
        if slot in (self._alone if again else _DECK_OF):
            self._alone[slot] = float(self._table[slot])

    def deck(self, slot: int) -> int:
        """Return the deck whose notes keys play instead of the parameter at a slot; 0: none."""
        deck = _DECK_OF.get(slot, 0)
        return deck if deck and self._table[_VOICES[deck - 1]] > 1 else 0

    def press(self, port: str, event: ControlEvent, deck: int, semitones: float) -> int:
        """Play a key's note on a deck; return the slot of its pitch."""
        self.release(port, event.source)  # a second note-on without a note-off
        for slot in [slot for slot in self._alone if _DECK_OF[slot] == deck]:
            if self._alone.pop(slot) == self._table[slot]:
                self._table[slot] = 0.0
        number = self._choose(deck)
        note = PlayedNote(port, event.source, event.member, semitones, next(self._count))
        self._playing[deck, number] = note
        slot = self._write_pitch(deck, number, semitones + event.bend)
        gate = _GATES[deck - 1].start + number
        self._table[gate] = self._hardware[gate] = 1.0
        return slot

    def _choose(self, deck: int) -> int:
        """The note that the next key takes."""
        voices, gates = int(self._table[_VOICES[deck - 1]]), self._table[_GATES[deck - 1]]
        silent = [number for number in range(voices) if not gates[number]]
        if silent:
            return min(silent, key=lambda number: self._released.get((deck, number), 0))

        def age(number: int) -> tuple[bool, int]:
            note = self._playing.get((deck, number))
            return (note.held, note.began) if note else (False, 0)

        return min(range(voices), key=age)

    def release(self, port: str, source: ControlId) -> int:
        """Release a key; return the slot of the last gate that it held, -1 for none."""
        slot = -1
        for place, note in list(self._playing.items()):
            if (note.port, note.source) == (port, source) and note.held:
                slot = _GATES[place[0] - 1].start + place[1]
                if self._has_pedal(note):
                    self._playing[place] = note._replace(held=False)
                else:
                    self._end(place)
        return slot

    def pedal(self, port: str, channel: int, *, down: bool) -> None:
        """Press or release a sustain pedal; released, it ends the notes that only it holds."""
        if down:
            self._pedals.add((port, channel))
            return
        self._pedals.discard((port, channel))
        for place, note in list(self._playing.items()):
            if not note.held and not self._has_pedal(note):
                self._end(place)

    def _has_pedal(self, note: PlayedNote) -> bool:
        """Whether a pedal holds a note: one of its channel; for a finger, any of its port."""
        if note.member:
            return any(port == note.port for port, _ in self._pedals)
        return (note.port, note.source.channel) in self._pedals

    def finger(self, port: str, member: int) -> int:
        """Return the slot of the voices of which the finger of an MPE channel plays one, -1 for none."""
        for (deck, _), note in self._playing.items():
            if note.port == port and note.member == member and note.held:
                return _VOICES[deck - 1]
        return -1

    def bend(self, port: str, member: int, semitones: float) -> int:
        """Bend the notes that a finger holds; return the slot of the last one's pitch, -1 for none."""
        slot = -1
        for (deck, number), note in self._playing.items():
            if note.port == port and note.member == member and note.held:
                slot = self._write_pitch(deck, number, note.pitch + semitones)
        return slot

    def disconnect(self, port: str) -> None:
        """End the notes of a port that is gone."""
        self._pedals = {pedal for pedal in self._pedals if pedal[0] != port}
        for place in [place for place, note in self._playing.items() if note.port == port]:
            self._end(place)

    def panic(self) -> None:
        """End all notes, also those that a song or a scene plays."""
        self._playing.clear()
        self._pedals.clear()
        for gates in _GATES:
            self._table[gates], self._hardware[gates] = 0.0, math.nan

    def mark(self) -> None:
        """Mark the gates that keys hold in `hardware` again, after it was cleared."""
        for deck, number in self._playing:
            self._hardware[_GATES[deck - 1].start + number] = 1.0

    def _end(self, place: tuple[int, int]) -> None:
        gate = _GATES[place[0] - 1].start + place[1]
        del self._playing[place]
        self._released[place] = next(self._count)
        self._table[gate], self._hardware[gate] = 0.0, math.nan

    def _write_pitch(self, deck: int, number: int, semitones: float) -> int:
        slot: int = _PITCHES[deck - 1].start + number
        self._table[slot] = params.SPEC_AT[slot].clamp(semitones)
        return slot
