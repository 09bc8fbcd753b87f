"""Learning: a control that moves is bound to a parameter, in the player's mapping of that device.

Bundled mappings never change: the first learnt binding makes a mapping in the player's folder that extends
the device's. It holds only what was learnt.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from perform.control import mapping_files
from perform.control.binding import NOTHING, Binding
from perform.control.binding_options import bound, checked_options, of_encoder, of_knob
from perform.control.control_names import ControlId, Encoding, ccs_of_pair, spelled
from perform.control.layers import MappingFile, MappingLayers
from perform.control.mapping import Mapping
from perform.core.errors import WrongUse
from perform.core.messages.control_messages import BindingOptions
from perform.core.paths import expanded, to_text
from perform.library import places

FileChange = tuple[MappingFile, MappingFile, tuple[Binding, ...]]  #: file to replace, file, new bindings

UNDOS = 100  #: changes of the mappings that can be taken back
_NUMBERED = ("song/jump", "song/arm")  #: a program change of any number moves these


class LearntControl(NamedTuple):
    """A new binding.

    lost : what no longer happens, one line each
    """

    binding: Binding
    lost: tuple[str, ...]


class ControlLearning:
    """[main] Binds controls, removes bindings, takes that back, and saves the mappings that changed.

    address : the parameter that waits for a control, or ""
    unsaved : changed mappings that are not on disk; the next change tries to write them again
    """

    def __init__(self, layers: MappingLayers) -> None:
        self._layers = layers
        self.address = self._song = ""
        self._options = BindingOptions()
        self._learnt: set[tuple[str, ControlId]] = set()  # port and control, since learning began
        self._undo: list[tuple[str, list[tuple[MappingFile, tuple[Binding, ...]]]]] = []
        self.unsaved: dict[Path, MappingFile] = {}

    @property
    def changed(self) -> bool:
        """Whether a learnt binding is not on disk yet."""
        return bool(self.unsaved)

    @property
    def song_mapping(self) -> str:
        """Name of the song's mapping if learnt controls are written there, else ""."""
        return to_text(self._layers.song_file(self._song).path.stem) if self._song else ""

    def learn(
        self,
        address: str,
        over: tuple[float, float] | None = None,
        options: BindingOptions = BindingOptions(),  # noqa: B008 it is frozen
        song: str = "",
    ) -> None:
        """Wait for a control to move; "" ends learning. WrongUse for an unknown address or wrong options.

        over : the range of the new binding if the options have none; None for the parameter's range
        song : write to the song's mapping, or to a new one of about this name; "": to the player's
        """
        if address:
            options = checked_options(address, over, options)
        else:
            self._learnt.clear()
        self.address, self._options, self._song = address, options, song

    def bind(
        self,
        port: str,
        source: ControlId,
        known: Sequence[str],
        encoding: Encoding = "absolute",
        *,
        invert: bool = False,
    ) -> LearntControl | None:
        """Bind a control that moved to the address being learnt.

        The address drops its earlier controls of that mapping; one with a value drops only those that set the
        same value. The control drops the addresses that it moved before learning began, and keeps those that
        it learnt since. None if the control is bound to the address already, or cannot move it.

        known : all ports seen so far, including this one
        """
        learnt = self._binding(port, source, encoding, invert=invert)
        if learnt is None or self._moves(learnt, port, known):
            return None
        old, file = self._file_for(port, learnt, known)
        first = (port, source) not in self._learnt
        kept = [
            binding
            for binding in file.mapping.bindings
            if not (binding.to == self.address and binding.value == learnt.value)
            and not (
                first
                and any(_same(binding, it) for it in (learnt, *_halves(learnt)))
                and file.mapping.responds_to(port, binding, known)
            )
        ]
        self._learnt.add((port, source))
        before = self._movements(learnt, port, known)
        for half in _halves(learnt):  # a control of 14 bits hides its two CCs
            before |= self._movements(half, port, known)
        self._change(f"{learnt.label(())} moves {learnt.to}", [(old, file, (*kept, learnt))])
        after = self._movements(learnt, port, known)
        return LearntControl(
            learnt, tuple(f"{it} no longer moves {to}" for it, to in before if (it, to) not in after)
        )

    def _binding(self, port: str, source: ControlId, encoding: Encoding, *, invert: bool) -> Binding | None:
        """Return the new binding; None if the control cannot move the address."""
        number, options = source.number, self._options
        if source.kind == "program" and self.address in _NUMBERED and options.value is None:
            number = 0  # any program change
        control = spelled(source.kind, number)
        plain = Binding(control, "xfade", source.channel, port, encoding=encoding)
        if options.mode is None and options.range == (0.0, 1.0) and source.kind == "note":
            options = msgspec.structs.replace(options, mode="toggle")
        options = msgspec.structs.replace(options, invert=options.invert != invert)
        fitting = of_knob(options) if encoding == "absolute" else of_encoder(options)
        of_pad = msgspec.structs.replace(fitting, takeover=None, deadzone=0.0, step=None)
        for tried in (fitting, of_pad):
            with contextlib.suppress(WrongUse):
                return bound(plain, self.address, tried)
        return None

    def _movements(self, learnt: Binding, port: str, known: Sequence[str]) -> dict[tuple[str, str], None]:
        """What the learnt control moves, and which controls move the learnt address: pairs of words."""
        own = [(port, it) for it in self._bound(learnt, port, known) if it.to != NOTHING]
        all_of_them = [(of, it) for of in known for it in self._layers.effective(of, known)]
        others = [(of, it) for of, it in all_of_them if it.to == learnt.to and it.value == learnt.value]
        others = [(of, it) for of, it in others if of != port or not _same(it, learnt)]
        mine = [((learnt if it.kind == "keys" else it).label((of,)), _moved(it)) for of, it in own]
        return dict.fromkeys((*mine, *((it.label((of,)), _moved(it)) for of, it in others)))

    def _bound(self, learnt: Binding, port: str, known: Sequence[str]) -> list[Binding]:
        """The bindings of a control in the layer that plays; of a note also those of all keys."""
        for layer in reversed(self._layers.of(port, known)):
            if bound := [it for it in layer.bindings if _same(it, learnt) or _has_key(it, learnt)]:
                return bound
        return []

    def _moves(self, learnt: Binding, port: str, known: Sequence[str]) -> bool:
        """Return whether the control moves the address already, as the options say."""
        default = self._options == BindingOptions() and learnt.encoding == "absolute"
        return any(
            binding.to == learnt.to and (_alike_moved(binding, learnt) or (default and binding.value is None))
            for binding in self._bound(learnt, port, known)
        )

    def _file_for(self, port: str, learnt: Binding, known: Sequence[str]) -> tuple[MappingFile, MappingFile]:
        """Return the mapping that would hide a new binding, or else that of the device; and which to change.

        They differ where the first is bundled: then the player's new mapping extends it.
        """
        if self._song:
            file = self._layers.song_file(self._song)
            return file, _extension(file, port) if file.is_bundled else file
        file = self._layers.own(port, known)
        for layer in self._layers.of(port, known):
            beneath = layer.file in self._layers.chain(file)
            if not beneath and any(_same(binding, learnt) for binding in layer.bindings):
                file = layer.file
        return file, _extension(file, port) if file.is_bundled else file

    def unlearn(self, address: str, known: Sequence[str]) -> None:
        """Remove every binding of an address; the player's mapping hides those of bundled mappings."""
        changes = [self._unlearnt(address, port, self._layers.own(port, known)) for port in known]
        over = self._layers.files_over() or ([] if known else [self._layers.primary(())])
        changes += [self._unlearnt(address, "", file) for file in over]
        files = {change[1].path: change for change in changes if change}  # two ports may share a mapping
        if not files:
            raise WrongUse(f"no control is mapped to {address!r}")
        self._change(f"no control moves {address}", list(files.values()))

    def _unlearnt(self, address: str, port: str, file: MappingFile) -> FileChange | None:
        """Return a mapping without the bindings of an address; None if there are none."""
        mine = _extension(file, port) if file.is_bundled else file
        beneath = [b for it in self._layers.chain(mine)[:-1] for b in it.mapping.bindings]
        kept = [binding for binding in mine.mapping.bindings if binding.to != address]
        for binding in (it for it in beneath if it.to == address):
            if not any(_alike(binding, other) for other in kept):
                others = [it for it in beneath if _alike(it, binding) and it.to != address]
                kept += others or [Binding(binding.control, NOTHING, binding.channel, binding.port)]
        return (file, mine, tuple(kept)) if kept != list(mine.mapping.bindings) else None

    def _change(self, what: str, changes: Sequence[FileChange]) -> None:
        undo = []
        for old, file, bindings in changes:
            undo.append((self._replace(old, file, bindings), file.mapping.bindings))
        self._undo = [*self._undo[-UNDOS + 1 :], (what, undo)]

    def undo(self) -> str:
        """Take back the last change of the mappings; return what it was. WrongUse if there is none."""
        if not self._undo:
            raise WrongUse("no change of the mapping to undo")
        what, changes = self._undo.pop()
        for changed, before in changes:
            self._replace(changed, changed, before)
        self._learnt.clear()
        return what

    def _replace(self, old: MappingFile, file: MappingFile, bindings: Sequence[Binding]) -> MappingFile:
        changed = file._replace(mapping=msgspec.structs.replace(file.mapping, bindings=tuple(bindings)))
        self._layers.replace(old, changed)
        self.unsaved[changed.path] = changed
        return changed

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


