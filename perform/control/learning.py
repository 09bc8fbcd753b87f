"""The mapping in use: choosing it, learning bindings, saving it.

Bundled mappings never change: the first learnt binding makes a copy in the player's folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from perform.control import mapping_files
from perform.control.binding import Binding, Mode
from perform.control.mapping import Mapping, matching_ports
from perform.control.router import ControlId
from perform.core.errors import PerformError, WrongUse
from perform.core.paths import expanded
from perform.library import places

FALLBACK = "generic"  #: the mapping if no known controller is connected


class ActiveMapping:
    """[main] The mapping in use, and the device mappings of the ports that it leaves alone.

    mapping : the bindings and ports
    path    : the mapping's file
    changed : a learnt binding is not on disk yet; the next change tries to write it again
    address : the parameter that waits for a control, or ""
    """

    def __init__(self) -> None:
        self.mapping = Mapping(FALLBACK)
        self.path = places.user("controllers") / f"{FALLBACK}.toml"
        self.changed = False
        self.address = ""
        self._readable: list[tuple[Mapping, Path]] = []  # the player's, the bundled ones, `generic`
        self._range: tuple[float, float] | None = None
        self._learnt: set[tuple[str, ControlId]] = set()  # port and control, since learning began

    def load(self, name: str) -> None:
        """[disk] Load a mapping by name or path, and use it."""
        path = mapping_files.find(name)
        self.mapping, self.path, self.changed = mapping_files.load(path), path, False

    def read_all(self) -> list[str]:
        """[disk] Read all mapping files again; return one line for each that cannot be read."""
        self._readable, errors = [], []
        for path in (*mapping_files.available().values(), mapping_files.bundled() / f"{FALLBACK}.toml"):
            try:
                self._readable.append((mapping_files.load(path), path))
            except WrongUse as error:
                errors.append(str(error))
        return errors

    def choose_for(self, ports: Sequence[str]) -> None:
        """Use the first mapping made for one of these ports, or else `generic`.

        The player's files come before the bundled ones. The mapping in use stays while its device is there.
        """
        if self.mapping.ports and matching_ports(ports, self.mapping.ports):
            return
        matching = [it for it in self._readable if it[0].ports and matching_ports(ports, it[0].ports)]
        fallback = [it for it in self._readable if it[1].stem == FALLBACK]
        self.mapping, self.path = (matching + fallback + [(self.mapping, self.path)])[0]

    def device_mappings(self, ports: Sequence[str]) -> dict[str, Mapping]:
        """The mapping of each port that the mapping in use leaves alone: the one made for it, or `generic`.

        A mapping without ports claims every port; `generic` only those that no mapping is made for.
        """
        made: dict[str, Mapping] = {}
        for mapping, _ in self._readable:
            for port in matching_ports(ports, mapping.ports) if mapping.ports else ():
                made.setdefault(port, mapping)
        if not self.mapping.ports:
            return made if self.path.stem.startswith(FALLBACK) else {}
        for mapping, path in self._readable:
            for port in ports if path.stem == FALLBACK else ():
                made.setdefault(port, mapping)
        claimed = matching_ports(ports, self.mapping.ports)
        return {port: mapping for port, mapping in made.items() if port not in claimed}

    def learn(self, address: str, over: tuple[float, float] | None = None) -> None:
        """Wait for a control to move; "" ends learning. WrongUse for an unknown address.

        over : the range of the new binding; None for the parameter's range
        """
        if address:
            Binding(control="cc 1", to=address, range=over)  # raises WrongUse
        else:
            self._learnt.clear()
        self.address, self._range = address, over

    def bind(self, port: str, source: ControlId, known: Sequence[str]) -> Binding | None:
        """Bind a control that moved to the address being learnt; return the new binding.

        The address drops its earlier controls. The control drops the addresses that it moved before learning
        began, and keeps those that it learnt since. None if the control is bound to the address already, or
        cannot move it.

        known : all ports seen so far, including this one
        """
        control = source.kind if source.kind == "bend" else f"{source.kind} {source.number}"
        mode: Mode | None = "toggle" if self._range == (0.0, 1.0) and source.kind == "note" else None
        try:
            learnt = Binding(
                control=control,
                to=self.address,
                channel=source.channel,
                port=port,
                range=self._range,
                mode=mode,
            )
        except WrongUse:  # pitch bend cannot fire an action
            return None
        first = (port, source) not in self._learnt
        kept = []
        for binding in self.mapping.bindings:
            same = binding.control == control and binding.channel in (None, source.channel)
            same = same and self.mapping.responds_to(port, binding, known)
            if same and binding.to == self.address:
                return None
            if binding.to != self.address and not (same and first):
                kept.append(binding)
        self._learnt.add((port, source))
        self.mapping = msgspec.structs.replace(self.mapping, bindings=(*kept, learnt))
        self.changed = True
        return learnt

    def unlearn(self, address: str) -> None:
        """Remove every binding of an address."""
        kept = tuple(binding for binding in self.mapping.bindings if binding.to != address)
        if len(kept) == len(self.mapping.bindings):
            raise WrongUse(f"no control is mapped to {address!r}")
        self.mapping, self.changed = msgspec.structs.replace(self.mapping, bindings=kept), True

    def save(self) -> None:
        """[disk] Write what was learnt to the mapping's file; for a bundled mapping, to a copy.

        The copy is in the player's folder.
        """
        if not self.changed:
            return
        path = self.path
        if path.resolve().is_relative_to(mapping_files.bundled().resolve()):
            path = _unused_path(path.stem)
        self._write(self.mapping, path)

    def save_as(self, name: str, path: str = "") -> None:
        """[disk] Write the mapping under a name, and use that file from now on.

        path : the file; "" for one in the player's folder
        WrongUse if another mapping has the name.
        """
        target = expanded(path) if path else places.user("controllers") / f"{name}.toml"
        if not name.strip() or name.startswith(".") or any(c in '/\\:*?"<>|' or c < " " for c in name):
            raise WrongUse(f"a mapping cannot be called {name!r}", hint="use letters, digits and spaces")
        if target.exists() and not (self.path.exists() and target.samefile(self.path)):
            raise WrongUse("another mapping has that name", where=str(target), hint="choose another name")
        self._write(msgspec.structs.replace(self.mapping, name=name), target)

    def _write(self, mapping: Mapping, path: Path) -> None:
        mapping_files.save(mapping, path, like=self.path if self.path.exists() else None)
        self.mapping, self.path, self.changed = mapping, path, False


def _unused_path(stem: str) -> Path:
    """Return a path in the player's folder where no file exists."""
    folder = places.user("controllers")
    for name in (stem, *(f"{stem}-{n}" for n in range(2, 100))):
        if not (folder / f"{name}.toml").exists():
            return folder / f"{name}.toml"
    raise PerformError(f"too many copies of {stem}.toml", where=str(folder), hint="remove some of them")
