"""`export`: write a model for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from perform.cli import completion
from perform.cli.completion import completes
from perform.cli.output import json_option, log, show
from perform.core.errors import WrongUse


@click.command()
@click.argument("model", shell_complete=completes(completion.models))
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="The .ts or .onnx file to write."
)
@click.option("--rows", type=click.IntRange(1, 1024), help="For .ts: the largest batch (default: 64).")
@click.option(
    "--method",
    type=click.Choice(["encode", "decode", "forward", "prior"]),
    help="For .onnx: the method that the graph computes (default: forward).",
)
@click.option("--frames", type=click.IntRange(1, 1024), help="For .onnx: frames per call (default: 1).")
@click.option("--replace", is_flag=True, help="Overwrite an existing file.")
@json_option
def export(
    model: str,
    out: Path,
    rows: int | None,
    method: str | None,
    frames: int | None,
    replace: bool,
    as_json: bool,
) -> None:
    """Export a model to other programs: .ts for nn~ (Max, Pd) and RAVE VST, .onnx for all others.

    \b
        perform export bells -o bells.ts
    """
    from perform.core.files import write_atomically
    from perform.library.cards import changed_texts, is_module
    from perform.library.model_library import find_model

    kind = out.suffix.lower()
    if kind not in (".ts", ".onnx"):
        raise WrongUse("unknown export format", where=str(out), hint="use a name that ends in .ts or .onnx")
    for name, given, wanted in (
        ("rows", rows, ".ts"),
        ("method", method, ".onnx"),
        ("frames", frames, ".onnx"),
    ):
        if given is not None and kind != wanted:
            raise WrongUse(f"--{name} cannot be used with {kind}", hint="see `perform export --help`")
    if out.exists() and not replace:
        raise WrongUse(
            "the file already exists", where=str(out), hint="add --replace, or choose another name"
        )
    path = find_model(model)
    if is_module(path):
        what = "a third-party module cannot be exported"
        raise WrongUse(what, where=str(path), hint="use the .ts that it was imported from")
    from perform.rave import export as exports
    from perform.rave.model_files import load

    loaded = load(path)
    loaded.card |= changed_texts(path)
    if kind == ".ts":
        data = exports.torchscript(loaded, rows or exports.ROWS)
        methods = ["encode", "decode", "forward", *(["prior"] if loaded.prior else [])]
    else:
        data = exports.onnx_model(loaded, method or "forward", frames or 1)
        methods = [method or "forward"]
    write_atomically(out, data)
    card = loaded.card
    log(f"{card['name']}: {', '.join(methods)}; {card['sample_rate']} Hz, licence {card['licence']}")
    show(out, as_json, path=str(out), bytes=len(data), methods=methods)
