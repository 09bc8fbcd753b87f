"""Chooses the config of a training by its corpus, if the player names none; `--resume` keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from perform.core.files import write_atomically
from perform.rave.config import PRESETS, preset
from perform.train import checkpoint
from perform.train.corpus import Corpus
from perform.train.listening import listen
from perform.train.loop import prepare, prepared_corpus
from perform.train.progress import ProgressListener

KEPT = "config.txt"  #: beside the prepared corpus: the name of the config that was chosen
DEFAULT = "live"  #: of trainings that began before configs were chosen


def chosen_config(
    sounds: Sequence[Path], output: Path, threads: int, *, resumes: bool, listener: ProgressListener
) -> str:
    """Return the name of a config for a corpus, and log why. It prepares the corpus first. [disk]

    output : the model file;  resumes : go on with the config that was chosen when the training began
    """
    folder = output.with_name(output.name + ".training")
    if resumes or (folder / checkpoint.LATEST).exists():
        try:
            name = (folder / KEPT).read_text(encoding="utf-8").strip()
        except OSError:
            return DEFAULT
        return name if name in PRESETS else DEFAULT
    prepared = prepared_corpus(sounds)
    if not prepared:
        prepared = folder / "corpus"
        prepare(sounds, prepared, preset(DEFAULT), threads, ProgressListener())
    heard = listen(Corpus.load(prepared))
    listener.log(f"{heard.reason}; --config chooses another one")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / KEPT, heard.config.encode())
    return heard.config
