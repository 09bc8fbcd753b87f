"""Events of controls: the new value of a control, as sent and as a position from 0 to 1."""

from __future__ import annotations

from typing import NamedTuple

from perform.control.control_names import ControlId


class ControlEvent(NamedTuple):
    """One movement of a control.

    value    : as sent: 0..127, 0..16383 for 14 bits, pitch bend -8192..8191
    position : 0..1; the middle value (64, 8192, bend 0) is exactly 0.5
    down     : a note that begins, or a value in the upper half
    release  : a note that ends
    size     : how many values the control has
    step     : 1 for an increment message, -1 for a decrement, 0 for a value
    member   : the MPE channel of a finger and of its note; 0 for other controls
    bend     : semitones by which this finger bends
    """

    source: ControlId
    value: int
    position: float
    down: bool
    release: bool = False
    size: int = 128
    step: int = 0
    member: int = 0
    bend: float = 0.0


def centred(value: int, size: int = 128) -> float:
    """Return the position of a value: 0 -> 0, the middle (64 of 128) -> 0.5, the last one -> 1."""
    half = size // 2
    return value / size if value <= half else 0.5 + (value - half) / (2 * (size - 1 - half))


def value_event(source: ControlId, value: int, size: int = 128) -> ControlEvent:
    """Return the event of a control that sends values from 0 to `size` - 1."""
    return ControlEvent(source, value, centred(value, size), 2 * value >= size, size=size)
