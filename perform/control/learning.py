"""Learning: a control that moves is bound to a parameter, in the player's mapping of that device.

Bundled mappings never change: the first learnt binding makes a mapping in the player's folder that extends
the device's. It holds only what was learnt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from perform.control import mapping_files
from perform.control.binding import NOTHING, Binding, Mode
from perform.control.control_names import ControlId, spelled
from perform.control.layers import MappingFile, MappingLayers
from perform.control.mapping import Mapping
from perform.core.errors import PerformError, WrongUse
from perform.core.paths import expanded
from perform.library import places


class ControlLearning:
    """[main] Binds controls, removes bindings, and saves the mappings that changed.

    address : the parameter that waits for a control, or ""
    unsaved : changed mappings that are not on disk; the next change tries to write them again
    """

    def __init__(self, layers: MappingLayers) -> None:
        self._layers = layers
        self.address = ""
        self._range: tuple[float, float] | None = None
        self._learnt: set[tuple[str, ControlId]] = set()  # port and control, since learning began
        self.unsaved: dict[Path, MappingFile] = {}

    @property
    def changed(self) -> bool:
        """Whether a learnt binding is not on disk yet."""
        return bool(self.unsaved)

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

        The address drops its earlier controls of that mapping. The control drops the addresses that it moved
        before learning began, and keeps those that it learnt since. None if the control is bound to the
        address already, or cannot move it.

        known : all ports seen so far, including this one
        """
        control = spelled(source.kind, source.number)
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
        old, file = self._file_for(port, learnt, known)
        first = (port, source) not in self._learnt
        if self._moves(learnt, port, known):
            return None
        kept = [
            binding
            for binding in file.mapping.bindings
            if binding.to != self.address
            and not (first and _same(binding, learnt) and file.mapping.responds_to(port, binding, known))
        ]
        self._learnt.add((port, source))
        self._change(old, file, (*kept, learnt))
        return learnt

    def _moves(self, learnt: Binding, port: str, known: Sequence[str]) -> bool:
        """Return whether the control moves the address already."""
        for layer in reversed(self._layers.of(port, known)):
            if bound := [binding for binding in layer.bindings if _same(binding, learnt)]:
                return any(binding.to == learnt.to for binding in bound)
        return False

    def _file_for(self, port: str, learnt: Binding, known: Sequence[str]) -> tuple[MappingFile, MappingFile]:
        """Return the mapping that would hide a new binding, or else that of the device; and which to change.

        They differ where the first is bundled: then the player's new mapping extends it.
        """
        file = self._layers.own(port, known)
        for layer in self._layers.of(port, known):
            if layer.kind != "generic" and any(_same(binding, learnt) for binding in layer.bindings):
                file = layer.file
        return file, _extension(file, port) if file.is_bundled else file

    def unlearn(self, address: str, known: Sequence[str]) -> None:
        """Remove every binding of an address; the player's mapping hides those of bundled mappings."""
        found = False
        for port in known:
            found |= self._unlearn(address, port, self._layers.own(port, known))
        over = self._layers.files_over() or ([] if known else [self._layers.primary(())])
        for file in over:
            found |= self._unlearn(address, "", file)
        if not found:
            raise WrongUse(f"no control is mapped to {address!r}")

    def _unlearn(self, address: str, port: str, file: MappingFile) -> bool:
        """Remove the bindings of an address from one mapping; return whether there were any."""
        mine = _extension(file, port) if file.is_bundled else file
        beneath = [b for it in self._layers.chain(mine)[:-1] for b in it.mapping.bindings]
        kept = [binding for binding in mine.mapping.bindings if binding.to != address]
        for binding in (it for it in beneath if it.to == address):
            if not any(_alike(binding, other) for other in kept):
                others = [it for it in beneath if _alike(it, binding) and it.to != address]
                kept += others or [Binding(binding.control, NOTHING, binding.channel, binding.port)]
        if kept == list(mine.mapping.bindings):
            return False
        self._change(file, mine, kept)
        return True

    def _change(self, old: MappingFile, file: MappingFile, bindings: Sequence[Binding]) -> None:
        changed = file._replace(mapping=msgspec.structs.replace(file.mapping, bindings=tuple(bindings)))
        self._layers.replace(old, changed)
        self.unsaved[changed.path] = changed

    def save(self) -> None:
        """[disk] Write the mappings that changed."""
        for path, file in list(self.unsaved.items()):
            mapping_files.save(file.mapping, path)
            del self.unsaved[path]

    def save_as(self, name: str, path: str, ports: Sequence[str]) -> Path:
        """[disk] Write the mapping in use, with what it extends, under a name, and use that file from now on.

        path  : the file; "" for one in the player's folder
        ports : the connected ports
        WrongUse if another mapping has the name.
        """
        target = expanded(path) if path else places.user("controllers") / f"{name}.toml"
        if not name.strip() or name.startswith(".") or any(c in '/\\:*?"<>|' or c < " " for c in name):
            raise WrongUse(f"a mapping cannot be called {name!r}", hint="use letters, digits and spaces")
        source = self._layers.primary(ports)
        if target.exists() and not (source.path.exists() and target.samefile(source.path)):
            raise WrongUse("another mapping has that name", where=str(target), hint="choose another name")
        whole = self._layers.flat(source)
        bundled = next((it.path for it in self._layers.chain(source) if it.path.exists()), None)
        mapping_files.save(msgspec.structs.replace(whole, name=name), target, like=bundled)
        self.unsaved.pop(source.path, None)
        self._layers.choose(str(target))
        return target


def _same(binding: Binding, learnt: Binding) -> bool:
    """Return whether a binding of the learnt binding's port has its control."""
    return binding.control == learnt.control and binding.channel in (None, learnt.channel)


def _alike(one: Binding, other: Binding) -> bool:
    return (one.control, one.channel, one.port) == (other.control, other.channel, other.port)


def _extension(file: MappingFile, port: str) -> MappingFile:
    """A new mapping of the player that extends a bundled one."""
    stem, name, ports = file.path.stem, file.mapping.name, file.mapping.ports
    if file.is_fallback and port:
        stem = re.sub(r'[/\\:*?"<>|#\x00-\x1f]', "-", port).strip(". ") or "device"
        name, ports = port, (port,)
    return MappingFile(Mapping(name, ports, extends=file.path.stem), _unused_path(stem))


def _unused_path(stem: str) -> Path:
    """Return a path in the player's folder where no file exists."""
    folder = places.user("controllers")
    for name in (stem, *(f"{stem}-{n}" for n in range(2, 100))):
        if not (folder / f"{name}.toml").exists():
            return folder / f"{name}.toml"
    raise PerformError(f"too many copies of {stem}.toml", where=str(folder), hint="remove some of them")
