"""`transfer`: a sound, or a folder of them, in a model's voice; `matrix`: how one model hears for another."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from perform.cli.output import json_option, progress, say, show
from perform.core.errors import PerformError, WrongUse

if TYPE_CHECKING:
    from perform.engine.protocol import PlayableModel, StreamingEncoder
    from perform.library.matrices import LatentMatrix
    from perform.offline.transfer import TransferOptions


class Numbered(click.ParamType):  # type: ignore[type-arg]
    """`0=1.5`: a latent and a number."""

    name = "LATENT=NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """-> (latent, number)."""
        latent, _, number = str(value).partition("=")
        try:
            found = int(latent), float(number)
        except ValueError:
            found = -1, math.nan
        if found[0] < 0 or not math.isfinite(found[1]):
            self.fail(f"{value!r} names no latent and number, as 0=1.5 does", param, ctx)
        return found


class Way(NamedTuple):
    """From a sound to what becomes of it, the same for every file."""

    encoder: StreamingEncoder
    host: PlayableModel
    matrix: LatentMatrix | None
    wish: TransferOptions
    rate: int | None


@click.command()
@click.argument("sound", metavar="SOUND|FOLDER", type=click.Path(path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="WAV, FLAC or folder.")
@click.option("--model", required=True, help="The model whose voice it gets.")
@click.option("--from", "ear", help="The model that hears; the same if left out.")
@click.option("--matrix", type=click.Path(path_type=Path), help="From its latents to the voice's.")
@click.option("--scale", type=Numbered(), multiple=True, help="Scale a latent: 0=1.5.")
@click.option("--bias", type=Numbered(), multiple=True, help="Move a latent: 0=0.3.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=1.0, help="Of unused latents; 1.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, help="Another chance for them.")
@click.option("--rate", type=click.IntRange(8000, 192_000), help="Sample rate; the sound's if left out.")
@json_option
def transfer(sound: Path, out: Path, model: str, ear: str | None, as_json: bool, **how: Any) -> None:
    """Give a sound a model's voice, offline: as long as it was, and in time with it.

    Of a folder, every sound file in it and below is taken; nothing is overwritten.
    """
    from perform.offline.transfer import TransferOptions

    if not sound.exists():
        raise WrongUse("no such file or folder", where=str(sound))
    if sound.is_file():
        from perform.recorder.new_files import SOUND, check_new

        check_new(out, SOUND)
    wish = TransferOptions(dict(how["scale"]), dict(how["bias"]), how["temperature"], how["seed"])
    way = _way(model, ear, how["matrix"], wish, how["rate"])
    if sound.is_dir():
        _folder(sound, out, way, as_json)
        return
    began = time.monotonic()
    with progress(f"transferring {sound.name}", _seconds(sound), "s") as on_progress:
        seconds = _file(sound, out, way, on_progress)
    took = time.monotonic() - began
    say(f"{seconds:.1f} s in {took:.1f} s ({seconds / max(took, 1e-3):.1f} times real time)")
    show(out, as_json, path=str(out), seconds=round(seconds, 3), took_s=round(took, 2))


@click.command()
@click.argument(
    "recordings", nargs=-1, required=True, metavar="RECORDING...", type=click.Path(path_type=Path)
)
@click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="The .matrix to write.")
@click.option("--from", "ear", required=True, help="The model that hears.")
@click.option("--model", required=True, help="The model whose voice it drives.")
@json_option
def matrix(recordings: tuple[Path, ...], out: Path, ear: str, model: str, as_json: bool) -> None:
    """Learn from recordings what one model's latents are in another's terms.

    Half a minute of what will be played does. Both models hear it; where `perform transfer --from` is given
    no matrix, the latents that move most drive those that move most.
    """
    from perform.library import matrices
    from perform.library.sound_files import SoundFile
    from perform.offline.transfer import learn_matrix
    from perform.recorder.new_files import check_new

    check_new(out, (matrices.SUFFIX,))
    ears = [_encoder(_host(name)) for name in (ear, model)]
    total = sum(_seconds(path) for path in recordings)
    with progress("listening", total, "s") as on_progress:
        done = 0.0

        def heard(path: Path) -> Any:
            nonlocal done
            with SoundFile(path) as sound:
                for block in sound.blocks():
                    yield block
                    done += len(block) / sound.rate
                    on_progress(done)

        made = learn_matrix(((heard(path), _rate(path)) for path in recordings), *ears)
    matrices.save(out, made)
    share = f"{made.fit:.0%}" if math.isfinite(made.fit) else "an unknown share"
    say(f"it explains {share} of how {made.decoder.name} would have heard the end of it")
    show(out, as_json, path=str(out), fit=made.fit if math.isfinite(made.fit) else None)


def _host(name: str) -> PlayableModel:
    """A model's host; an export is made a model first, a module runs in a process apart."""
    from perform.foreign.opening import open_model, prepare
    from perform.library.cards import find_model

    return open_model(prepare(find_model(name), say), separate_process=True)


