"""One part of a take: its files side by side in one folder, all from the same frame to the same frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from perform.core.errors import PerformError
from perform.core.ring_buffers import Audio
from perform.recorder import gesture_log, markers, wav_repair
from perform.recorder.gesture_log_writer import GestureLogWriter
from perform.recorder.take_names import beside
from perform.recorder.wav_format import WavFormat
from perform.recorder.wav_writer import WavWriter


class TakePart:
    """[disk] A file a track and, where there is a header for it, the gesture log.

    master : path of the first track's file; FileExistsError where one of the names is taken
    After an OSError of any method, `close` and go on elsewhere at frame `safe`.
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
        try:
            for track in tracks:
                self._files[track] = WavWriter(beside(master, track), rate, form)
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
        """Append as many frames to every track: (n, 2) each."""
        for track, file in self._files.items():
            file.write(blocks[track])

    def append(self, data: bytes) -> None:
        """Append encoded frames to the master, where that is the only track."""
        self._files["master"].append(data)

    def log(self, records: bytes) -> None:
        """Append to the gesture log."""
        assert self._log
        self._log.write(records)

    def sync(self) -> None:
        """Make everything safe."""
        for file in self._files.values():
            file.sync()
        assert self._log
        self._log.sync()

    def close(self, marks: markers.Marks, title: str) -> None:
        """Close all files at the last frame that is safe in each, with their markers. No OSError."""
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
        write_lists(self.path, marks, frames, self._rate, title)

    def unlink(self) -> None:
        """Leave nothing of it behind."""
        for path in [
            *(file.path for file in self._files.values()),
            self.path.with_suffix(gesture_log.SUFFIX),
        ]:
            with suppress(OSError):
                path.unlink()


def write_lists(master: Path, marks: markers.Marks, frames: int, rate: int, title: str) -> None:
    """Cue sheet and track list beside a file, where it has markers, there is room, and none are there."""
    marks = [mark for mark in marks if 0 <= mark.frame <= frames]
    if not marks:
        return
    for suffix, text in (
        (".cue", markers.sheet(master.name, title, marks, rate)),
        (".txt", markers.track_list(marks, rate)),
    ):
        with suppress(OSError), master.with_suffix(suffix).open("x", encoding="utf-8") as file:
            file.write(text)


def repair(path: Path, frames: int | None = None) -> int:
    """[disk] Make an unfinished file whole, with the markers its log knows; returns its frames.

    frames : it ends there, where it is longer. OSError and WrongUse as `wav_repair.repair`.
    """
    for master in (path, path.with_name(f"{path.stem.rpartition('_')[0]}.wav")):
        with suppress(OSError, PerformError):
            gesture_log.repair(master.with_suffix(gesture_log.SUFFIX))
            log = gesture_log.read(master.with_suffix(gesture_log.SUFFIX))
            held = wav_repair.repair(path, log.marks(), frames)
            if path == master:
                write_lists(master, log.marks(), held, log.header.rate, log.header.set)
            return held
    return wav_repair.repair(path, frames=frames)


def take_over(master: Path, tracks: Sequence[str]) -> int:
    """[disk] End the files of a part whose recorder died at the last frame that is in all; returns it."""
    files = [beside(master, track) for track in tracks]
    end = min(wav_repair.inspect(file).held for file in files)
    for file in files:
        repair(file, end)
    return end
