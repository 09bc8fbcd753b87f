"""Actions for the whole stage: panic, master mute, input, recording, markers."""

from __future__ import annotations

from perform.core import params
from perform.stage.commands import KeepLastMinutes, StartRecording, StopRecording
from perform.tui.base_app import BaseApp
from perform.tui.paint import time as time_text


class StageKeys(BaseApp):
    """Actions for panic, mute, input and takes. What could spoil a set by accident takes two presses."""

    def action_panic(self) -> None:
        """Panic; a second press mutes the master."""
        if self.is_second_press("panic"):
            params.set_value(self.table, "master/mute", 1)
            self.show_notice("master muted; M unmutes")
            return
        params.trigger(self.table, "panic")
        self.show_notice("panic; press ! again within 2 s to mute the master")

    def action_master_mute(self) -> None:
        """Mute or unmute the master."""
        if self.view.learning:
            self.learn("master/mute")
            return
        muted = params.set_value(
            self.table, "master/mute", 0 if self.table[params.slot("master/mute")] else 1
        )
        self.show_notice("master muted; M unmutes" if muted else "master unmuted")

    def action_input(self) -> None:
        """Close the input; opening it takes two presses."""
        if self.learn_instead("input/open"):
            return
        if self.table[params.slot("input/open")]:
            params.set_value(self.table, "input/open", 0)
            self.show_notice("input closed")
        elif self.is_second_press("input"):
            params.set_value(self.table, "input/open", 1)
            self.show_notice("input open; press I to close it")
        else:
            self.show_notice(
                "a microphone near the loudspeakers feeds back; press I again within 2 s to open the input"
            )

    def action_record(self) -> None:
        """Start recording, also while learning; stopping takes two presses."""
        self.learn_too("take/record")
        if not self.read_frame().recording:
            self.stage_line.ask(StartRecording(), self.notice_answer("recording to"))
        elif self.is_second_press("record"):
            self.stage_line.ask(StopRecording(), self.notice_answer("recorded:"))
        else:
            self.show_notice("still recording; press r again within 2 s to stop")

    def action_record_stems(self) -> None:
        """Record with a file for each deck; stop as `action_record` does."""
        if self.read_frame().recording:
            self.action_record()
        else:
            self.learn_too("take/record")
            self.stage_line.ask(StartRecording(stems=True), self.notice_answer("recording with stems to"))

    def action_mark(self) -> None:
        """Put a marker into the take."""
        if self.learn_instead("take/mark"):
            return
        params.trigger(self.table, "take/mark")
        frame = self.read_frame()
        if frame.recording:
            seconds = frame.stage_meter("take/frames") / max(1.0, frame.stage_meter("rate"))
            self.show_notice(f"marker at {time_text(seconds)}")
        else:
            self.show_notice("marker set, but nothing is recording: R keeps the last minutes with it")

    def action_keep(self) -> None:
        """Save the last minutes as a take, also while learning."""
        self.learn_too("take/keep")
        self.show_notice("saving the last minutes as a take")
        self.stage_line.ask(KeepLastMinutes(), self.notice_answer("saved:"))
