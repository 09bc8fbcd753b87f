"""The mapping in use: which file it is, what learning does to it, and where that is kept.

Bundled mappings are never written: the first thing learnt makes a copy in the player's own folder. This
module knows files; no port, no table and no process.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from perform.control import mapping
from perform.control.mapping import Binding, Mapping, Mode, chosen
from perform.control.router import ControlId
from perform.core.errors import PerformError, WrongUse
from perform.library import places

FALLBACK = "generic"  #: the mapping where no controller we know is connected


class ActiveMapping:
    """[main] The mapping in use and the learning of it.

    now     : the mapping
    path    : its file
    changed : something learnt could not be written yet; it is tried again with the next change
    address : what waits for a control, "" when nothing does
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
        path = mapping.find(name)
        self.now, self.path, self.changed = mapping.load(path), path, False

    def suit(self, ports: Sequence[str]) -> list[str]:
        """[disk] Take the first mapping made for one of these ports, else `generic`.

        The player's own files go before the bundled ones; one that cannot be read is passed over. Returns
        why, a line each.
        """
        readable, complaints = [], []
        for path in (*mapping.available().values(), mapping.bundled() / f"{FALLBACK}.toml"):
            try:
                readable.append((mapping.load(path), path))
            except WrongUse as error:
                complaints.append(str(error))
        made = [it for it in readable if it[0].ports and chosen(ports, it[0].ports)]
        fallback = [it for it in readable if it[1].stem == FALLBACK]
        self.now, self.path = (made + fallback + [(self.now, self.path)])[0]
        return complaints

    def learn(self, address: str, reach: tuple[float, float] | None = None) -> None:
        """Wait for a control to move; "" ends learning. reach: what it moves through, else all there is."""
        if address:
            Binding(control="cc 1", to=address, range=reach)  # WrongUse where there is no such address
        else:
            self._fresh.clear()
        self.address, self._reach = address, reach

    def moved(self, port: str, source: ControlId, known: Sequence[str]) -> Binding | None:
        """A control moved while learning: bind it; None where it is bound already or cannot move it.

        known : all ports there are or were, of which it is one
        The address forgets its other controls. The control forgets what it moved before this learning
        began; addresses taught to it since then add up.
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
        except WrongUse:  # pitch bend fires no action
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
        """Forget every control of an address."""
        kept = tuple(bind for bind in self.now.binds if bind.to != address)
        if len(kept) == len(self.now.binds):
            raise WrongUse(f"no control is mapped to {address!r}")
        self.now, self.changed = msgspec.structs.replace(self.now, binds=kept), True

    def keep(self) -> None:
        """[disk] Write what was learnt: in place, or as a new file of the player's where it is bundled."""
        if not self.changed:
            return
        path = self.path
        if path.resolve().is_relative_to(mapping.bundled().resolve()):
            path = _free(path.stem)
        self._write(self.now, path)

    def save(self, name: str, path: str = "") -> None:
        """[disk] Write the mapping under a name, by default into the player's own folder, and use that file.

        Never over another mapping.
        """
        target = Path(path).expanduser() if path else places.user("controllers") / f"{name}.toml"
        if not name.strip() or name.startswith(".") or any(c in '/\\:*?"<>|' or c < " " for c in name):
            raise WrongUse(f"a mapping cannot be called {name!r}", hint="use letters, digits and spaces")
        if target.exists() and not (self.path.exists() and target.samefile(self.path)):
            raise WrongUse(
                "there is a mapping of that name already", where=str(target), hint="choose another"
            )
        self._write(msgspec.structs.replace(self.now, name=name), target)

    def _write(self, what: Mapping, path: Path) -> None:
        mapping.save(what, path, like=self.path if self.path.exists() else None)
        self.now, self.path, self.changed = what, path, False


def _free(stem: str) -> Path:
    """A file in the player's folder that does not exist yet."""
    folder = places.user("controllers")
    for name in (stem, *(f"{stem}-{n}" for n in range(2, 100))):
        if not (folder / f"{name}.toml").exists():
            return folder / f"{name}.toml"
    raise PerformError("too many copies of one mapping", where=str(folder), hint="remove some")
