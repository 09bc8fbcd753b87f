"""What only this screen knows: cursors, a notice, learning. Nothing here changes the sound."""

from __future__ import annotations

from dataclasses import dataclass, field

from perform.core.messages.control_messages import BindingOptions, BindingRow
from perform.stage.status import BindingStatus
from perform.tui.located import Located
from perform.tui.parameter_rows import LatentParameter


@dataclass
class ScreenState:
    """What only this screen knows: cursors, a notice, learning. Nothing here changes the sound."""

    selected: dict[int, str] = field(default_factory=dict)  #: deck -> address that its cursor is on
    top: dict[int, int] = field(default_factory=dict)  #: deck -> first row its panel shows
    latent_parameter: LatentParameter = "bias"  #: which parameter of each latent the rows show
    axes: dict[int, tuple[int, int]] = field(default_factory=dict)  #: deck -> latents of its pad, x and y
    macro_pad: bool = False  #: pads move two macros, not two latents
    macro_axes: tuple[int, int] = (0, 1)  #: indices of these macros, x and y
    zoomed: bool = False  #: pads show another range than the knobs, see `perform.tui.axes`
    arming: int = 0  #: song that the stage was asked to arm, until it answers
    locked: bool = False  #: the stage layout is shown, and locked
    prefix: str = ""  #: action of the next F2 to F9 on its scene
    prefix_until: float = 0.0
    learning: str = ""  #: address that the next control is mapped to, or ""
    learn_options: BindingOptions = field(default_factory=BindingOptions)  #: how that control is to move it
    learn_confirmed: bool = False  #: the stage has confirmed that it is learning
    control_rows: tuple[BindingRow, ...] = ()  #: every binding of the connected devices
    control_rows_of: tuple[BindingStatus, ...] | None = None  #: of the status for which they were listed
    locate: Located | None = None  #: what is shown of controls; None: the player locates nothing
    notice: str = ""
    notice_until: float = 0.0
    gone: bool = False  #: the stage has ended
    silence: float = 0.0  #: seconds since the oldest command without an answer
    dropouts: float = -1.0  #: last count of dropouts; -1 before the first frame
    dropout_at: float = -1.0  #: time of the last dropout; -1: none
    frames_at: float = 0.0  #: time at which the mixer last counted up
    frames: float = -1.0  #: the mixer's last count

    def shown_as(self, now: float) -> tuple[object, ...]:
        """What the player sees of it; compared to find changes."""
        return (
            *(
                tuple(self.selected.items()),
                self.latent_parameter,
                self.arming,
                self.learning,
                self.learn_options,
            ),
            *(self.learn_confirmed, self.locate, self.gone, self.dropouts, tuple(self.top.items())),
            *(self.prefix if now < self.prefix_until else "", self.notice if now < self.notice_until else ""),
            *(tuple(self.axes.items()), self.macro_pad, self.macro_axes, self.zoomed, self.locked),
        )
