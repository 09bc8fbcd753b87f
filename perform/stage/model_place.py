"""A place for a model: what a deck and an insert have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from perform.core.arena import Arena
from perform.core.attributes import Attribute, Texts
from perform.stage.hang_watch import HangWatch
from perform.stage.host_pool import HostPool
from perform.stage.model_host import HostProcess
from perform.stage.refused_attributes import RefusedAttributes


class ModelPlace(ABC):
    """A deck or an insert. `tick` advances it; no method blocks.

    moved : slots that it has written itself; the reader empties it
    error : why its model does not play, one line
    """

    def __init__(
        self, place: str, bank: slice, arena: Arena, hosts: HostPool, log: Callable[[str], None]
    ) -> None:
        """Make an empty one; place: its name in the log; bank: slots of its attributes and actions."""
        self._place, self._bank = place, bank
        self._arena, self._hosts, self._log = arena, hosts, log
        self._watch = HangWatch()
        self.moved: set[int] = set()
        self._refused = RefusedAttributes(place, bank, arena, self.moved, log)
        self.error = ""
        self._failed_path: Path | None = None  # the model that failed, where nothing plays

    @property
    @abstractmethod
    def _host(self) -> HostProcess | None:
        """The host of the model that loads, else of the one that plays."""

    @property
    def model(self) -> Path | None:
        """The file of the model that loads, else of the one that plays."""
        return self._host.model.path if self._host else None

    @property
    def assigned(self) -> Path | None:
        """`model`, or the model that failed: what a song or an autosave stores."""
        return self.model or self._failed_path

    @property
    def sha256(self) -> str:
        """Hash of the model's file; "" until it is known."""
        return self._host.sha256 if self._host else ""

    def attribute(self, number: int) -> Attribute | None:
        """An attribute of the model, counted from 1."""
        attributes = self._host.attributes if self._host else ()
        return attributes[number - 1] if 1 <= number <= len(attributes) else None

    @property
    @abstractmethod
    def settled(self) -> bool:
        """No model is loading."""

    @property
    @abstractmethod
    def wanted(self) -> set[Path]:
        """The models that play, load or are prepared here."""

    @abstractmethod
    def load_file(self, path: Path) -> None:
        """Load a model file, which begins with the values in the table."""

    @abstractmethod
    def fail(self, error: str, path: Path | None = None) -> None:
        """A model (of the file `path`, where it is known) cannot play; one that plays goes on."""

    @abstractmethod
    def set_texts(self, texts: Texts) -> None:
        """Set the texts of the attributes to those of the song that plays."""

    @abstractmethod
    def prepare(self, path: Path | None, error: str = "", texts: Texts | None = None) -> None:
        """Prepare the armed song's model.

        path  : None: there will be none;  error : why, where the song names one
        texts : of its attributes
        """

    @abstractmethod
    def tick(self) -> None:
        """[main, about every 15 ms] Advance the model that loads; replace a crashed host."""
