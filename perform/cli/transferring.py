"""`transfer`: resynthesise sounds with a model. `matrix`: learn the matrix between two models' latents."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from perform.cli import completion
from perform.cli.completion import completes
from perform.cli.output import ProgressBar, json_option, log, show, sound_out, warn
from perform.core.errors import PerformError, WrongUse

if TYPE_CHECKING:
    from perform.engine.protocol import PlayableModel, StreamingEncoder
    from perform.library.matrices import LatentMatrix
    from perform.offline.transfer import Transfer, TransferOptions


class LatentNumber(click.ParamType):  # type: ignore[type-arg]
    """A latent and a number, as in `0=1.5`."""

    name = "LATENT=NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Convert text to (latent, number)."""
        latent, _, number = str(value).partition("=")
        try:
            found = int(latent), float(number)
        except ValueError:
            found = -1, math.nan
        if found[0] < 0 or not math.isfinite(found[1]):
            self.fail(f"{value!r} is not LATENT=NUMBER, for example 0=1.5", param, ctx)
        return found


class TransferSetup(NamedTuple):
    """The encoder, decoder and options for all files."""

    encoder: StreamingEncoder
    decoder: PlayableModel
    matrix: LatentMatrix | None
    options: TransferOptions
    rate: int | None

    def start(self, rate: int, out_rate: int) -> Transfer:
        """Start the transfer of one sound. rate, out_rate: sample rates of input and output."""
        from perform.offline.transfer import Transfer

        return Transfer(self.encoder, self.decoder, rate, out_rate, options=self.options, matrix=self.matrix)


@click.command()
@click.argument("sound", metavar="SOUND|FOLDER", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="WAV, FLAC or folder to write; - for stdout.",
)
@click.option(
    "--model",
    required=True,
    shell_complete=completes(completion.models),
    help="Model that resynthesises the sound.",
)
@click.option(
    "--from",
    "source",
    shell_complete=completes(completion.models),
    help="Model whose encoder analyses the sound (default: the same model).",
)
@click.option(
    "--matrix",
    type=click.Path(path_type=Path),
    help="Matrix from the latents of one model to those of the other, made by `perform matrix`.",
)
@click.option("--scale", type=LatentNumber(), multiple=True, help="Scale a latent, e.g. 0=1.5 (repeatable).")
@click.option("--bias", type=LatentNumber(), multiple=True, help="Shift a latent, e.g. 0=0.3 (repeatable).")
@click.option(
    "--temperature",
    type=click.FloatRange(0, 2),
    default=1.0,
    help="Amount of noise in the latents that the model does not use (default: 1).",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, help="Random seed of that noise.")
@click.option("--rate", type=click.IntRange(8000, 192_000), help="Sample rate (default: the sound's).")
@json_option
def transfer(sound: Path, out: Path, model: str, source: str | None, as_json: bool, **how: Any) -> None:
    """Timbre transfer: resynthesise a sound file with a model, keeping its length and timing.

    For a folder, all sound files in it and its subfolders are transferred. No file is overwritten.

    \b
        perform transfer voice.wav --model bells -o bells.wav
    """
    from perform.offline.transfer import TransferOptions

    if not sound.exists():
        raise WrongUse("no such file or folder", where=str(sound))
    if sound.is_file() and out != Path("-"):
        from perform.recorder.new_files import SOUND, check_new

        check_new(out, SOUND)
    options = TransferOptions(dict(how["scale"]), dict(how["bias"]), how["temperature"], how["seed"])
    setup = _setup(model, source, how["matrix"], options, how["rate"])
    if sound.is_dir():
        if out == Path("-"):
            raise WrongUse("several sounds cannot go to stdout", hint="name a folder with -o")
        _transfer_folder(sound, out, setup, as_json)
        return
    began = time.monotonic()
    with (
        sound_out(out, as_json) as file,
        ProgressBar(f"transferring {sound.name}", _header(sound)[0], "s") as on_progress,
    ):
        seconds = _transfer_file(sound, file, setup, on_progress)
    took = time.monotonic() - began
    log(f"{seconds:.1f} s in {took:.1f} s ({seconds / max(took, 1e-3):.1f} times real time)")
    show(out, as_json, path=str(out), seconds=round(seconds, 3), took_s=round(took, 2))


@click.command()
@click.argument(
    "recordings", nargs=-1, required=True, metavar="SOUND|FOLDER...", type=click.Path(path_type=Path)
)
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="The .matrix file to write."
)
@click.option(
    "--from",
    "source",
    required=True,
    shell_complete=completes(completion.models),
    help="Model whose encoder analyses the sound.",
)
@click.option(
    "--model",
    required=True,
    shell_complete=completes(completion.models),
    help="Model that resynthesises the sound.",
)
@json_option
def matrix(recordings: tuple[Path, ...], out: Path, source: str, model: str, as_json: bool) -> None:
    """Learn the matrix that turns one model's latents into another's, from sound files or folders of them.

    Half a minute of the kind of sound that you will play is enough. Both models encode it. Without a matrix,
    `perform transfer --from` pairs the latents by variance: the largest drives the largest, and so on.

    \b
        perform matrix recordings/ --from choir --model bells -o choir-bells.matrix
    """
    from perform.library import matrices
    from perform.library.sound_files import SoundFile, sounds_of
    from perform.offline.transfer import learn_matrix
    from perform.recorder.new_files import check_new

    check_new(out, (matrices.SUFFIX,))
    sounds = [sound for path in recordings for sound in sounds_of(path)]
    encoders = []
    for name in (source, model):
        one = _model(name)
        if one.takes_sound:
            raise WrongUse(
                "an effect module has no latents", where=name, hint="choose a model with an encoder"
            )
        encoders.append(_encoder(one))
    headers = [_header(path) for path in sounds]
    total = sum(seconds for seconds, _ in headers)
    with ProgressBar("encoding", total, "s") as on_progress:
        done = 0.0

        def blocks(path: Path) -> Any:
            nonlocal done
            with SoundFile(path) as sound:
                for block in sound.blocks():
                    yield block
                    done += len(block) / sound.rate
                    on_progress(done)

        made = learn_matrix(
            ((blocks(path), rate) for path, (_, rate) in zip(sounds, headers, strict=True)), *encoders
        )
    matrices.save(out, made)
    share = f"{made.fit:.0%}" if math.isfinite(made.fit) else "an unknown share"
    log(f"it explains {share} of the variance of {made.decoder.name}'s latents, measured on held-out sound")
    show(out, as_json, path=str(out), fit=made.fit if math.isfinite(made.fit) else None)


