"""One part of a take: its sound files and its gesture log in one folder, all of the same length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from perform.core.errors import PerformError
from perform.core.ring_buffers import Audio
from perform.recorder import gesture_log, markers, wav_repair
from perform.recorder.gesture_log_writer import GestureLogWriter
from perform.recorder.model_credits import ModelCredits
from perform.recorder.take_names import track_path
from perform.recorder.wav_format import WavFormat
from perform.recorder.wav_writer import WavWriter


class TakePart:
    """[disk] Writes one file per track, and the gesture log.

    master : path of the first track's file. FileExistsError: one of the names is taken
    After an OSError of any method, close the part and continue in another one at frame `safe`.
    """

    def __init__(
        self,
        master: Path,
        rate: int,
        tracks: Sequence[str],
        form: WavFormat,
        header: gesture_log.GestureHeader,
    ) -> None:
        self.path, self._rate = master, rate
        self._files: dict[str, WavWriter] = {}
        self._log: GestureLogWriter | None = None
        self._credits = ModelCredits()
        try:
            for track in tracks:
                self._files[track] = WavWriter(track_path(master, track), rate, form)
            self._log = GestureLogWriter(master.with_suffix(gesture_log.SUFFIX), header)
        except OSError:
            for file in self._files.values():
                with suppress(OSError):
                    file.close()
                file.path.unlink(missing_ok=True)
            raise

    @property
    def frames(self) -> int:
        """Whole frames in every file."""
        return min(file.frames for file in self._files.values())

    @property
    def safe(self) -> int:
        """Frames that are on the disk and in the header of every file."""
        return min(file.safe for file in self._files.values())

    def write(self, blocks: Mapping[str, Audio]) -> None:
        """Append (n, 2) to every track, with the same n."""
        for track, file in self._files.items():
            file.write(blocks[track])

    def append(self, data: bytes) -> None:
        """Append encoded frames to the master, if it is the only track."""
        self._files["master"].append(data)

    def log(self, records: bytes) -> None:
        """Append records to the gesture log."""
        assert self._log
        self._log.write(records)
        self._credits.collect(records)

    def sync(self) -> None:
        """Flush all files to the disk."""
        for file in self._files.values():
            file.sync()
        assert self._log
        self._log.sync()

    def close(self, marks: markers.Marks, title: str) -> None:
        """Close all files, with their markers, at the last frame that is safe in all. Raises no OSError."""
        for file in self._files.values():
            with suppress(OSError):
                file.sync()
        frames = self.safe
        for file in self._files.values():
            with suppress(OSError):
                file.close(frames, marks)
        with suppress(OSError):
            assert self._log
            self._log.close()
        write_lists(self.path, marks, frames, self._rate, title, self._credits.text())

    def unlink(self) -> None:
        """Delete all files of the part."""
        for path in [
            *(file.path for file in self._files.values()),
            self.path.with_suffix(gesture_log.SUFFIX),
        ]:
            with suppress(OSError):
                path.unlink()


def write_lists(
    master: Path, marks: markers.Marks, frames: int, rate: int, title: str, model_credits: str
) -> None:
    """Write a cue sheet and a track list beside a file with markers; never overwrites, raises no OSError.

    model_credits : credits that licences require, after the track list, even without markers
    """
    marks = [mark for mark in marks if 0 <= mark.frame <= frames]
    tracks = markers.track_list(marks, rate)
    lists = {
        ".cue": markers.cue_sheet(master.name, title, marks, rate) if marks else "",
        ".txt": f"{tracks}\n{model_credits}" if tracks and model_credits else tracks + model_credits,
    }
    for suffix, text in lists.items():
        if not text:
            continue
        with (
            suppress(OSError),
            master.with_suffix(suffix).open("x", encoding="utf-8", errors="surrogateescape") as file,
        ):
            file.write(text)


def repair(path: Path, frames: int | None = None) -> int:
    """[disk] Repair an unfinished file, with the markers of its gesture log; return its frames.

    frames : cut a longer file here. OSError and WrongUse as `wav_repair.repair`.
    """
    for master in (path, path.with_name(f"{path.stem.rpartition('_')[0]}.wav")):
        with suppress(OSError, PerformError):
            gesture_log.repair(master.with_suffix(gesture_log.SUFFIX))
            log = gesture_log.read(master.with_suffix(gesture_log.SUFFIX))
            held = wav_repair.repair(path, log.marks(), frames)
            if path == master:
                model_credits = ModelCredits()
                for record in log.records:
                    model_credits.collect(record.pack())
                text = model_credits.text()
                write_lists(master, log.marks(), held, log.header.rate, log.header.set, text)
            return held
    return wav_repair.repair(path, frames=frames)


def take_over(master: Path, tracks: Sequence[str]) -> int:
    """[disk] End the files of a dead recorder's part at the last frame that all of them hold; return it."""
    files = [track_path(master, track) for track in tracks]
    end = min(wav_repair.inspect(file).held for file in files)
    for file in files:
        repair(file, end)
    return end
