"""The mapping in use: choosing it, learning binds, saving it.

Bundled mappings never change: the first learnt bind makes a copy in the player's own folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from perform.control import mapping_files
from perform.control.binding import Binding, Mode
from perform.control.mapping import Mapping, chosen
from perform.control.router import ControlId
from perform.core.errors import PerformError, WrongUse
from perform.library import places

FALLBACK = "generic"  #: the mapping if no known controller is connected


class ActiveMapping:
    """[main] The mapping in use.

    now     : the mapping
    path    : its file
    changed : a learnt bind could not be written yet; the next change tries again
    address : the parameter being learnt, or ""
    """

    def __init__(self) -> None:
        self.now = Mapping(FALLBACK)
        self.path = places.user("controllers") / f"{FALLBACK}.toml"
        self.changed = False
        self.address = ""
        self._reach: tuple[float, float] | None = None
        self._fresh: set[tuple[str, ControlId]] = set()

    def use(self, name: str) -> None:
        """[disk] Load a mapping by name or path."""
        path = mapping_files.find(name)
        self.now, self.path, self.changed = mapping_files.load(path), path, False

    def choose_for(self, ports: Sequence[str]) -> list[str]:
        """[disk] Use the first mapping made for one of these ports, else `generic`.

        The player's own files come before the bundled ones. Returns one line for each file that cannot be
        read.
        """
        readable, errors = [], []
        for path in (*mapping_files.available().values(), mapping_files.bundled() / f"{FALLBACK}.toml"):
            try:
                readable.append((mapping_files.load(path), path))
            except WrongUse as error:
                errors.append(str(error))
        made = [it for it in readable if it[0].ports and chosen(ports, it[0].ports)]
        fallback = [it for it in readable if it[1].stem == FALLBACK]
        self.now, self.path = (made + fallback + [(self.now, self.path)])[0]
        return errors

    def learn(self, address: str, reach: tuple[float, float] | None = None) -> None:
        """Wait for a control to move; "" ends learning. reach: the range to bind, or None for all of it."""
        if address:
            Binding(control="cc 1", to=address, range=reach)  # WrongUse if there is no such address
        else:
            self._fresh.clear()
        self.address, self._reach = address, reach

    def moved(self, port: str, source: ControlId, known: Sequence[str]) -> Binding | None:
        """Bind a control that moved while learning; None if it is bound already or cannot move the address.

        known : all ports seen so far, including this one
        The address drops its other controls. The control drops what it moved before this learning began, and
        keeps what it learnt since.
        """
        control = source.kind if source.kind == "bend" else f"{source.kind} {source.number}"
        toggles: Mode | None = "toggle" if self._reach == (0.0, 1.0) and source.kind == "note" else None
        try:
            learnt = Binding(
                control=control,
                to=self.address,
                channel=source.channel,
                port=port,
                range=self._reach,
                mode=toggles,
            )
        except WrongUse:  # pitch bend cannot fire an action
            return None
        first = (port, source) not in self._fresh
        kept = []
        for bind in self.now.binds:
            same = bind.control == control and bind.channel in (None, source.channel)
            same = same and self.now.listens(bind, port, known)
            if same and bind.to == self.address:
                return None
            if bind.to != self.address and not (same and first):
                kept.append(bind)
        self._fresh.add((port, source))
        self.now = msgspec.structs.replace(self.now, binds=(*kept, learnt))
        self.changed = True
        return learnt

    def unlearn(self, address: str) -> None:
        """Drop every control of an address."""
        kept = tuple(bind for bind in self.now.binds if bind.to != address)
        if len(kept) == len(self.now.binds):
            raise WrongUse(f"no control is mapped to {address!r}")
        self.now, self.changed = msgspec.structs.replace(self.now, binds=kept), True

    def keep(self) -> None:
        """[disk] Write what was learnt, in place; a bundled mapping becomes a new file of the player's."""
        if not self.changed:
            return
        path = self.path
        if path.resolve().is_relative_to(mapping_files.bundled().resolve()):
            path = _free(path.stem)
        self._write(self.now, path)

    def save(self, name: str, path: str = "") -> None:
        """[disk] Write the mapping under a name, by default into the player's own folder, and use that file.

        WrongUse if another mapping has the name.
        """
        target = Path(path).expanduser() if path else places.user("controllers") / f"{name}.toml"
        if not name.strip() or name.startswith(".") or any(c in '/\\:*?"<>|' or c < " " for c in name):
            raise WrongUse(f"a mapping cannot be called {name!r}", hint="use letters, digits and spaces")
        if target.exists() and not (self.path.exists() and target.samefile(self.path)):
            raise WrongUse("another mapping has that name", where=str(target), hint="choose another")
        self._write(msgspec.structs.replace(self.now, name=name), target)

    def _write(self, what: Mapping, path: Path) -> None:
        mapping_files.save(what, path, like=self.path if self.path.exists() else None)
        self.now, self.path, self.changed = what, path, False


def _free(stem: str) -> Path:
    """A new file name in the player's folder."""
    folder = places.user("controllers")
    for name in (stem, *(f"{stem}-{n}" for n in range(2, 100))):
        if not (folder / f"{name}.toml").exists():
            return folder / f"{name}.toml"
    raise PerformError("too many copies of one mapping", where=str(folder), hint="remove some")