def _model(name: str) -> PlayableModel:
    """Open a model. An export is converted first; a third-party module runs in a separate process."""
    from perform.foreign.opening import open_model, prepare
    from perform.library.model_library import find_model

    return open_model(prepare(find_model(name), log), separate_process=True)


def _encoder(model: PlayableModel) -> StreamingEncoder:
    if model.encoder is None:
        hint = "choose another model with --from; a module needs an `encode` method beside `decode`"
        raise WrongUse(f"{model.card.name} has no encoder", hint=hint)
    if not model.card.delay_known:
        warn(f"the delay of {model.card.name} is unknown, so the result may be late")
    return model.encoder


def _setup(
    model: str, source: str | None, matrix: Path | None, options: TransferOptions, rate: int | None
) -> TransferSetup:
    from perform.engine.sound_passage import SoundPassage
    from perform.library import matrices

    decoder = _model(model)
    encoder = _encoder(_model(source) if source else decoder)
    if source and (decoder.takes_sound or isinstance(encoder, SoundPassage)):
        hint = "leave --from out: an effect module processes the sound itself"
        raise WrongUse("an effect module has no latents to give or take", where=model, hint=hint)
    found = matrices.load(matrix, encoder.sha256, decoder.sha256) if matrix else None
    if encoder.sha256 != decoder.sha256 and found is None:
        log(f"{source}'s latents drive {model}'s by variance; `perform matrix` makes a closer match")
    setup = TransferSetup(encoder, decoder, found, options, rate)
    setup.start(48000, 48000)  # raises for wrong options before any file is read
    return setup


def _header(path: Path) -> tuple[float, int]:
    """Return the length in seconds and the sample rate of a file."""
    from perform.library.sound_files import SoundFile

    with SoundFile(path) as sound:
        return sound.frames / sound.rate, sound.rate


def _transfer_file(
    path: Path, out: Path, setup: TransferSetup, on_progress: Callable[[float], None]
) -> float:
    """Transfer one file; return its length in seconds."""
    from perform.library.sound_files import SoundFile
    from perform.recorder.new_files import new_sound_file

    with SoundFile(path) as sound:
        rate, fed = setup.rate or sound.rate, 0
        transferring = setup.start(sound.rate, rate)
        with new_sound_file(out, rate) as write:
            for block in sound.blocks():
                write(transferring.feed(block))
                fed += len(block)
                on_progress(fed / sound.rate)
            write(transferring.finish())
        if not fed:
            warn(f"{path}: the file has no samples, so the result is empty")
        return fed / sound.rate


def _transfer_folder(folder: Path, out: Path, setup: TransferSetup, as_json: bool) -> None:
    """Transfer all files of a folder; list failures at the end."""
    from perform.library.sound_files import find

    files = find(folder, out)
    if not files:
        raise WrongUse("no sound files", where=str(folder))
    failed: list[tuple[Path, PerformError]] = []
    with ProgressBar(f"transferring {folder.name}", len(files), "files") as on_progress:
        for done, (path, wanted) in enumerate(zip(files, _output_files(files, folder, out), strict=True)):
            on_progress(done, str(path.relative_to(folder)))
            try:
                wanted.parent.mkdir(parents=True, exist_ok=True)
                _transfer_file(path, wanted, setup, lambda seconds: None)
            except PerformError as error:
                failed.append((path, error))
            except OSError as error:
                failed.append((path, PerformError(error.strerror or str(error), where=str(wanted))))
            except Exception as error:  # of a library: the other files are transferred
                failed.append((path, PerformError(repr(error), where=str(path))))
        on_progress(len(files))
    for _, problem in failed:
        warn(str(problem))
    problems = [{"path": str(path), "why": problem.what} for path, problem in failed]
    show(out, as_json, path=str(out), files=len(files) - len(failed), failed=problems)
    if failed:
        raise PerformError(f"{len(failed)} of {len(files)} files could not be transferred", where=str(folder))


def _output_files(files: list[Path], folder: Path, out: Path) -> list[Path]:
    """Return the output file of each input: its name with .wav, or with .flac.wav if two names were equal."""
    plain = [out / path.relative_to(folder).with_suffix(".wav") for path in files]
    full = [out / path.relative_to(folder).with_name(f"{path.name}.wav") for path in files]
    return [a if plain.count(a) == 1 else b for a, b in zip(plain, full, strict=True)]
