"""Writes docs/osc/open-stage-control.json, a touch screen for Open Stage Control. `python docs/osc_layout.py`

Eight decks in tabs: gain, pan, the first eight latents, mute and freeze; then songs, scenes and tempo.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from perform.core import params
from perform.core.params import DECKS, SCENES

FILE = Path(__file__).parent / "osc" / "open-stage-control.json"
TARGET = "127.0.0.1:9000"
LATENTS = 8  #: of each deck

Widget = dict[str, Any]


def page() -> str:
    """The session as Open Stage Control saves one."""
    root = {"type": "root", "id": "root", "tabs": [*(_deck(d) for d in range(1, DECKS + 1)), _stage()]}
    session = {"createdWith": "Open Stage Control", "version": "1.25.0", "type": "session", "content": root}
    return json.dumps(session, indent=1) + "\n"


def _tab(name: str, widgets: list[Widget]) -> Widget:
    return {
        "type": "tab",
        "id": name,
        "label": name,
        "layout": "horizontal",
        "innerPadding": True,
        "widgets": widgets,
    }


def _widget(kind: str, address: str, label: str, **more: Any) -> Widget:
    return {
        "type": kind,
        "id": address,
        "label": label,
        "address": f"/{address}",
        "target": TARGET,
        "expand": True,
        "bypass": False,
        **more,
    }


def _fader(address: str, label: str) -> Widget:
    spec = params.SPECS[address]
    return _widget(
        "fader",
        address,
        label,
        range={"min": spec.low, "max": spec.high},
        default=spec.default,
        typeTags="f",
        decimals=3,
        design="compact",
    )


def _toggle(address: str, label: str) -> Widget:
    return _widget("button", address, label, mode="toggle", on=1, off=0, typeTags="f")


def _tap(address: str, label: str, value: float = 1) -> Widget:
    return _widget("button", address, label, mode="tap", on=value, off=0, typeTags="f")


def _deck(deck: int) -> Widget:
    head = f"deck/{deck}"
    latents = [_fader(f"{head}/z/{i}/bias", f"z{i}") for i in range(LATENTS)]
    switches = [_toggle(f"{head}/{key}", key) for key in ("mute", "solo", "freeze")]
    return _tab(
        f"deck {deck}", [_fader(f"{head}/gain", "gain"), _fader(f"{head}/pan", "pan"), *latents, *switches]
    )


def _stage() -> Widget:
    scenes = [
        _tap("scene/recall", f"scene {n}", n) | {"id": f"scene/recall {n}"} for n in range(1, SCENES + 1)
    ]
    actions = (("song/next", "next"), ("song/go", "go"), ("clock/tap", "tap"), ("panic", "panic"))
    faders = [_fader(a, a.split("/")[-1]) for a in ("xfade", "scene/morph", "tempo", "master/gain")]
    return _tab("stage", [*faders, *(_tap(*action) for action in actions), *scenes])


if __name__ == "__main__":
    FILE.write_text(page())
