"""`export`: a model for other players."""

from __future__ import annotations

from pathlib import Path

import click

from perform.cli.output import json_option, say, show
from perform.core.errors import WrongUse


@click.command()
@click.argument("model")
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="The .ts or .onnx to write."
)
@click.option("--rows", type=click.IntRange(1, 1024), help="Of a .ts: streams that a batch may have; 64.")
@click.option(
    "--method",
    type=click.Choice(["encode", "decode", "forward", "prior"]),
    help="Of an .onnx: what the graph computes; forward.",
)
@click.option("--frames", type=click.IntRange(1, 1024), help="Of an .onnx: frames a call; 1.")
@click.option("--replace", is_flag=True, help="Replace a file of that name.")
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
    """Write a model for other players: .ts for nn~ (Max, Pd) and RAVE VST, .onnx for the rest."""
    from perform.core.files import write_atomically
    from perform.library.cards import find_model, is_module

    kind = out.suffix.lower()
    if kind not in (".ts", ".onnx"):
        raise WrongUse("no export ends like that", where=str(out), hint="name a .ts or an .onnx")
    for name, given, wanted in (
        ("rows", rows, ".ts"),
        ("method", method, ".onnx"),
        ("frames", frames, ".onnx"),
    ):
        if given is not None and kind != wanted:
            raise WrongUse(f"--{name} does not go with {kind}", hint="see perform export --help")
    if out.exists() and not replace:
        raise WrongUse("is there already", where=str(out), hint="--replace, or name another file")
    path = find_model(model)
    if is_module(path):
        what = "is a stranger's module, which perform only plays"
        raise WrongUse(what, where=str(path), hint="use the .ts that it was imported from")
    from perform.rave import export as exports
    from perform.rave.model_files import load

    loaded = load(path)
    if kind == ".ts":
        data = exports.torchscript(loaded, rows or exports.ROWS)
        methods = ["encode", "decode", "forward", *(["prior"] if loaded.prior else [])]
    else:
        data = exports.onnx_model(loaded, method or "forward", frames or 1)
        methods = [method or "forward"]
    write_atomically(out, data)
    card = loaded.card
    say(f"{card['name']}: {', '.join(methods)}; {card['sample_rate']} Hz, licence {card['licence']}")
    show(out, as_json, path=str(out), bytes=len(data), methods=methods)
