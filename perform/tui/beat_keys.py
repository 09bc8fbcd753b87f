"""Actions for the beat: tap the tempo, begin the bar, quantise."""

from __future__ import annotations

from perform.core import params
from perform.tui.base_app import BaseApp


class BeatKeys(BaseApp):
    """Actions for tempo and beat."""

    def action_tap(self) -> None:
        """Tap the tempo."""
        if not self.learn_instead("clock/tap"):
            params.trigger(self.table, "clock/tap")

    def action_start_beat(self) -> None:
        """Begin the bar now."""
        if not self.learn_instead("clock/start"):
            params.trigger(self.table, "clock/start")
            self.show_notice("beat 1")

    def action_stop_devices(self) -> None:
        """Stop the devices that get our MIDI clock; the next time, let them continue."""
        frame = self.read_frame()
        action = "stop" if frame.stage_meter("clock/plays") else "continue"
        if self.learn_instead(f"clock/{action}"):
            return
        if not frame.status.clock_out:
            self.show_notice("no device gets our MIDI clock: start perform with --clock-out")
            return
        params.trigger(self.table, f"clock/{action}")
        self.show_notice(f"{frame.status.clock_out}: {action}")

    def action_quantise(self) -> None:
        """Quantise to the beat, to the bar, or not at all."""
        if self.learn_instead("quantise"):
            return
        modes = params.SPECS["quantise"].choices
        wanted = (int(self.table[params.slot("quantise")]) + 1) % len(modes)
        params.set_value(self.table, "quantise", wanted)
        waits = f"loops, scenes and go wait for the {modes[wanted]}; a second press acts at once"
        self.show_notice(waits if wanted else "loops, scenes and go act at once")
