"""The lamps of the connected devices: their outputs are opened while no control moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from perform.control.binding import Binding
from perform.control.controller_device import ControllerDevice
from perform.control.lamps import ControlLamps, PortLamps
from perform.control.midi_outputs import MidiOutputs
from perform.core.knob_ranges import KnobRanges

REST_S = 0.25  #: no control moves if there was no message for this long
LONGEST_WAIT_S = 3.0  #: the lamps of a device light at last after this long


class DeviceLamps:
    """[main] Which lamps `ControlLamps` lights.

    bindings_of : the bindings in use of a port
    """

    def __init__(
        self, lamps: ControlLamps, knobs: KnobRanges, bindings_of: Callable[[str], Sequence[Binding]]
    ) -> None:
        self._lamps, self._knobs, self._bindings_of = lamps, knobs, bindings_of
        self._wanted_at = 0.0

    def use(self, outputs: MidiOutputs | None, devices: Mapping[str, ControllerDevice]) -> None:
        """Show the bindings in use on all lamps. devices: by port."""
        opened = outputs.opened if outputs else {}
        self._lamps.use(
            {
                port: PortLamps(
                    port, devices[port], self._bindings_of(port), self._knobs, output.send_message
                )
                for port, (_, output) in opened.items()
                if port in devices  # else it is unplugged, and its output not closed yet
            }
        )

    def poll(self, outputs: MidiOutputs, devices: Mapping[str, ControllerDevice], played_at: float) -> None:
        """Open the outputs of devices with lamps while no control moves, or after a while.

        played_at : monotonic seconds of the last message
        """
        now = time.monotonic()
        wanted = {port: device for port, device in devices.items() if device.has_lamps or device.hello}
        if wanted.keys() <= outputs.opened.keys():
            self._wanted_at = now
        rests = now - played_at > REST_S or now - self._wanted_at > LONGEST_WAIT_S
        if outputs.poll(wanted, may_open=rests):
            self.use(outputs, devices)
