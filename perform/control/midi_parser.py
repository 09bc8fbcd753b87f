"""From MIDI messages to control events: 7 and 14 bits, NRPN and RPN, bend, pressure, notes, programs, MPE.

Two messages are one control only if a mapping says so (`cc 12/44`) or the MIDI standard does (CC 99 and 98,
then CC 6). The first half of a 14-bit value waits up to 5 ms for the second half, so that no value between
the two is ever heard. A control that never sends an LSB is read as 7 bits, without a wait.

The state is bounded: per channel the selected parameter and the bank, and a few numbers per mapped control.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import mido

from perform.control.control_names import ANY_KEY, LAST_CC, ControlId, banked_program, ccs_of_pair
from perform.control.control_values import ControlEvent, centred, value_event
from perform.control.mpe_zones import SLIDE_CC, MpeZones

HOLD_S = 0.005  #: an MSB waits this long for its LSB
_SWAPPED = 2  #: MSBs after lone LSBs until a device counts as one that sends LSBs first
_MOST = 1024  #: 14-bit controls whose halves are remembered
_SELECT = {99: ("nrpn", 0), 98: ("nrpn", 1), 101: ("rpn", 0), 100: ("rpn", 1)}  #: CC -> kind, half
_MSB, _LSB, _UP, _DOWN = "msb", "lsb", "up", "down"
_DATA_ENTRY = {6: _MSB, 38: _LSB, 96: _UP, 97: _DOWN}  #: CC -> its meaning for the selected parameter
_DATA_MSB = 6
_BANK_SELECT = (0, 32)
_ZONE_RPN, _BEND_RPN = 6, 0  #: of MPE
_OF_FINGERS = ("note_on", "note_off", "aftertouch", "control_change", "pitchwheel")
_NO_PARAMETER = 128 * 127 + 127


class _Halves:
    """The halves of a 14-bit value.

    fine : an LSB has come, so a half waits for the other one
    held : time at which a half began to wait; None if none waits
    lone : time of an LSB for which no MSB waited; None if the last one completed a value
    swapped : how often in a row an MSB came right after such an LSB: the device sends LSBs first
    """

    def __init__(self) -> None:
        self.msb = self.lsb = 0
        self.fine = False
        self.held: float | None = None
        self.lone: float | None = None
        self.swapped = 0

    @property
    def lsb_first(self) -> bool:
        return self.swapped >= _SWAPPED

    def event(self, source: ControlId) -> ControlEvent:
        if self.fine:
            return value_event(source, 128 * self.msb + self.lsb, 16384)
        return value_event(source, self.msb)


class MidiParser:
    """[control] The messages of one port. `mapped` decides whether two CCs are one control.

    song_has_fingers : the song lets fingers modulate, so MPE is read even if no mapping binds a finger
    """

    def __init__(self) -> None:
        self._fingers = self.song_has_fingers = False  # the mapping wants MPE
        self._keys = False  # it has keys: a device that announces MPE plays them with its fingers
        self._routing: tuple[Collection[ControlId], dict[tuple[int, int], tuple[ControlId, str]]] = ((), {})
        self.reset()

    def reset(self) -> None:
        """Forget everything: the device is gone."""
        self._halves: dict[ControlId, _Halves] = {}
        self._zones = MpeZones()
        self._held: set[ControlId] = set()
        self._pressures: dict[int, dict[int, int]] = {channel: {} for channel in range(1, 17)}  # by key
        self._selected = dict.fromkeys(range(1, 17), ("nrpn", _NO_PARAMETER))
        self._banks = {(channel, cc): 0 for channel in range(1, 17) for cc in _BANK_SELECT}

    def use(
        self,
        mapped: Collection[ControlId],
        updown: Collection[ControlId] = (),
        *,
        keys: bool = False,
    ) -> None:
        """[main] From the next message on, these controls are mapped.

        updown : pairs of CCs of which the first counts up and the second down
        keys   : some of the notes are a keyboard's
        """
        pairs = {}
        for control in mapped:
            if control.kind == "cc" and (ccs := ccs_of_pair(control.number)):
                roles = (_UP, _DOWN) if control in updown else (_MSB, _LSB)
                for cc, role in zip(ccs, roles, strict=True):
                    pairs[control.channel, cc] = control, role
        self._fingers = any(control.kind == "finger" for control in mapped)
        self._keys = keys
        self._routing = mapped, pairs

    def parse(self, data: Sequence[int], now: float = 0.0) -> Sequence[ControlEvent]:
        """Return the events of one MIDI message; none for clock, SysEx, channel mode and invalid bytes."""
        try:
            message = mido.Message.from_bytes(data)
        except (ValueError, IndexError, TypeError):  # mido raises these for invalid bytes
            return ()
        # a finger is released even if its mapping has gone
        mpe = self._fingers or self.song_has_fingers or self._zones.playing
        mpe = mpe or (self._keys and self._zones.are_announced)
        if not (mpe and message.type in _OF_FINGERS and self._zones.master_of(message.channel + 1)):
            return self._plain(message, now)
        events, mapped = self._finger(message, now), self._routing[0]
        if self._fingers or message.type in ("note_on", "note_off"):
            return events
        plain = [it for it in self._plain(message, now) if it.source in mapped and it not in events]
        return [*events, *plain]  # what the mapping binds plays as without the song's fingers

    def _finger(self, message: mido.Message, now: float) -> Sequence[ControlEvent]:
        """A message on a member channel of an MPE zone."""
        channel = message.channel + 1
        match message.type:
            case "note_on" | "note_off":
                down = message.type == "note_on" and message.velocity > 0
                bend = self._zones.bend(channel)
                note = [
                    it._replace(member=channel, bend=bend)
                    for it in self._plain(message, now)
                    if it.source in self._routing[0]
                ]
                fingers = self._zones.note(channel, message.note, down=down)
                return [*note, *fingers] if down else [*fingers, *note]
            case "aftertouch":
                return self._zones.move(channel, 0, message.value)
            case "control_change" if message.control == SLIDE_CC:
                return self._zones.move(channel, 1, message.value)
            case "pitchwheel":
                return self._zones.move(channel, 2, message.pitch)
        return self._plain(message, now)

    def _plain(self, message: mido.Message, now: float) -> Sequence[ControlEvent]:
        match message.type:
            case "control_change" if message.control <= LAST_CC:
                return self._control_change(message.channel + 1, message.control, message.value, now)
            case "note_on" | "note_off":
                velocity = message.velocity if message.type == "note_on" else 0
                source = ControlId("note", message.note, message.channel + 1)
                note = ControlEvent(source, velocity, centred(velocity), velocity > 0, release=velocity == 0)
                return (note, *self._released_key(message.channel + 1, message.note, velocity))
            case "pitchwheel":
                pitch, source = message.pitch, ControlId("bend", 0, message.channel + 1)
                return (ControlEvent(source, pitch, centred(pitch + 8192, 16384), pitch > 0, size=16384),)
            case "aftertouch":
                return (value_event(ControlId("pressure", 0, message.channel + 1), message.value),)
            case "polytouch":
                return self._key_pressure(message.channel + 1, message.note, message.value)
            case "program_change":
                return (self._program(message.channel + 1, message.program),)
        return ()

    def _key_pressure(self, channel: int, key: int, value: int) -> Sequence[ControlEvent]:
        """The pressure of one key, and that of the key that is pressed hardest."""
        mapped, keys = self._routing[0], self._pressures[channel]
        keys[key] = value
        one, hardest = (ControlId("poly", number, channel) for number in (key, ANY_KEY))
        events = [value_event(hardest, max(keys.values()))] if hardest in mapped else []
        return [*events, value_event(one, value)] if one in mapped or not events else events

    def _released_key(self, channel: int, key: int, velocity: int) -> Sequence[ControlEvent]:
        """The pressure of the keys that are still pressed, when one is let go."""
        if velocity or self._pressures[channel].pop(key, None) is None:
            return ()
        hardest = ControlId("poly", ANY_KEY, channel)
        pressure = max(self._pressures[channel].values(), default=0)
        return (value_event(hardest, pressure),) if hardest in self._routing[0] else ()

    def overdue(self, now: float) -> Sequence[ControlEvent]:
        """Return the values whose LSB did not come in time; call it between messages."""
        if not self._held:
            return ()
        late = [it for it in self._held if now - (self._halves[it].held or 0.0) >= HOLD_S]
        return [self._release(source) for source in late]

    @property
    def is_waiting(self) -> bool:
        """Whether an MSB waits for its LSB, so that `overdue` must be called soon."""
        return bool(self._held)

    def _control_change(self, channel: int, cc: int, value: int, now: float) -> Sequence[ControlEvent]:
        mapped, pairs = self._routing
        raw = ControlId("cc", cc, channel)
        if cc in _BANK_SELECT:
            self._banks[channel, cc] = value
        if cc in _SELECT:
            self._select(channel, cc, value)
            return (value_event(raw, value),) if raw in mapped else ()
        if pair := pairs.get((channel, cc)):
            return self._half(pair[0], pair[1], value, now)
        if cc in _DATA_ENTRY:
            kind, number = self._selected[channel]
            entered = ControlId("rpn" if kind == "rpn" else "nrpn", number, channel)
            released: Sequence[ControlEvent] = ()
            if kind == "rpn" and cc == _DATA_MSB:
                released = self._configure_zone(channel, number, value)
            if number != _NO_PARAMETER and (entered in mapped or raw not in mapped):
                return (*released, *self._half(entered, _DATA_ENTRY[cc], value, now))
            return (*released, value_event(raw, value))
        return (value_event(raw, value),)

    def _configure_zone(self, channel: int, parameter: int, value: int) -> Sequence[ControlEvent]:
        """Set what an RPN of MPE says; returns the releases of fingers that no longer play in a zone."""
        if parameter == _ZONE_RPN and channel in (1, 16):
            return self._zones.configure(channel, value)
        if parameter == _BEND_RPN:
            self._zones.set_bend_range(channel, value)
        return ()

    def _select(self, channel: int, cc: int, value: int) -> None:
        kind, half = _SELECT[cc]
        was, number = self._selected[channel]
        msb, lsb = divmod(number if was == kind else _NO_PARAMETER, 128)
        msb, lsb = (value, lsb) if half == 0 else (msb, value)
        self._selected[channel] = kind, 128 * msb + lsb

    def _half(self, source: ControlId, role: str, value: int, now: float) -> Sequence[ControlEvent]:
        if role in (_UP, _DOWN):
            step = 1 if role == _UP else -1
            return (ControlEvent(source, step, 0.5, False, step=step),)
        halves = self._halves.get(source)
        if halves is None:
            if len(self._halves) >= _MOST:
                oldest = next(iter(self._halves))
                self._held.discard(oldest)
                del self._halves[oldest]
            halves = self._halves[source] = _Halves()
        waits, last = source in self._held, role == (_MSB if halves.lsb_first else _LSB)
        before = (self._release(source),) if waits and not last else ()
        if role == _LSB:
            halves.lsb, halves.fine = value, True
            if waits and not halves.lsb_first:
                halves.lone, halves.swapped = None, 0
            else:
                halves.lone = now
        else:
            halves.msb = value
            if halves.lone is not None and now - halves.lone <= HOLD_S and not halves.lsb_first:
                halves.swapped += 1
            halves.lone = None
        if last or not halves.fine:
            return (self._release(source),)
        halves.held = now
        self._held.add(source)
        return before

    def _release(self, source: ControlId) -> ControlEvent:
        self._held.discard(source)
        self._halves[source].held = None
        return self._halves[source].event(source)

    def _program(self, channel: int, program: int) -> ControlEvent:
        mapped = self._routing[0]
        msb, lsb = (self._banks[channel, cc] for cc in _BANK_SELECT)
        for number in (banked_program(msb, lsb, program + 1), program + 1, 0):
            source = ControlId("program", number, channel)
            if source in mapped:
                return ControlEvent(source, program, 1.0, True)
        return ControlEvent(ControlId("program", 0, channel), program, 1.0, True)
