"""The player's own keys: keys.toml gives an action other keys than the table in `keys.py`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec
from textual.binding import Binding
from textual.keys import format_key

from perform.core.errors import WrongUse
from perform.library import toml_files
from perform.tui.key_command import KeyCommand
from perform.tui.keys import ALWAYS, KEYS
from perform.tui.page_keys import LATENTS, SET_LIST

PAGE = "keys"
EVERY = (*KEYS, *ALWAYS, *SET_LIST, *LATENTS)
_KEPT = "stage.panic"  # no other action gets its keys


class PlayerKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """keys.toml: a table `keys`, id of an action -> its keys, separated by commas."""

    keys: dict[str, str] = {}


def read(path: Path) -> dict[str, str]:
    """[disk] Read keys.toml: id -> keys; empty without the file. WrongUse: names the file and the fault.

    A key that the player chose is taken from the action that has it by default, which gets the keys that are
    left, "" for none. It is a fault if the player gave it to two actions, or if it is a key of panic.
    """
    if not path.exists():
        return {}
    chosen = toml_files.read(path, PlayerKeys, PAGE).keys
    for name, keys in chosen.items():
        if name not in {command.id for command in EVERY}:
            near = difflib.get_close_matches(name, [command.id for command in EVERY])
            hint = f"do you mean {' or '.join(near)}?" if near else f"`perform docs {PAGE}` lists the names"
            raise WrongUse(f"no key has the name {name[:80]!r}", where=str(path), hint=hint)
        if not keys.strip() or any(not key.strip() for key in keys.split(",")):
            raise WrongUse(
                f"{name} has an empty key", where=str(path), hint="write its keys as 'r' or 'r,f5'"
            )
    lost = {pair for table in (KEYS, SET_LIST, LATENTS) for pair in _lost((*table, *ALWAYS), chosen, path)}
    losers = {name for name, _ in lost}
    left = {
        command.id: ",".join(key for key in _names(command.keys) if (command.id, key) not in lost)
        for command in EVERY
        if command.id in losers
    }
    return chosen | left


def applied(command: KeyCommand, chosen: Mapping[str, str]) -> KeyCommand:
    """Return an action with the player's keys, as the help shows it; `–`: it has none."""
    if command.id not in chosen:
        return command
    keys = _names(chosen[command.id])
    return replace(command, keys=",".join(keys), shown=" ".join(map(_shown, keys)) or "–")


def _shown(key: str) -> str:
    return key.upper() if re.fullmatch(r"f\d+", key) else format_key(key)


def _lost(table: Iterable[KeyCommand], chosen: Mapping[str, str], path: Path) -> set[tuple[str, str]]:
    """The keys, each with the action that has it by default, that the player gave to other actions."""
    owners: dict[str, str] = {}
    lost = set()
    for command in sorted(table, key=lambda command: command.id not in chosen):  # the player's first
        for key in _names(chosen.get(command.id, command.keys)):
            other = owners.setdefault(key, command.id)
            if other == command.id:
                continue
            if command.id in chosen or command.id == _KEPT:
                raise WrongUse(
                    f"{other} and {command.id} have the same key {format_key(key)!r}",
                    where=str(path),
                    hint="give one of them another key",
                )
            lost.add((command.id, key))
    return lost


def _names(keys: str) -> list[str]:
    """Return the names that Textual gives to keys, such as "question_mark" for "?"; "" has none."""
    return [binding.key for binding in Binding.make_bindings([Binding(keys, "x")])] if keys else []
