"""Decodes sound files that libsndfile cannot read (M4A, AAC ...), with ffmpeg in a process. [disk]"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from perform.core.errors import WrongUse
from perform.core.no_window import NO_WINDOW

INSTALL = "install ffmpeg, or `pip install imageio-ffmpeg`"
_HEADER = struct.Struct(">4s5I")
"""The header of an AU file: ".snd", offset, bytes and format of the samples, sample rate, channels."""


def ffmpeg() -> str | None:
    """Return the path of ffmpeg: on the system, or in the package imageio-ffmpeg. None: neither has it."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


class FfmpegSound:
    """The first sound stream of a file, read from start to end.

    samplerate : Hz;  channels : as in the file
    """

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        assert process.stdout
        self._process, self._out, self._errors = process, process.stdout, errors
        header = self._out.read(_HEADER.size)
        if len(header) < _HEADER.size:
            self._check_end()
            raise WrongUse("ffmpeg finds no sound in it")
        _, offset, _, _, self.samplerate, self.channels = _HEADER.unpack(header)
        self._out.read(offset - _HEADER.size)

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return the next samples, (n, channels); fewer than `frames` at the end of the file, then none."""
        size = 4 * self.channels
        data = self._out.read(size * frames)
        if len(data) < size * frames:
            self._check_end()
        samples = np.frombuffer(data, ">f4", len(data) // size * self.channels)
        return samples.astype(np.float32).reshape(-1, self.channels)

    def _check_end(self) -> None:
        """Wait until ffmpeg ends. WrongUse: it failed; with its last message."""
        if self._process.wait():
            self._errors.seek(0)
            text = self._errors.read().decode(errors="replace").strip()
            if "matches no streams" in text:
                raise WrongUse("it has no sound")
            raise WrongUse(f"ffmpeg cannot decode it ({text.splitlines()[-1] if text else 'no reason'})")


@contextmanager
def decoded(program: str, path: Path) -> Iterator[FfmpegSound]:
    """Yield a file's sound, decoded by ffmpeg. WrongUse, also while you read it: ffmpeg cannot. [disk]

    program : the path of ffmpeg
    """
    command = [program, "-v", "error", "-nostdin", "-protocol_whitelist", "file,pipe"]
    command += ["-i", f"file:{path.absolute()}", "-map", "0:a:0", "-c:a", "pcm_f32be", "-f", "au", "-"]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            creationflags=NO_WINDOW,
        ) as process,
    ):
        try:
            yield FfmpegSound(process, errors)
        finally:
            process.kill()