def _encoder(host: PlayableModel) -> StreamingEncoder:
    """Its ears; WrongUse where it has none."""
    if host.encoder is None:
        hint = "a module hears where it has an `encode` for the `decode` that is played"
        raise WrongUse(f"{host.card.name} hears nothing", hint=hint)
    if not host.card.delay_known:
        say(f"the delay of {host.card.name} is not known, and not taken away: what comes of it may lie late")
    return host.encoder


def _way(model: str, ear: str | None, matrix: Path | None, wish: TransferOptions, rate: int | None) -> Way:
    from perform.library import matrices
    from perform.offline.transfer import Transfer

    host = _host(model)
    encoder = _encoder(_host(ear) if ear else host)
    found = matrices.load(matrix, encoder.sha256, host.sha256) if matrix else None
    if encoder.sha256 != host.sha256 and found is None:
        say(f"{ear}'s latents drive {model}'s by variance; `perform matrix` learns a way that follows more")
    Transfer(encoder, host, 48000, 48000, options=wish, matrix=found)  # says now what is wrong for every file
    return Way(encoder, host, found, wish, rate)


def _seconds(path: Path) -> float:
    """Of a file, as far as it says."""
    from perform.library.sound_files import SoundFile

    with SoundFile(path) as sound:
        return sound.frames / sound.rate


def _rate(path: Path) -> int:
    from perform.library.sound_files import SoundFile

    with SoundFile(path) as sound:
        return sound.rate


def _file(path: Path, out: Path, way: Way, on_progress: Callable[[float], None]) -> float:
    """One file to another; its seconds."""
    from perform.library.sound_files import SoundFile
    from perform.offline.transfer import Transfer
    from perform.recorder.new_files import writing

    with SoundFile(path) as sound:
        rate, fed = way.rate or sound.rate, 0
        through = Transfer(way.encoder, way.host, sound.rate, rate, options=way.wish, matrix=way.matrix)
        with writing(out, rate) as write:
            for block in sound.blocks():
                write(through.feed(block))
                fed += len(block)
                on_progress(fed / sound.rate)
            write(through.finish())
        if not fed:
            say(f"{path}: it holds no samples, and neither does {out.name}")
        return fed / sound.rate


def _folder(folder: Path, out: Path, way: Way, as_json: bool) -> None:
    """All of a folder; what could not be done is said at the end."""
    from perform.library.sound_files import find

    files = find(folder, out)
    if not files:
        raise WrongUse("no sound files", where=str(folder))
    failed: list[tuple[Path, PerformError]] = []
    with progress(f"transferring {folder.name}", len(files), "files") as on_progress:
        for done, (path, wanted) in enumerate(zip(files, _names(files, folder, out), strict=True)):
            on_progress(done, str(path.relative_to(folder)))
            try:
                wanted.parent.mkdir(parents=True, exist_ok=True)
                _file(path, wanted, way, lambda seconds: None)
            except PerformError as error:
                failed.append((path, error))
            except OSError as error:
                failed.append((path, PerformError(error.strerror or str(error), where=str(wanted))))
        on_progress(len(files))
    for _, problem in failed:
        say(str(problem))
    problems = [{"path": str(path), "why": problem.what} for path, problem in failed]
    show(out, as_json, path=str(out), files=len(files) - len(failed), failed=problems)
    if failed:
        raise PerformError(f"{len(failed)} of {len(files)} files could not be transferred", where=str(folder))


def _names(files: list[Path], folder: Path, out: Path) -> list[Path]:
    """Where each goes: its own name as .wav, with its suffix in it where two would have one name."""
    plain = [out / path.relative_to(folder).with_suffix(".wav") for path in files]
    full = [out / path.relative_to(folder).with_name(f"{path.name}.wav") for path in files]
    return [a if plain.count(a) == 1 else b for a, b in zip(plain, full, strict=True)]
