"""Messages between the stage and the mixers (`perform.audio.mixer_process`)."""

from __future__ import annotations

from perform.core.messages.message import Order, Report

#: on a JACK server: our port's name without the client, the other port's with it, "out_0" and "desk:in"
Connections = tuple[tuple[str, str], ...]


class StartMixer(Order, frozen=True):
    """The first order to a mixer.

    device, input : names of the output and input device; None: choose
    rate, block   : in Hz and frames; None: as the device prefers
    patient       : wait for a late deck instead of fading it out
    connections   : on a JACK server, those of the last device mixer; None: unknown
    cue           : first output of the cue, counted from 1, or the name of another device; "": no cue
    """

    arena: str
    device: str | None
    input: str | None
    rate: float | None
    block: int | None
    patient: bool
    connections: Connections | None = None
    cue: str = ""


class OwnerChanged(Order, frozen=True):
    """Another mixer owns the decks: the meter `owner` says which."""


class MixerReady(Report, frozen=True):
    """The clock mixer runs."""


class DeviceWaiting(Report, frozen=True):
    """No device can be opened; the device mixer keeps trying."""

    error: str


class DevicePlaying(Report, frozen=True):
    """The device is open.

    device      : its name, rate and block, for the log
    why         : the reason for this choice
    rate        : Hz
    input_error : why there is no live input; "" if there is one
    cue         : outputs of the cue, or why it has none; "" if no cue was asked for
    """

    device: str
    why: str
    rate: float
    input_error: str
    cue: str = ""


class DeviceConnected(Report, frozen=True):
    """The connections on a JACK server have changed."""

    connections: Connections


class CueChanged(Report, frozen=True):
    """The cue's own device is gone, or back; text: a line for the log."""

    text: str


class DeviceLost(Report, frozen=True):
    """The device makes no more audio callbacks; the device mixer ends."""

    device: str


MixerOrder = StartMixer | OwnerChanged
MixerReport = MixerReady | DeviceWaiting | DevicePlaying | DeviceConnected | CueChanged | DeviceLost
