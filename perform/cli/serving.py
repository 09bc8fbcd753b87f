"""`serve`: show the screen of a running stage in a browser."""

from __future__ import annotations

import click

from perform.cli.output import log
from perform.core.errors import PerformError, WrongUse


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 admits tablets and phones on the network.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="TCP port.")
@click.option("--token", metavar="TEXT", help="Token that a browser must give (default: a new one).")
def serve(host: str, port: int, token: str | None) -> None:
    """Show the screen of a running stage in a browser, for example on a tablet.

    Open the printed address. A browser with the token can do all that the screen can: keep the token secret.
    Ctrl-C ends the web server; the stage plays on.

    \b
        perform serve --port 8000
    """
    import secrets
    import shlex
    import subprocess
    import sys

    from perform.library import places
    from perform.stage.client import Client

    try:
        from perform.cli.web_screen import WebScreen
    except ImportError as error:
        hint = f"{sys.executable} -m pip install textual-serve"
        raise PerformError("textual-serve is not installed", hint=hint) from error
    if token is not None and len(token) < 8:
        raise WrongUse("the token is too short", hint="take at least 8 characters, or leave --token out")
    Client(places.runtime())  # an error that names what to do where no stage plays
    words = [sys.executable, "-m", "perform", "attach"]
    command = subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)
    try:
        WebScreen(command, host, port, token or secrets.token_urlsafe(16), log).serve()
    except OSError as error:
        hint = "choose another with --port"
        raise PerformError(f"cannot listen on {host}:{port}: {error.strerror}", hint=hint) from error
