"""`models search`, `fetch`, `remove` and `rename`: the models of catalogues, and the files of the library."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import click

from perform.cli import completion
from perform.cli.completion import completes
from perform.cli.models import models_import
from perform.cli.output import ProgressBar, echo, echo_json, json_option, log, show, warn
from perform.core.errors import PerformError, WrongUse

if TYPE_CHECKING:
    from perform.library.catalogue import CatalogueModel

MIB = 1 << 20
OF_AN_ADDRESS = "not stated: its page may say"  #: the licence of a model fetched by its address


def _catalogue() -> dict[str, CatalogueModel]:
    from perform.library import catalogue, player_config

    return catalogue.known(player_config.read().models.catalogues, log)


def _names() -> Iterable[str]:
    from perform.library import catalogue

    return [model.name for model in catalogue.read(catalogue.bundled().read_bytes(), "").models]


@click.command()
@click.argument("text", default="")
@json_option
def search(text: str, as_json: bool) -> None:
    """List the models of catalogues. With TEXT: whose name, author, description or licence contains it.

    \b
        perform models search organ
    """
    import msgspec

    from perform.library import download, model_library
    from perform.library.model_download import learnt_sha256

    own = model_library.models()
    found = [
        model
        for model in _catalogue().values()
        if text.lower() in f"{model.name} {model.author} {model.about} {model.licence}".lower()
    ]
    if as_json:
        rows = [
            msgspec.to_builtins(model)
            | {"in_library": model.name in own, "in_cache": download.begun(model.local_copy)}
            | {"sha256": model.sha256 or learnt_sha256(model)}
            for model in found
        ]
        echo_json(rows, indent=2)
        return
    for model in found:
        begun = download.begun(model.local_copy)
        mark = "✓" if model.name in own else "‖" if begun else " "
        size = f"{model.size / MIB:.0f} MiB" if model.size else "? MiB"
        rate = f"{model.sample_rate / 1000:g} kHz" if model.sample_rate else ""
        echo(f"{mark} {model.name:<28} {size:>8}  z{model.latents or '?':<3} {rate:<8} {model.about}")
        echo(f"  {'':28} {model.author}; licence: {model.licence}")
    if not found:
        log("no model has that: try a shorter word")
    else:
        log("✓ is in your library, ‖ is partly downloaded; `perform models fetch NAME` downloads a model")


@click.command()
@click.argument("name", metavar="NAME|ADDRESS", shell_complete=completes(_names, files=False))
@click.option("--name", "own_name", help="Name of the model in the library (default: the catalogue's).")
@click.option("--yes", is_flag=True, help="Agree to the licence.")
@click.option("--replace", is_flag=True, help="Replace a model of the same name.")
@json_option
@click.pass_context
def fetch(
    ctx: click.Context, name: str, own_name: str | None, yes: bool, replace: bool, as_json: bool
) -> None:
    """Download a model from a catalogue or an address, and import it.

    If a download stops, fetch again: it continues where it stopped. If the import fails, the downloaded file
    is kept for the next try. A stage can play meanwhile.

    \b
        perform models fetch guitar_iil
    """
    from perform.library import catalogue, download, licences, model_library

    if name.startswith(("http://", "https://")):
        stem = model_library.file_name(PurePosixPath(unquote(urlsplit(download.uri(name)).path)).stem)
        model = catalogue.CatalogueModel(stem, name, OF_AN_ADDRESS)
    else:
        model = catalogue.find(name, _catalogue())
    model_library.destination(own_name or model.name, replace)  # say before the download that it exists
    log(f"{model.name}: {model.text or model.url}")
    if not licences.is_agreed(model.licence):
        _agree(model, yes)
        licences.agree(model.licence)
    path = model.local_copy
    if download.is_whole(path, model.sha256):
        log(f"downloaded before: {path}")
    else:
        _download(model)
    try:
        ctx.invoke(
            models_import,
            file=path,
            name=own_name or model.name,
            **model.card_options(),
            replace=replace,
            as_json=as_json,
            rate=model.sample_rate or None,
        )
    except BaseException:
        words = shlex.join(["perform", "models", "import", str(path), "--name", own_name or model.name])
        warn(f"the download is kept: `{words}` imports it; delete the file to download it anew")
        raise
    path.unlink(missing_ok=True)


def _download(model: CatalogueModel) -> None:
    from perform.library.model_download import download_model

    with ProgressBar("downloading", (model.size or MIB) / MIB, "MiB") as on_progress:
        note = download_model(
            model,
            lambda done, total: on_progress(done / MIB, total=(total or model.size or done) / MIB),
        )
    if note:
        warn(note)


def _agree(model: CatalogueModel, yes: bool) -> None:
    """Ask the player to agree to a licence, or require --yes without a terminal."""
    warn(f"licence: {model.licence}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise WrongUse("its licence needs your consent", where=model.name, hint="add --yes to agree")
    if not click.confirm("Do you agree?", err=True):
        raise PerformError("nothing was downloaded", where=model.name)


@click.command()
@click.argument("name", shell_complete=completes(completion.models, files=False))
@json_option
def remove(name: str, as_json: bool) -> None:
    """Move a model from your library to the folder `removed`. Its file is not deleted.

    \b
        perform models remove vintage
    """
    from perform.library import model_library

    path = model_library.remove(name)
    show(path, as_json, name=name, path=str(path))


@click.command()
@click.argument("name", shell_complete=completes(completion.models, files=False))
@click.argument("new_name")
@json_option
def rename(name: str, new_name: str, as_json: bool) -> None:
    """Give a model of your library another name. Songs still find it, by its hash.

    \b
        perform models rename vintage guitar
    """
    from perform.library import model_library

    path = model_library.rename(name, new_name)
    show(path.stem, as_json, name=path.stem, path=str(path))
