"""Messages between the stage and the control process (`perform.control.control_process`)."""

from __future__ import annotations

from msgspec import Struct

from perform.core.messages.message import Order, Report


class StartControl(Order, frozen=True):
    """The first order to the control process.

    mapping : name or path; "": the mapping made for the connected controllers
    ports   : use only MIDI ports whose name contains one of these; empty: all
    """

    arena: str
    mapping: str
    ports: tuple[str, ...]


class BindingOptions(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a learnt control moves its parameter; the fields are those of a binding in a mapping file.

    None, 0, False and `accel` 1 leave a field to its default.
    """

    value: float | str | None = None
    range: tuple[float, float] | None = None
    curve: str | tuple[float, ...] | None = None
    mode: str | None = None
    takeover: str | None = None
    invert: bool = False
    deadzone: float = 0.0
    step: float | None = None
    steps: int | None = None
    accel: float = 1.0


class LearnControl(Order, frozen=True):
    """Map the next control that moves to an address; "" ends learning.

    range : of the control, for an address without a range, if the options name none
    song  : write to the song's mapping, or to a new one of about this name; "": to the player's of the device
    """

    address: str
    range: tuple[float, float] | None = None
    options: BindingOptions = BindingOptions()
    song: str = ""


class UndoBinding(Order, frozen=True):
    """Take back the last change of the mappings: a learnt control, or one that was removed."""


class UnlearnControl(Order, frozen=True):
    """Remove every binding of an address."""

    address: str


class LoadMapping(Order, frozen=True):
    """Use a mapping that the player chose, by name or path."""

    path: str


class UseLayers(Order, frozen=True):
    """Lay the mappings of the set and its song over those of the devices: names or paths, "" for none."""

    set: str
    song: str


class ListBindings(Order, frozen=True):
    """Report every binding of the connected devices."""


class WriteMapping(Order, frozen=True):
    """Save the mapping in use under a name, or at `path` instead of the player's folder."""

    name: str
    path: str = ""


class MidiPortsChanged(Report, frozen=True):
    """The MIDI ports that are open; `error` says why there are no more."""

    open: tuple[str, ...]
    error: str


class MappingChanged(Report, frozen=True):
    """The mappings in use.

    name     : of the song's mapping, else the set's, the chosen one, or that of the first device
    path     : of the mapping that the player chose, else of the one named
    bindings : (address, control as the screen names it)
    changed  : a learnt binding is not on disk yet
    follows  : the player chose none: each controller brings its own mapping
    others   : mappings of other controllers than the first, besides the one named
    """

    name: str
    path: str
    bindings: tuple[tuple[str, str], ...]
    changed: bool
    follows: bool
    others: int = 0


class BindingRow(Struct, frozen=True):
    """One binding of one port, and why it moves its parameter, or why not.

    port      : the device's name
    control   : name of the control on the device, or the message if the device has no name for it
    sends     : the message: "1:CC16"
    to        : the address; "nothing"
    mode      : what a movement does: "absolute", "toggle"; "" for nothing
    takeover  : how a knob takes over its parameter; "" for controls without a position
    layer     : "generic", "device", "player", "set" or "song"
    mapping   : name of the mapping
    hidden_by : the layer and the mapping that hide it; "" where it plays
    audible   : the number of the latent in `to` counts only latents that can be heard
    inverted  : turned to the right, or upwards, it lowers its parameter
    """

    port: str
    control: str
    sends: str
    to: str
    mode: str
    takeover: str
    layer: str
    mapping: str
    hidden_by: str = ""
    audible: bool = False
    inverted: bool = False

    @property
    def how(self) -> str:
        """Mode and takeover: `absolute, scale`; `audible` where the latent is counted so."""
        words = (self.mode, self.takeover, "audible" if self.audible else "")
        return ", ".join(word for word in words if word)

    @property
    def why(self) -> str:
        """The layer and the mapping, or what hides them: `player my box`, `hidden by song dawn`."""
        return f"hidden by {self.hidden_by}" if self.hidden_by else f"{self.layer} {self.mapping}"


class BindingsListed(Report, frozen=True):
    """Every binding of the connected devices: device after device, each from the lowest layer up."""

    rows: tuple[BindingRow, ...]


class ControlTouched(Report, frozen=True):
    """A control moved.

    address : the parameter it is mapped to, or ""
    turn    : steps of 127 to turn it until it meets the parameter, positive to the right
    port, sends : its device, and its message as in a `BindingRow`, with the channel
    """

    text: str
    address: str
    turn: int = 0
    port: str = ""
    sends: str = ""


class ControlLearned(Report, frozen=True):
    """A control has been mapped to an address.

    lost : what no longer happens, one line each: "Box CC16 no longer moves deck/1/pan"
    song : name of the song's mapping, if the binding was written there
    """

    address: str
    control: str
    lost: tuple[str, ...] = ()
    song: str = ""


class LearnAsked(Report, frozen=True):
    """The player must do something so that a control is recognised; "" for nothing."""

    question: str


class BindingUndone(Report, frozen=True):
    """The last change of the mappings is taken back."""

    change: str


class OrderDone(Report, frozen=True):
    """The control process has carried out an order that has no other report.

    order : the order's name, "LoadMapping"
    """

    order: str


class MappingWritten(Report, frozen=True):
    """The mapping is saved."""

    path: str


class ControlFailed(Report, frozen=True):
    """An order failed, or a file could not be read or written.

    order : name of the order that failed, "LoadMapping"; "": no order of the stage
    """

    error: str
    order: str = ""


ControlOrder = (
    StartControl
    | LearnControl
    | UnlearnControl
    | UndoBinding
    | LoadMapping
    | UseLayers
    | ListBindings
    | WriteMapping
)
ControlReport = (
    MidiPortsChanged
    | MappingChanged
    | ControlTouched
    | ControlLearned
    | LearnAsked
    | BindingUndone
    | BindingsListed
    | OrderDone
    | MappingWritten
    | ControlFailed
)
