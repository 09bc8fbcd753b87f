"""Mapping files: which control of which controller moves which address. TOML, data and never code.

    name = "nanoKONTROL2"
    ports = ["nanoKONTROL2"]      # fragments of port names it listens to; none: every port

    [[bind]]
    control = "cc 16"             # "cc 0".."cc 119", "note 0".."note 127", "bend", "program"
    to = "focus/z/0/bias"         # an address; focus/... is the deck that has the focus
    range = [-3.0, 3.0]           # plain units; left out: the address's own

One control may move several addresses, and several controls one address. A `Binding` that exists is legal:
it refuses anything else when it is made. This module knows files and addresses; no port and no process.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import tomlkit

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import Curve, Spec
from perform.library import places, toml_files

Kind = Literal["cc", "note", "bend", "program"]
Mode = Literal["absolute", "momentary", "toggle", "trigger"]

_T = TypeVar("_T", bound=msgspec.Struct)

_CONTROL = re.compile(r"(cc|note) (0|[1-9]\d{0,2})|bend|program")
_BIND_HEADER = re.compile(r"^\s*\[\[\s*bind\s*\]\]", re.MULTILINE)
_UNKNOWN_KEY = re.compile(r"unknown field `(.*)`", re.DOTALL)
FOCUS = "focus/"  #: what an address of the focused deck begins with


class Binding(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One control that moves one address.

    mode: `absolute`  the control's position is the value (a note's velocity; its release changes nothing);
                      of a program change its number, the first being 1
          `momentary` the same, and a released note goes back to the low end of the range
          `toggle`    each press jumps to the other end of the range; choices step to the next one
          `trigger`   each press fires an action
          None        what suits address and control: see `plays`
    """

    control: str
    to: str
    channel: int | None = None  #: 1..16; None: any
    port: str = ""  #: the port's name or a fragment of it, see `chosen`; "": the mapping's ports
    range: tuple[float, float] | None = None  #: plain units; None: the address's own. [high, low] inverts
    curve: Curve | None = None  #: None: the address's own
    invert: bool = False
    mode: Mode | None = None

    def __post_init__(self) -> None:
        _check(self)

    @property
    def kind(self) -> Kind:
        """Kind of the control."""
        kinds: tuple[Kind, ...] = ("cc", "note", "bend", "program")
        return next(kind for kind in kinds if kind == self.control.partition(" ")[0])

    @property
    def number(self) -> int:
        """Number of the control or note; 0 for pitch bend and program change."""
        return int(self.control.partition(" ")[2] or 0)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The address alone, or of `focus/...` one a deck, deck 1 first."""
        if not self.to.startswith(FOCUS):
            return (self.to,)
        return tuple(f"deck/{d}/{self.to.removeprefix(FOCUS)}" for d in range(1, params.DECKS + 1))

    @property
    def spec(self) -> Spec:
        """Spec of the address."""
        return params.SPECS[self.addresses[0]]

    @property
    def plays(self) -> Mode:
        """The mode in force. Left out: actions trigger; a note toggles choices and is momentary on the
        rest; anything else is absolute."""
        if self.mode is not None:
            return self.mode
        if self.spec.action:
            return "trigger"
        if self.kind == "note":
            return "toggle" if self.spec.choices else "momentary"
        return "absolute"

    @property
    def ends(self) -> tuple[float, float]:
        """Values at the control's low and high end, plain units."""
        low, high = self.range or (self.spec.low, self.spec.high)
        return (high, low) if self.invert else (low, high)

    def label(self, ports: tuple[str, ...]) -> str:
        """How a screen names the control: `nanoKONTROL2 1:CC16`; a channel left out is not shown."""
        port = self.port or (ports[0] if ports else "")
        channel = f"{self.channel}:" if self.channel else ""
        return f"{port} {channel}{control_label(self.kind, self.number)}".lstrip()


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"binds": "bind"}):
    """All binds of one file, in its order."""

    name: str
    ports: tuple[str, ...] = ()  #: fragments of port names; none: every port
    binds: tuple[Binding, ...] = ()

    def listens(self, bind: Binding, port: str, known: Sequence[str]) -> bool:
        """Whether this bind hears that port, which is one of those that are known."""
        return port in chosen(known, (bind.port,) if bind.port else self.ports)


def chosen(names: Sequence[str], fragments: Sequence[str]) -> list[str]:
    """The ports that fragments mean, upper or lower case; all of them where there are none.

    A fragment that is the whole name of one means that device alone, else every port that holds it: so
    "Launch Control" is not "Launch Control XL" where both are known.
    """
    whole = {name.casefold() for name in names}

    def meant(name: str, fragment: str) -> bool:
        if fragment in whole:  # or of a device that has become one with several ports
            return name == fragment or name.startswith(f"{fragment}:")
        return fragment in name

    return [n for n in names if not fragments or any(meant(n.casefold(), f.casefold()) for f in fragments)]


def control_label(kind: Kind, number: int) -> str:
    """`CC16`, `note36`, `bend`, `program`."""
    return kind if kind in ("bend", "program") else f"{'CC' if kind == 'cc' else kind}{number}"


