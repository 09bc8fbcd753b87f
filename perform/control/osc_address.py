"""Where OSC is received, as the player writes it: `9000`, `127.0.0.1:9000`, `[::1]:9000`."""

from __future__ import annotations

from perform.core.errors import WrongUse

LOOPBACK = "127.0.0.1"


def host_and_port(text: str) -> tuple[str, int]:
    """Split it; without a host only programs on this computer are heard. WrongUse: there is no such port."""
    host, colon, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535) or (colon and not host):
        hint = "write a port, 9000, or host and port, 127.0.0.1:9000"
        raise WrongUse(f"OSC cannot use {text[:80]!r}", hint=hint)
    return host.removeprefix("[").removesuffix("]") or LOOPBACK, int(port)
