"""The layers of each port: its device's mapping, then the player's, the set's and the song's.

A later layer hides the controls that it binds. Each connected device has its own layers, so plugging in or
unplugging one changes nothing for the others.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from perform.control import mapping_files
from perform.control.binding import NOTHING, Binding
from perform.control.mapping import Mapping, matching_length
from perform.control.port_routes import RoutedLayer, RoutedPorts
from perform.core.errors import WrongUse

FALLBACK = "generic"  #: the mapping of ports that no other mapping is made for
LayerKind = Literal["generic", "device", "player", "set", "song"]


class MappingFile(NamedTuple):
    """A mapping and its file, which may not be written yet."""

    mapping: Mapping
    path: Path

    @property
    def is_bundled(self) -> bool:
        """Whether perform brings the file; such a file never changes."""
        return _is_in(self.path, mapping_files.bundled())

    @property
    def is_fallback(self) -> bool:
        """Whether it only serves ports that no other mapping is made for."""
        return self.path.stem.startswith(FALLBACK) and not self.mapping.ports


@functools.lru_cache
def _is_in(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


@functools.lru_cache
def _files_of(folder: Path) -> tuple[MappingFile, ...]:
    paths = sorted(folder.glob("*.toml"))
    return tuple(MappingFile(mapping_files.load(path), path) for path in paths)


class PortLayer(NamedTuple):
    """The bindings of one mapping for one port."""

    kind: LayerKind
    file: MappingFile
    bindings: tuple[Binding, ...]


class MappingLayers:
    """[main] All mapping files, and which of them are in use.

    chosen : the mapping that the player chose, instead of the one made for the device; None: not chosen
    """

    def __init__(self) -> None:
        self.chosen: MappingFile | None = None
        self._files: list[MappingFile] = []  # the player's, the bundled ones, `generic`
        self._over: dict[LayerKind, MappingFile] = {}  # the set's and the song's

    def read_all(self, unsaved: dict[Path, MappingFile]) -> list[str]:
        """[disk] Read all mapping files again, but those with unsaved changes.

        Returns one line for each that cannot be read.
        """
        files, errors = unsaved.copy(), []
        for path in mapping_files.of_player():
            try:
                if path not in files:
                    files[path] = MappingFile(mapping_files.load(path), path)
            except WrongUse as error:
                errors.append(str(error))
        self._files = [*files.values(), *_files_of(mapping_files.bundled())]
        return errors

    def choose(self, name: str) -> None:
        """[disk] Use a mapping by name or path instead of those made for its ports."""
        path = mapping_files.find(name)
        self.chosen = MappingFile(mapping_files.load(path), path)

    def use_set_and_song(self, set_mapping: str, song_mapping: str) -> list[str]:
        """[disk] Use the mappings of a set and a song, by name or path; "": none.

        Returns one line for each that cannot be read.
        """
        errors = []
        over: dict[LayerKind, MappingFile] = {}
        names: tuple[tuple[LayerKind, str], ...] = (("set", set_mapping), ("song", song_mapping))
        for kind, name in names:
            try:
                if name:
                    path = mapping_files.find(name)
                    over[kind] = MappingFile(mapping_files.load(path), path)
            except WrongUse as error:
                errors.append(str(error))
        self._over = over
        return errors

    def primary(self, ports: Sequence[str]) -> MappingFile:
        """The mapping that the screen names: the song's, the set's, the chosen one, or the first device's."""
        over = self._over.get("song") or self._over.get("set")
        return over or self.chosen or (self.own(ports[0], ports) if ports else self._fallback())

    def own(self, port: str, known: Sequence[str]) -> MappingFile:
        """The mapping made for a port: the chosen one, the player's, a bundled one, or else `generic`.

        known : all ports seen so far, including this one
        """
        if self.chosen and self.chosen.mapping.ports and _fit(self.chosen, port, known):
            return self.chosen
        for bundled in (False, True):
            made = [file for file in self._files if file.mapping.ports and file.is_bundled == bundled]
            best = max(made, key=lambda file: _fit(file, port, known), default=None)  # the first of equals
            if best and _fit(best, port, known):
                return best
        return self._fallback()

    def _fallback(self) -> MappingFile:
        if self.chosen and self.chosen.is_fallback:
            return self.chosen
        path = mapping_files.bundled() / f"{FALLBACK}.toml"
        nothing = MappingFile(Mapping(FALLBACK), path)
        return next((file for file in self._files if file.path.stem == FALLBACK), nothing)

    def chain(self, file: MappingFile) -> list[MappingFile]:
        """A mapping and those that it extends, the lowest first."""
        chain = [file]
        while name := chain[0].mapping.extends:
            others = [it for it in self._files if it.path.stem == name and it not in chain]
            if not others:
                break
            chain.insert(0, next((it for it in others if it.is_bundled), others[0]))
        return chain

    def flat(self, file: MappingFile) -> Mapping:
        """A mapping together with those that it extends, as one."""
        chain, flat = self.chain(file), list[Binding]()
        for beneath in chain:
            own = beneath.mapping.bindings
            hidden = {(b.control, b.channel) for b in own}
            hidden |= {(b.control, None) for b in own if b.port}
            flat = [binding for binding in flat if (binding.control, binding.channel) not in hidden]
            flat += own
        bindings = tuple(binding for binding in flat if binding.to != NOTHING)
        named = next((it.mapping.device for it in reversed(chain) if it.mapping.device), "")
        return msgspec.structs.replace(file.mapping, bindings=bindings, device=named, extends="")

    def of(self, port: str, known: Sequence[str]) -> list[PortLayer]:
        """The layers of a port, the lowest first."""
        chain = self.chain(self.own(port, known))
        layers = [PortLayer(_kind(it), it, _bindings(it, port, known, own=True)) for it in chain]
        others = dict.fromkeys(self.own(other, known) for other in known if other != port)
        for file in others:  # a player's mapping of another device may name this one
            if file not in chain and not file.is_bundled and file != self.chosen:
                named = tuple(binding for binding in _bindings(file, port, known) if binding.port)
                layers.append(PortLayer("player", file, named))
        if self.chosen and self.chosen not in chain:
            layers.append(PortLayer("player", self.chosen, self._over_bindings(self.chosen, port, known)))
        layers += [
            PortLayer(kind, file, self._over_bindings(file, port, known)) for kind, file in self._over.items()
        ]
        return [layer for layer in layers if layer.bindings]

    def effective(self, port: str, known: Sequence[str]) -> list[Binding]:
        """The bindings of a port that no later layer hides."""
        effective: list[Binding] = []
        for layer in self.of(port, known):
            hidden = {(binding.control, binding.channel) for binding in layer.bindings}
            effective = [
                binding
                for binding in effective
                if not {(binding.control, binding.channel), (binding.control, None)} & hidden
            ]
            effective += layer.bindings
        return [binding for binding in effective if binding.to != NOTHING]

    def _over_bindings(self, file: MappingFile, port: str, known: Sequence[str]) -> tuple[Binding, ...]:
        """The bindings of a mapping over that of the device; `generic` stays below every device's."""
        bindings = _bindings(file, port, known)
        if file.is_fallback:
            return tuple(binding for binding in bindings if binding.port)
        return bindings

    def routes(self, known: Sequence[str]) -> RoutedPorts:
        """The layers of all ports, for the router."""
        return {
            port: [
                RoutedLayer(layer.bindings, layer.file.mapping.takeover, layer.kind == "generic")
                for layer in self.of(port, known)
            ]
            for port in known
        }

    def song_file(self, name: str) -> MappingFile:
        """The song's mapping; a new one where the song has none.

        name : of the new one
        """
        if "song" not in self._over:
            self._over["song"] = MappingFile(Mapping(name), mapping_files.unused_path(name))
        return self._over["song"]

    def files_over(self) -> list[MappingFile]:
        """The mappings in use that are not the device's: the chosen one, the set's and the song's."""
        chosen = [self.chosen] if self.chosen else []
        return list(dict.fromkeys([*chosen, *self._over.values()]))

    def replace(self, old: MappingFile, new: MappingFile) -> None:
        """Use a changed mapping instead of `old`, or the player's mapping that extends a bundled `old`."""
        self._files = [file for file in self._files if file.path != new.path]
        self._files.insert(0, new)
        if self.chosen == old:
            self.chosen = new
        self._over = {kind: new if file == old else file for kind, file in self._over.items()}


def _kind(file: MappingFile) -> LayerKind:
    if not file.is_bundled:
        return "player"
    return "generic" if file.is_fallback else "device"


def _fit(file: MappingFile, port: str, known: Sequence[str]) -> int:
    """How much of a port's name the mapping names; 0: it is not made for the port."""
    return matching_length(port, file.mapping.ports, known, twins=True)


def _bindings(
    file: MappingFile, port: str, known: Sequence[str], *, own: bool = False
) -> tuple[Binding, ...]:
    """The bindings of a mapping that respond to a port; own: it is the mapping of that port."""
    mapping = file.mapping
    return tuple(
        binding
        for binding in mapping.bindings
        if (own and not binding.port) or mapping.responds_to(port, binding, known)
    )