def _check(bind: Binding) -> None:
    """WrongUse for anything a bind cannot mean."""
    match = _CONTROL.fullmatch(bind.control)
    if not match:
        raise WrongUse(f"no control {bind.control!r}", hint='write "cc 16", "note 36", "bend" or "program"')
    if bind.kind == "cc" and bind.number >= 120:
        raise WrongUse(f"{bind.control!r} is no control but a channel mode", hint="use cc 0 to cc 119")
    if bind.number > 127:
        raise WrongUse(f"no control {bind.control!r}", hint="notes go from 0 to 127")
    if bind.channel is not None and not 1 <= bind.channel <= 16:
        raise WrongUse(f"no MIDI channel {bind.channel}", hint="use 1 to 16, or leave it out for any")
    for address in bind.addresses:
        try:
            params.slot(address)
        except WrongUse as error:
            raise WrongUse(f"no parameter is called {bind.to!r}", hint=error.hint) from None
    spec, mode = bind.spec, bind.plays
    if spec.action != (mode == "trigger"):
        does = "can only be triggered" if spec.action else "has nothing to trigger"
        hint = 'mode = "trigger", or leave mode out' if spec.action else "use another mode"
        raise WrongUse(f"{bind.to} {does}", hint=hint)
    if bind.kind in ("bend", "program") and mode != "absolute":
        what = "pitch bend" if bind.kind == "bend" else "a program change"
        raise WrongUse(f"{what} cannot {mode}", hint="bind a note or a cc")
    if bind.kind == "program" and (bind.range or bind.curve or bind.invert):
        raise WrongUse("a program change says a number", hint="it has no range, curve or invert")
    if spec.action:
        if bind.range or bind.curve or bind.invert:
            raise WrongUse(f"{bind.to} is an action", hint="it has no range, curve or invert")
        return
    low, high = bind.ends
    if spec.low == params.OWN and bind.range is None:
        raise WrongUse(f"{bind.to} has no range of its own", hint="say one: range = [0.0, 1.0]")
    if not all(math.isfinite(end) and spec.low <= end <= spec.high for end in (low, high)):
        raise WrongUse(
            f"range [{low:g}, {high:g}] leaves that of {bind.to}",
            hint=f"stay in {spec.low:g} to {spec.high:g}",
        )
    if (bind.curve or spec.curve) == "exp" and low * high <= 0:
        raise WrongUse(f"an exp curve cannot reach zero in [{low:g}, {high:g}]", hint='use curve = "lin"')


def load(path: Path) -> Mapping:
    """[disk] Read a mapping file; WrongUse names file, line and what is allowed."""
    text = ""
    try:
        text = path.read_bytes().decode()
        raw = tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        cause = _cause(error).replace("at end of document", f"at line {len(text.splitlines())}, its end")
        raise WrongUse(cause, where=str(path), hint="a mapping is a TOML file") from error
    binds = raw.pop("bind", [])
    if not isinstance(binds, list):
        raise WrongUse("bind must be a list", where=str(path), hint="write [[bind]] above each")
    frame = _convert(raw, Mapping, str(path))
    lines = [1 + text.count("\n", 0, found.start()) for found in _BIND_HEADER.finditer(text)]
    places_of = [f"{path}:{n}" for n in lines] if len(lines) == len(binds) else [str(path)] * len(binds)
    return msgspec.structs.replace(
        frame,
        binds=tuple(_convert(bind, Binding, where) for bind, where in zip(binds, places_of, strict=True)),
    )


def _cause(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "cannot be read"
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    return str(error) if isinstance(error, tomllib.TOMLDecodeError) else "it is too deep or too large"


def _convert(raw: Any, kind: type[_T], where: str) -> _T:
    try:
        return msgspec.convert(raw, kind, strict=True)
    except (msgspec.ValidationError, OverflowError) as error:
        keys = [field.encode_name for field in msgspec.structs.fields(kind)]
        unknown = _UNKNOWN_KEY.search(str(error))
        what = f"unknown key {unknown[1]!r}" if unknown else str(error).replace("`", "")
        raise WrongUse(what, where=where, hint=f"the keys are {', '.join(keys)}") from error
    except WrongUse as error:
        raise WrongUse(error.what, where=where, hint=error.hint) from error


def save(mapping: Mapping, path: Path, *, like: Path | None = None) -> None:
    """[disk] Write a mapping, atomically; comments and order of the file at `path` stay.

    like : the file whose text to start from where `path` does not exist yet
    A file that is there and is not a legal mapping is left alone: WrongUse.
    """
    source = path if path.exists() else like
    document = tomlkit.document()
    if source is not None:
        load(source)
        document = tomlkit.parse(source.read_bytes().decode())
    _write_into(document, mapping)
    toml_files.write(path, tomlkit.dumps(document))


def _write_into(document: tomlkit.TOMLDocument, mapping: Mapping) -> None:
    """Change what differs and nothing else."""
    if document.get("name") != mapping.name:
        document["name"] = mapping.name
    if tuple(document.get("ports", ())) != mapping.ports:
        document["ports"] = list(mapping.ports)
    old = document.get("bind", [])
    tables = {msgspec.convert(table.unwrap(), Binding): table for table in old}
    if tuple(tables) == mapping.binds:
        return
    binds = tomlkit.aot()
    for bind in mapping.binds:
        binds.append(tables.pop(bind, None) or tomlkit.item(msgspec.to_builtins(bind)))
    document["bind"] = binds


def available() -> dict[str, Path]:
    """[disk] Every mapping by name; the player's own come first and hide bundled ones."""
    known: dict[str, Path] = {}
    for folder in (places.user("controllers"), bundled()):
        for path in sorted(folder.glob("*.toml")):
            known.setdefault(path.stem, path)
    return known


def bundled() -> Path:
    """Folder of the mappings that ship with perform. They are never written."""
    return places.bundled("presets") / "controllers"


def find(name: str) -> Path:
    """[disk] The file of a mapping, by name or by path; WrongUse names those there are."""
    path = Path(name).expanduser()
    if path.suffix == ".toml" and path.is_file():
        return path
    known = available()
    for stem, found in known.items():
        if stem.casefold() == name.casefold():
            return found
    raise WrongUse(
        f"no controller mapping is called {name!r}", hint=f"there are {', '.join(sorted(known)) or 'none'}"
    )
