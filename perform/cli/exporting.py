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
@click.option("--latents", type=click.IntRange(1, 1024), help="Number of latents (default: the model's).")
@click.option(
    "--fidelity",
    type=click.FloatRange(0, 1, min_open=True),
    help="Keep the latents that hold this share of the variance of all, e.g. 0.95.",
)
@click.option(
    "--rate", type=click.IntRange(1000, 768_000), help="Sample rate: 2, 4, 8 or 16 times the model's."
)
@click.option(
    "--channels", type=click.IntRange(1, 2), help="For .ts: channels of the sound (default: the model's)."
)
@click.option("--replace", is_flag=True, help="Overwrite an existing file.")
@json_option
def export(
    model: str,
    out: Path,
    rows: int | None,
    method: str | None,
    frames: int | None,
    latents: int | None,
    fidelity: float | None,
    rate: int | None,
    channels: int | None,
    replace: bool,
    as_json: bool,
) -> None:
    """Export a model to other programs: .ts for nn~ (Max, Pd) and RAVE VST, .onnx for all others.

    \b
        perform export bells -o bells.ts
    """
    from perform.core.files import write_atomically
    from perform.library.cards import changed_fields, is_module
    from perform.library.model_library import find_model

    kind = out.suffix.lower()
    if kind not in (".ts", ".onnx"):
        raise WrongUse("unknown export format", where=str(out), hint="use a name that ends in .ts or .onnx")
    for name, given, wanted in (
        ("rows", rows, ".ts"),
        ("method", method, ".onnx"),
        ("frames", frames, ".onnx"),
        ("channels", channels, ".ts"),
    ):
        if given is not None and kind != wanted:
            raise WrongUse(f"--{name} cannot be used with {kind}", hint="see `perform export --help`")
    if latents and fidelity:
        raise WrongUse("--latents and --fidelity exclude each other", hint="choose one of them")
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
    loaded.card |= changed_fields(path)
    if fidelity:
        latents = exports.latents_for(loaded, fidelity)
    if latents:
        loaded = exports.with_latents(loaded, latents)
    if rate:
        loaded = exports.at_rate(loaded, rate)
    if kind == ".ts":
        data = exports.torchscript(loaded, rows or exports.ROWS, channels)
        methods = ["encode", "decode", "forward", *(["prior"] if loaded.prior else [])]
    else:
        data = exports.onnx_model(loaded, method or "forward", frames or 1)
        methods = [method or "forward"]
    write_atomically(out, data)
    card = loaded.card
    facts = f"{loaded.latents} latents, {card['sample_rate']} Hz, licence {card['licence']}"
    log(f"{card['name']}: {', '.join(methods)}; {facts}")
    show(out, as_json, path=str(out), bytes=len(data), methods=methods)
