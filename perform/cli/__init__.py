"""The command line. Results go to stdout, messages to stderr. Exit codes: 0 done, 1 failed, 2 wrong use.

This package alone may import all others. Each verb imports what it needs when it runs.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from perform import __version__
from perform.cli import (
    bench,
    configuring,
    devices,
    docs_verb,
    doctor,
    exporting,
    fetching,
    mapping_verb,
    model_cards,
    models,
    playing,
    rendering,
    serving,
    shells,
    takes,
    training,
    transferring,
)
from perform.cli.output import DefaultVerbGroup, echo_json, has_shown_json, loudness_options, wants, warn
from perform.core.errors import PerformError
from perform.core.printable import printable


class VerbGroup(DefaultVerbGroup):
    """Reads `perform SET` as `perform open SET`; prints an error as one line."""

    default_verb = "open"

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; print an error in one line and exit with its code.

        With `--json`, the error is also an object on stdout: {"error": its line, "exit_code": 1 or 2}.
        """
        as_json = "--json" in ctx.args
        try:
            use_config(ctx)
            return super().invoke(ctx)
        except click.UsageError as error:
            if as_json:
                _show_error(error.format_message(), error.exit_code)
            raise  # click prints how the verb is used
        except PerformError as error:
            line, exit_code = str(error), error.exit_code
            _trace(error)
        except ModuleNotFoundError as error:
            if error.name != "torch":
                raise
            line = f"this needs torch, which is not installed; `{sys.executable} -m pip install torch`"
            exit_code = PerformError.exit_code
            _trace(error)
        except BrokenPipeError:
            raise  # `perform docs | head`: click ends quietly
        except OSError as error:
            line, exit_code = (
                f"{error.filename or 'the system'}: {error.strerror or error}",
                PerformError.exit_code,
            )
            _trace(error)
        warn(f"perform: {line}")
        if as_json:
            _show_error(line, exit_code)
        sys.exit(exit_code)


def _trace(error: Exception) -> None:
    """Print where an error arose, if the player wants to know."""
    if wants("verbose"):
        import traceback

        warn("".join(traceback.format_exception(error)).rstrip())


def _show_error(line: str, exit_code: int) -> None:
    if not has_shown_json():  # the result of a verb that failed in part says so itself
        echo_json({"error": printable(line), "exit_code": exit_code})


def use_config(ctx: click.Context) -> None:
    """Take the defaults of options from the player's config file."""
    from perform.library import player_config

    chosen = player_config.read()
    player_config.export_takes_folder(chosen)
    ctx.default_map = dict.fromkeys(("open", "play"), chosen.stage_options())


@click.group(
    cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="perform")
def main() -> None:
    """Play RAVE neural audio models live.

    `perform` opens the instrument with the bundled set. `perform SET` opens another set, by name or path.
    `perform open --help` lists the options of both.
    """


for _verb in (
    playing.open_,
    playing.play,
    playing.attach,
    serving.serve,
    playing.stop,
    rendering.render,
    transferring.transfer,
    transferring.matrix,
    takes.takes,
    devices.devices,
    mapping_verb.mapping,
    configuring.config,
    docs_verb.docs,
    doctor.doctor,
    models.models,
    training.train,
    exporting.export,
    bench.bench,
):
    main.add_command(_verb)
for _verb in (
    *(fetching.search, fetching.fetch, fetching.remove, fetching.rename),
    *(model_cards.calibrate, model_cards.edit),
):
    models.models.add_command(_verb)
loudness_options(main, hidden=False)
shells.use()