def _halves(binding: Binding) -> list[Binding]:
    """Return bindings of the two CCs of a 14-bit control, as single controls; none for any other."""
    ccs = ccs_of_pair(binding.number) if binding.kind == "cc" else None
    plain = msgspec.structs.replace(binding, encoding="absolute", steps=None, accel=1.0) if ccs else binding
    return [msgspec.structs.replace(plain, control=f"cc {cc}") for cc in ccs or ()]


def _alike_moved(binding: Binding, learnt: Binding) -> bool:
    """Return whether two bindings of a control move the address in the same way."""
    return msgspec.structs.replace(binding, channel=learnt.channel, port=learnt.port) == learnt


def _moved(binding: Binding) -> str:
    return binding.to if binding.value is None else f"{binding.to} to {binding.value}"


def _same(binding: Binding, learnt: Binding) -> bool:
    """Return whether a binding of the learnt binding's port has its control."""
    return binding.control == learnt.control and binding.channel in (None, learnt.channel)


def _has_key(binding: Binding, learnt: Binding) -> bool:
    """Return whether a binding of all keys has the learnt note."""
    return binding.kind == "keys" and learnt.kind == "note" and binding.channel in (None, learnt.channel)


def _alike(one: Binding, other: Binding) -> bool:
    return (one.control, one.channel, one.port) == (other.control, other.channel, other.port)


def _extension(file: MappingFile, port: str) -> MappingFile:
    """A new mapping of the player that extends a bundled one."""
    base = file.path.stem
    if file.is_fallback and port:
        return MappingFile(Mapping(port, (port,), extends=base), mapping_files.unused_path(port))
    return MappingFile(
        msgspec.structs.replace(file.mapping, bindings=(), extends=base), mapping_files.unused_path(base)
    )
