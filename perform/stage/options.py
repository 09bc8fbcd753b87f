"""The options of a stage: how to play a set."""

from __future__ import annotations

from typing import Literal

import msgspec


class StageOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to play. None and "" mean that the stage chooses."""

    set: str = ""  #: a name or path; "": the set that was playing when the last stage crashed, else `demo`
    fresh: bool = False  #: do not resume after a crash
    device: str | None = None  #: "null" for no device
    input: str | None = None  #: input device; None: no live input
    cue: str = ""  #: first output of the cue, or another device for it; "": no cue
    rate: int | None = None  #: Hz
    block: int | None = None  #: frames
    patient: bool = False  #: wait for every deck: for a server that runs ahead of time
    mapping: str = ""  #: used instead of the set's
    margin: Literal["tight", "normal", "safe"] | None = None  #: used instead of the set's
    gpu: tuple[str, ...] = ()  #: names of the models that render on the GPU
    openvino: tuple[str, ...] = ()  #: names of the models that OpenVINO renders
    ports: tuple[str, ...] = ()  #: use only MIDI ports whose name contains one of these; empty: all
    osc: str = ""  #: receive OSC here, "127.0.0.1:9000"; "": nowhere
    clock_out: str = ""  #: send MIDI clock to the port whose name contains this; "": to none
    record: bool = False  #: start recording as soon as the set plays
    stems: bool = False  #: takes have a file for each deck
    pre: bool = False  #: takes have a file from before the limiter
    float32: bool = False  #: 32-bit float instead of 24-bit PCM
    retro: float = 5.0  #: minutes of the past kept in memory
    seconds: float | None = None  #: stop after this time
