"""The parameters a cursor can stand on: a deck's own, and below them those of the whole stage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from perform.core import params
from perform.core.attributes import Attribute
from perform.core.params import MODULE_DEFAULT, Spec
from perform.tui.paint import long, short

Side = Literal["bias", "scale", "mute", "freeze", "smooth", "level", "pitch", "silence"]
#: which number of each latent the rows show, and what stands before the latent then
SIDES: dict[Side, str] = {
    "bias": "",
    "scale": "×",
    "mute": "m ",
    "freeze": "f ",
    "smooth": "s ",
    "level": "l ",
    "pitch": "p ",
    "silence": "∅ ",
}


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """One parameter: its short label, its address, its slot in the table."""

    label: str
    address: str
    slot: int
    spec: Spec
    latent: int = -1  #: number of the latent, -1 where it is none
    attribute: Attribute | None = None  #: where it is one of the model's
    words: tuple[str, ...] = ()  #: of that

    def shown(self, value: float) -> float:
        """The number that is in force: an attribute may be as the model has it."""
        return self.attribute.shown(value) if self.attribute else value

    def short(self, value: float) -> str:
        """A value without its unit."""
        return self.attribute.text(value, self.words) if self.attribute else short(self.spec, value)

    def long(self, value: float) -> str:
        """A value with its unit, and whether an attribute is as the model has it; how often it was done."""
        if self.spec.action:
            return f"{value:.0f} times; → does it"
        if self.attribute is None:
            return long(self.spec, value)
        own = " (default)" if value <= MODULE_DEFAULT and not self.attribute.is_text else ""
        return self.attribute.text(value, self.words) + own

    @property
    def name(self) -> str:
        """The address as words: `deck 1 z0 bias`."""
        words = self.address.split("/")
        if self.attribute or "action" in words:
            return f"{words[0]} {words[1]} {self.label or words[-1]}"
        if "z" in words:
            return f"{words[0]} {words[1]} z{words[3]} {words[4]}"
        return " ".join(words)


def row(address: str, label: str = "", latent: int = -1) -> ParameterRow:
    """The row of an address."""
    at = params.slot(address)
    return ParameterRow(label, address, at, params.SPEC_AT[at], latent)


def attribute_row(deck: int, number: int, attribute: Attribute, words: tuple[str, ...]) -> ParameterRow:
    """The row of an attribute of a deck's model, 1 the first."""
    address = f"deck/{deck}/attribute/{number}"
    spec = attribute.spec(words)
    return ParameterRow(attribute.name, address, params.slot(address), spec, attribute=attribute, words=words)


@lru_cache(256)
def deck_rows(
    deck: int,
    latents: int,
    side: Side,
    attributes: tuple[tuple[Attribute, tuple[str, ...]], ...] = (),
    actions: tuple[str, ...] = (),
    source: str = "hand",
) -> tuple[ParameterRow, ...]:
    """The rows of a deck, top to bottom: what is played most stands highest, what its source needs below.

    attributes : of its model, each with its words; actions: what it can do; source: of the deck
    """
    own = f"deck/{deck}"
    return (
        row(f"{own}/gain", "gain"),
        row(f"{own}/pan", "pan"),
        *(row(f"{own}/z/{i}/{side}", f"{SIDES[side]}z{i}", i) for i in range(min(latents, params.LATENTS))),
        row(f"{own}/source", "source"),
        row(f"{own}/speed", "speed"),
        row(f"{own}/temperature", "temp"),
        row(f"{own}/seed", "seed"),
        *(row(f"{own}/{key}", label) for key, label in _OF_SOURCE.get(source, ())),
        *(row(f"input/{key}", label) for key, label in (_INPUT if source == "input" else ())),
        *(attribute_row(deck, i, *each) for i, each in enumerate(attributes[: params.ATTRIBUTES], 1)),
        *(row(f"{own}/action/{i}", word) for i, word in enumerate(actions[: params.ACTIONS], 1)),
    )


_OF_SOURCE = {
    "input": (("wet", "wet"), ("silence", "silent")),
    "file": (
        ("wet", "wet"),
        ("file/play", "play"),
        ("file/start", "start"),
        ("file/end", "end"),
        ("file/loop", "loop"),
    ),
    "deck": (("wet", "wet"), ("from", "from")),
}
_INPUT = (
    ("wet", "dry/wet"),
    ("gain", "in"),
    ("highpass", "low cut"),
    ("gate", "gate"),
    ("monitor", "monitor"),
)


#: rows that belong to no deck; the cursor walks on into them
STAGE_ROWS = (
    row("xfade", "X-FADE"),
    row("scene/morph", "MORPH"),
    row("scene/a", "a"),
    row("scene/b", "b"),
    row("tempo", "tempo"),
    row("master/gain", "gain"),
    row("master/ceiling", "ceiling"),
    row("stage/margin", "margin"),
)


@lru_cache(1024)
def name(address: str) -> str:
    """Any address as words; what a screen prints of an address it did not choose."""
    return row(address).name if address in params.SLOTS else address
