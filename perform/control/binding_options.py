"""The options of a learnt binding: which of them fit a knob, an encoder and an address."""

from __future__ import annotations

import msgspec

from perform.control.binding import Binding
from perform.core.errors import WrongUse
from perform.core.messages.control_messages import BindingOptions


def bound(plain: Binding, address: str, options: BindingOptions) -> Binding:
    """Return a binding of the same control to an address; WrongUse if the options do not fit it."""
    fields = msgspec.to_builtins(plain) | msgspec.to_builtins(options) | {"to": address}
    try:
        return msgspec.convert(fields, Binding, strict=True)
    except msgspec.ValidationError as error:
        raise WrongUse(str(error).replace("`", ""), hint="see the keys of a mapping file") from None


def of_knob(options: BindingOptions) -> BindingOptions:
    """Return the options that a control with a position can have."""
    return msgspec.structs.replace(options, steps=None, accel=1.0)


def of_encoder(options: BindingOptions) -> BindingOptions:
    """Return the options that an encoder can have: it has no position."""
    return msgspec.structs.replace(options, takeover=None, deadzone=0.0)


def checked_options(
    address: str, over: tuple[float, float] | None, options: BindingOptions
) -> BindingOptions:
    """Return the options with a range. WrongUse: unknown address, or options that do not fit it.

    over : the range if the options name none; None for the parameter's
    """
    if over and options.range is None and options.value is None:
        options = msgspec.structs.replace(options, range=over)
    bound(Binding("cc 1", "xfade"), address, of_knob(options))
    if options != of_knob(options):
        bound(Binding("cc 1", "xfade", encoding="twos"), address, of_encoder(options))
    return options
