"""The parameters that the cursor can select, one a row: those of a deck, then those of the stage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from perform.core import params
from perform.core.attributes import Attribute
from perform.core.spec import MODULE_DEFAULT, Spec
from perform.tui.paint import long, short

LatentParameter = Literal["bias", "scale", "mute", "freeze", "smooth", "level", "pitch", "silence"]
#: parameter of each latent that the rows can show -> prefix of the row's label
LATENT_PARAMETERS: dict[LatentParameter, str] = {
    "bias": "",
    "scale": "×",
    "mute": "m ",
    "freeze": "f ",
    "smooth": "s ",
    "level": "l ",
    "pitch": "p ",
    "silence": "∅ ",
}


_OF_INSERT = "› "  # begins the labels of an insert's rows


@dataclass(frozen=True, slots=True)
class ParameterRow:
    """One parameter: its short label, its address, its slot in the table."""

    label: str
    address: str
    slot: int
    spec: Spec
    latent: int = -1  #: number of the latent; -1 for other parameters
    attribute: Attribute | None = None  #: the attribute of the model; None for other parameters
    texts: tuple[str, ...] = ()  #: the song's texts for the attribute
    latent_label: str = ""  #: name of the latent, such as `pitch`

    def shown(self, value: float) -> float:
        """The value in use; an attribute that is not set shows the module default."""
        return self.attribute.shown(value) if self.attribute else value

    def short(self, value: float) -> str:
        """A value without its unit."""
        return self.attribute.text(value, self.texts) if self.attribute else short(self.spec, value)

    def long(self, value: float) -> str:
        """A value with its unit; for an unset attribute also "(default)", for an action how often it ran."""
        if self.spec.action:
            return f"{value:.0f} times; → runs it"
        if self.attribute is None:
            return long(self.spec, value)
        default = " (default)" if value <= MODULE_DEFAULT and not self.attribute.is_text else ""
        return self.attribute.text(value, self.texts) + default

    @property
    def name(self) -> str:
        """The address as words: `deck 1 z0 bias`, or `deck 1 z0 (pitch) bias`."""
        parts = self.address.split("/")
        if "insert" in parts and (self.attribute or "action" in parts):
            return " ".join([*parts[: parts.index("insert") + 1], self.label.removeprefix(_OF_INSERT)])
        if self.attribute or "action" in parts:
            return f"{parts[0]} {parts[1]} {self.label or parts[-1]}"
        if "z" in parts:
            latent = f"z{parts[3]} ({self.latent_label})" if self.latent_label else f"z{parts[3]}"
            return f"{parts[0]} {parts[1]} {latent} {parts[4]}"
        return " ".join(parts)


def row(address: str, label: str = "", latent: int = -1) -> ParameterRow:
    """The row of an address."""
    at = params.slot(address)
    return ParameterRow(label, address, at, params.SPEC_AT[at], latent)


def attribute_row(
    head: str, number: int, attribute: Attribute, texts: tuple[str, ...], prefix: str = ""
) -> ParameterRow:
    """The row of an attribute of a module, counted from 1.

    head   : `deck/1`, `deck/1/insert`
    prefix : of its label
    """
    address = f"{head}/attribute/{number}"
    spec = attribute.spec(texts)
    label = prefix + attribute.name
    return ParameterRow(label, address, params.slot(address), spec, attribute=attribute, texts=texts)


@lru_cache(64)
def insert_rows(
    insert: int, attributes: tuple[tuple[Attribute, tuple[str, ...]], ...], actions: tuple[str, ...]
) -> tuple[ParameterRow, ...]:
    """The rows of an insert with a module: 0 is the master's, N deck N's."""
    head = params.insert_head(insert)
    return (
        row(f"{head}/wet", f"{_OF_INSERT}wet"),
        *(
            attribute_row(head, i, *each, prefix=_OF_INSERT)
            for i, each in enumerate(attributes[: params.ATTRIBUTES], 1)
        ),
        *(
            row(f"{head}/action/{i}", _OF_INSERT + action)
            for i, action in enumerate(actions[: params.ACTIONS], 1)
        ),
    )


@lru_cache(256)
def deck_rows(
    deck: int,
    latents: int,
    shown: LatentParameter,
    attributes: tuple[tuple[Attribute, tuple[str, ...]], ...] = (),
    actions: tuple[str, ...] = (),
    source: str = "hand",
    modulators: tuple[str, ...] = (),
    labels: tuple[str, ...] = (),
    insert: tuple[ParameterRow, ...] = (),
) -> tuple[ParameterRow, ...]:
    """The rows of a deck, top to bottom: gain and latents, then those of its source and its model.

    shown      : which parameter of each latent the rows show
    attributes : attributes of the model, each with its texts
    actions    : names of the model's actions
    source     : name of the deck's source
    modulators : names of the modulators that move its parameters
    labels     : names of the model's latents, if they have any
    insert     : rows of its insert
    """
    head = f"deck/{deck}"
    return (
        row(f"{head}/gain", "gain"),
        row(f"{head}/pan", "pan"),
        *(
            replace(
                row(f"{head}/z/{i}/{shown}", f"{LATENT_PARAMETERS[shown]}z{i}", i),
                latent_label=labels[i] if i < len(labels) else "",
            )
            for i in range(min(latents, params.LATENTS))
        ),
        row(f"{head}/source", "source"),
        row(f"{head}/speed", "speed"),
        row(f"{head}/tune", "tune"),
        *([row(f"{head}/voices", "voices")] if "pitch" in labels else []),
        row(f"{head}/temperature", "temp"),
        row(f"{head}/width", "width"),
        row(f"{head}/seed", "seed"),
        *(row(f"{head}/{key}", label) for key, label in _OF_SOURCE.get(source, ())),
        *(row(f"input/{key}", label) for key, label in (_INPUT if source == "input" else ())),
        *(attribute_row(head, i, *each) for i, each in enumerate(attributes[: params.ATTRIBUTES], 1)),
        *(row(f"{head}/action/{i}", action) for i, action in enumerate(actions[: params.ACTIONS], 1)),
        *insert,
        *(each for modulator in modulators for each in _modulator_rows(modulator)),
    )


def _modulator_rows(modulator: str) -> list[ParameterRow]:
    """The rows of a modulator's parameters; those of macros are rows of the stage."""
    head = modulator.replace(" ", "/")
    short = modulator.replace(" ", "").replace("deck/", "")
    return [row(a, f"{short} {a[len(head) + 1 :]}") for a in params.ADDRESSES if a.startswith(f"{head}/")]


