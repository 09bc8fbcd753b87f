"""Attributes that are text: the song has a list of texts for each, and the parameter is an index into it."""

from __future__ import annotations

from perform.core import params
from perform.core.attributes import Attribute, names_a_sound
from perform.core.errors import WrongUse
from perform.library.deck_file_names import deck_file_name, find_deck_file
from perform.stage.command_table import CommandTable
from perform.stage.commands import SetText
from perform.stage.editing import Editing
from perform.stage.set_parts import SetParts


class AttributeTexts:
    """Sets attributes to texts. A new text joins the song's list, which the player can undo."""

    def __init__(self, parts: SetParts, editing: Editing) -> None:
        self._rack, self._songs, self._editing = parts.rack, parts.songs, editing

    def register(self, table: CommandTable) -> None:
        """Register the command."""
        table.on(SetText, self._set_text)

    def _set_text(self, command: SetText) -> None:
        address, text = command.address, command.text
        slot = params.slot(address)
        text = self._checked(address, text)
        command = SetText(address, text)
        if text not in self._songs.list.song.texts.get(address, []):
            self._editing.add_text(command)
        self._rack.table[slot] = self._songs.list.song.texts[address].index(text)

    def knob_range(self, address: str) -> tuple[float, float] | None:
        """The range of an attribute for a knob; None for a parameter that has a range itself."""
        attribute = self._attribute(address)
        if attribute is None:
            return None
        spec = attribute.spec(self._songs.list.song.texts.get(address, ()))
        return spec.low, spec.high

    def _checked(self, address: str, text: str) -> str:
        """Return a text as the song names it; WrongUse where it fits no attribute, or names no sound file."""
        attribute = self._attribute(address)
        if attribute is None:
            raise WrongUse(
                f"{address} is not an attribute of a module that plays",
                hint="the screen lists the attributes of a deck's model and its insert",
            )
        if not attribute.is_text:
            raise WrongUse(f"{address} ({attribute.name}) is a number", hint="set it like any parameter")
        if attribute.kind == "buffer" and names_a_sound(text):
            return deck_file_name(find_deck_file(text))
        return text

    def _attribute(self, address: str) -> Attribute | None:
        """The attribute at an address, of the model that plays there."""
        match address.split("/"):
            case ["deck", deck, "attribute", number]:
                return self._rack.decks[int(deck)].attribute(int(number))
            case ["deck", deck, "insert", "attribute", number]:
                return self._rack.inserts[int(deck)].attribute(int(number))
            case ["master", "insert", "attribute", number]:
                return self._rack.inserts[0].attribute(int(number))
        return None
