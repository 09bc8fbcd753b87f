"""One action with its keys, its name and its description."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class KeyCommand:
    """One action: its keys, as Textual names them and as the help shows them; its id; its description."""

    group: str
    keys: str
    shown: str
    action: str
    id: str
    description: str

    def binding(self) -> Binding:
        """The binding for Textual."""
        return Binding(self.keys, self.action, self.description, show=False, id=self.id)
