"""The status bar: recording, load, dropouts, songs and problems; visible under every dialog."""

from __future__ import annotations

from functools import partial

from perform.core.arena_layout import NO_MIXER
from perform.core.params import slot
from perform.tui.paint import Ink
from perform.tui.screen_frame import ScreenFrame
from perform.tui.widgets.foot import has_heading
from perform.tui.widgets.kept_lines import SELDOM, KeptLines
from perform.tui.widgets.line_widget import LinePen, LineWidget, MouseTarget
from perform.tui.widgets.meter_line import draw_meter_line
from perform.tui.widgets.song_heading import LINES, draw_heading
from perform.tui.widgets.song_line import draw_songs
from perform.tui.widgets.song_strip import draw_song_strip

_MUTE = slot("master/mute")
_STALLED = 1.0  #: seconds without a block after which the mixer counts as stopped
_SILENT = 2.0  #: seconds without an answer after which the stage counts as not answering


class StatusBar(LineWidget):
    """Meters; current and armed song; devices, or an alarm; the songs in big letters; all songs."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._kept = KeptLines()
        self._detail = 0  # of the first line, for this width and these numbers
        self._width, self._printed = 0, list[float]()

    def draw(self, frame: ScreenFrame, ink: Ink, hits: list[MouseTarget] | None) -> list[LinePen]:
        """Draw seven lines, three without big letters, two without the songs."""
        width, height = self.size
        pens = [LinePen(ink, y, 0, hits) for y in range(max(2, height))]
        if hits is None:
            self._kept.begin_frame()
        self._kept.draw(0, pens[:1], width, frame, partial(self._draw_meters, pens[0], frame, width), True)
        self._kept.draw(1, pens[1:], width, frame, partial(_below, pens[1:], frame, width), True, SELDOM)
        return pens

    def _draw_meters(self, pen: LinePen, frame: ScreenFrame, width: int) -> None:
        if width != self._width or frame.printed is not self._printed:  # more may fit
            self._detail, self._width, self._printed = 0, width, frame.printed
        self._detail = draw_meter_line(pen, frame, width, self._detail)


def _below(pens: list[LinePen], frame: ScreenFrame, width: int) -> None:
    """The lines below the meters."""
    if len(pens) > 1:
        draw_songs(pens[0], frame, width)
    last = pens[min(1, len(pens) - 1)]
    if len(pens) > 2 + LINES:
        draw_heading(pens[2 : 2 + LINES], frame, width)
        draw_song_strip(pens[2 + LINES], frame, width)
    alarm, action = _alarm(frame)
    if alarm:
        last.target(width, action=action)
        last.text(alarm.center(width), last.ink.alert, width)
    else:
        _devices(last, frame, width)


def status_height(width: int, height: int, frame: ScreenFrame) -> int:
    """Lines of the status bar on a screen of this size."""
    return 4 + LINES if has_heading(width, height, frame) else 3 if height >= 8 else 2


def _alarm(frame: ScreenFrame) -> tuple[str, str]:
    """The most urgent problem, and the action of a click on it."""
    view = frame.view
    if view.gone:
        return "▲ the stage has ended: press ctrl+q to leave", "app.quit"
    if waiting := frame.stage_meter("take/waiting"):
        rate = max(1.0, frame.stage_meter("rate"))
        lost = frame.stage_meter("take/missed") / rate
        held = f"{lost:.0f} s LOST" if lost else f"{waiting / rate:.0f} s wait in memory"
        return f"■ ■ ■   THE TAKE CANNOT BE WRITTEN: free disk space; {held}   ■ ■ ■", ""
    if frame.table[_MUTE] > 0:
        return "■ ■ ■   MASTER MUTED: press M to unmute   ■ ■ ■", "app.master_mute"
    if frame.stage_meter("owner") == NO_MIXER and frame.status.set:
        return "▲ no mixer is running: a new one is starting", ""
    if frame.now - view.frames_at > _STALLED and frame.stage_meter("frames") > 0:
        return "▲ the mixer has stopped", ""
    if view.silence > _SILENT:
        return f"▲ the stage has not answered for {view.silence:.0f} s; the knobs still work", ""
    return "", ""


def _devices(pen: LinePen, frame: ScreenFrame, width: int) -> None:
    """Audio device, MIDI devices by name with their activity, OSC, clock, mapping, set."""
    status, ink = frame.status, pen.ink
    device = status.device or "waiting for the stage…"
    missing = device.startswith("no ")
    if missing and "perform devices" not in device:
        device += "; see `perform devices`"
    parts = [(device, ink.dim)]
    if status.midi_error and not status.midi:
        parts.append((f"MIDI: {status.midi_error}", ink.mark if frame.controllers_wanted else ink.dim))
    parts += [
        (f"{'●' if frame.is_active(port) else '○'} {port}", ink.text if frame.is_active(port) else ink.dim)
        for port in status.midi
    ]
    if status.osc:
        parts.append((f"OSC {status.osc}", ink.dim))
    if status.clock_out:
        plays = "▶" if frame.stage_meter("clock/plays") else "■"
        parts.append((f"{plays} clock to {status.clock_out}", ink.dim))
    if status.mapping:
        others = f" +{status.other_mappings}" if status.other_mappings else ""
        parts.append((f"mapping {status.mapping}{others}", ink.dim))
    if status.set:
        parts.append((f"set {status.set}", ink.dim))
    for i, (text, style) in enumerate(parts):
        gap = " " if i == 0 else " │ "
        room = width - pen.x - len(gap)
        if room < 4:
            return
        pen.text(gap, ink.frame)
        pen.text(text, style, min(len(text), room))
