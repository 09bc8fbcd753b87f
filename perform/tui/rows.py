"""The parameters a cursor can stand on: a deck's own, and below them those of the whole stage."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from perform import params
from perform.params import Spec

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
class Row:
    """One parameter: its short label, its address, its slot in the table."""

    label: str
    address: str
    slot: int
    spec: Spec
    latent: int = -1  #: number of the latent, -1 where it is none

    @property
    def name(self) -> str:
        """The address as words: `deck 1 z0 bias`."""
        words = self.address.split("/")
        if "z" in words:
            return f"{words[0]} {words[1]} z{words[3]} {words[4]}"
        return " ".join(words)


def row(address: str, label: str = "", latent: int = -1) -> Row:
    """The row of an address."""
    at = params.slot(address)
    return Row(label, address, at, params.SPEC_AT[at], latent)


@lru_cache(256)
def deck_rows(deck: int, latents: int, side: Side, source: str = "hand") -> tuple[Row, ...]:
    """The rows of a deck, top to bottom: what is played most stands highest, what its source needs below."""
    own = f"deck/{deck}"
    return (
        row(f"{own}/gain", "gain"),
        row(f"{own}/pan", "pan"),
        *(row(f"{own}/z/{i}/{side}", f"{SIDES[side]}z{i}", i) for i in range(latents)),
        row(f"{own}/source", "source"),
        row(f"{own}/speed", "speed"),
        row(f"{own}/temperature", "temp"),
        row(f"{own}/seed", "seed"),
        *(row(f"{own}/{key}", label) for key, label in _OF_SOURCE.get(source, ())),
        *(row(f"input/{key}", label) for key, label in (_INPUT if source == "input" else ())),
    )


_OF_SOURCE = {
    "input": (("wet", "wet"), ("silence", "silent")),
    "file": (("wet", "wet"), ("file/start", "start"), ("file/end", "end"), ("file/loop", "loop")),
    "deck": (("wet", "wet"), ("from", "from")),
}
_INPUT = (("gain", "in"), ("highpass", "low cut"), ("gate", "gate"), ("monitor", "monitor"))


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