_OF_SOURCE = {
    "input": (("wet", "wet"), ("silence", "silent")),
    "file": (
        ("wet", "wet"),
        ("file/play", "play"),
        ("file/stop", "stop"),
        ("file/start", "start"),
        ("file/end", "end"),
        ("file/loop", "loop"),
        ("file/dry", "file dry"),
        ("file/wet", "file wet"),
    ),
    "deck": (("wet", "wet"), ("from", "from"), ("encode", "encode"), ("feedback", "feedback")),
}
_INPUT = (
    ("wet", "dry/wet"),
    ("gain", "in"),
    ("highpass", "low cut"),
    ("gate", "gate"),
    ("threshold", "comp at"),
    ("ratio", "comp"),
    ("channels", "channels"),
    ("monitor", "monitor"),
)


#: rows below those of a deck; they belong to the whole stage
STAGE_ROWS = (
    row("xfade", "X-FADE"),
    row("scene/morph", "MORPH"),
    row("scene/a", "a"),
    row("scene/b", "b"),
    row("tempo", "tempo"),
    row("quantise", "quantise"),
    row("clock/in", "clock in"),
    row("clock/bar", "bar"),
    row("clock/offset", "offset"),
    row("clock/out/offset", "out offset"),
    *(row(f"macro/{n}", f"{n}") for n in range(1, params.MACROS + 1)),
    row("master/gain", "gain"),
    row("master/ceiling", "ceiling"),
    row("stage/margin", "margin"),
    row("master/reference", "A"),
)
#: after them, while the cue has outputs
CUE_ROWS = (row("cue/mix", "mix"), row("cue/level", "level"))


@lru_cache(1024)
def name(address: str) -> str:
    """An address as words; an unknown address unchanged."""
    return row(address).name if address in params.SLOTS else address
