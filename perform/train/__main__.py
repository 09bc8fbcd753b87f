"""Train a model with only torch, numpy and safetensors installed.

    python -m perform.train CORPUS -o mine.safetensors
    torchrun --nproc-per-node 8 -m perform.train CORPUS -o mine.safetensors

CORPUS is a prepared corpus. `perform train FOLDER -o mine.safetensors --prepare` writes one to
`mine.safetensors.training/corpus`; a program can write one with `perform.train.corpus.write`. The options are
those of `perform train`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from perform.core.errors import PerformError
from perform.core.paths import to_text
from perform.core.printable import printable
from perform.train.plan import OPTIONS, planned
from perform.train.processes import cores
from perform.train.progress import Progress, ProgressListener

EVERY = 100
"""Steps between two progress lines."""


class PrintedProgress(ProgressListener):
    """Prints progress and messages to stderr."""

    def progress(self, progress: Progress) -> None:
        """Print a line every EVERY steps."""
        if progress.step % EVERY == 0 or progress.step == progress.steps:
            self.log(
                f"step {progress.step}/{progress.steps}  phase {progress.phase}  loss {progress.loss:.3f}  "
                f"held out {progress.distance:.3f} ({progress.improvement:.0f} % better than untrained)  "
                f"{progress.steps_per_s:.2f} steps/s  {progress.eta_s / 60:.0f} min left"
            )

    def log(self, line: str) -> None:
        """Print a message."""
        print(printable(line), file=sys.stderr, flush=True)


def main() -> int:
    """Run the command line and return its exit code."""
    parser = argparse.ArgumentParser("python -m perform.train", description=__doc__.partition("\n")[0])
    parser.add_argument("corpus", type=Path, help="A prepared corpus.")
    parser.add_argument("-o", "--out", type=Path, required=True, help="The .safetensors file to write.")
    parser.add_argument("--name", default="", help="Name on the model's card (default: the file's name).")
    parser.add_argument(
        "--config", action="append", metavar="NAME", help="Architecture: live (default), v1 ... (repeatable)."
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="Change a value of the config (repeatable).",
    )
    parser.add_argument("--from", type=Path, help="Start from the weights of this model file.")
    parser.add_argument("--threads", type=int, default=cores(), help="CPU threads (default: all).")
    for option in OPTIONS:
        flag = f"--{option.name}"
        if option.kind is bool:
            parser.add_argument(flag, action="store_true", help=option.help)
        elif option.many:
            parser.add_argument(flag, default=",".join(option.default), help=option.help)
        elif isinstance(option.kind, tuple):
            parser.add_argument(flag, choices=option.kind, default=option.default, help=option.help)
        else:
            parser.add_argument(flag, type=option.kind, default=option.default, help=option.help)
        if option.alias:
            kind = str if option.many else option.kind
            parser.add_argument(f"--{option.alias}", type=kind, help=argparse.SUPPRESS)  # type: ignore[arg-type]
    values = vars(parser.parse_args())
    out: Path = values.pop("out")
    values["corpus"] = (values["corpus"],)
    values["name"] = to_text(values["name"])
    from perform.train.loop import train

    try:
        train(planned({**values, "output": out}), PrintedProgress())
    except PerformError as error:
        print(f"perform: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
