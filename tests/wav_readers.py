"""Files as others read them: soundfile, Python's wave, scipy, ffmpeg -> 24-bit steps, (frames, 2).

Float files (`wave` knows none) as they are, float32.
"""

from __future__ import annotations

import shutil
import subprocess
import warnings
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.io import wavfile

Steps = npt.NDArray[np.int32]


def with_soundfile(path: Path) -> Steps:
    return soundfile.read(path, dtype="int32", always_2d=True)[0] >> 8


def with_wave(path: Path) -> Steps:
    return np.concatenate(list(wave_blocks(path)))


def wave_blocks(path: Path, length: int = 1 << 20) -> Iterator[Steps]:
    """A file of any length, in blocks of at most so many frames."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 3)
        read = 0
        while read < file.getnframes() or not read:
            raw = np.frombuffer(file.readframes(length), np.uint8).reshape(-1, 3)
            read += len(raw) // 2
            wide = np.zeros((len(raw), 4), np.uint8)
            wide[:, 1:] = raw
            yield wide.view("<i4").reshape(-1, 2) >> 8
            if not len(raw):
                break
        assert read == file.getnframes()


def _scipy(path: Path) -> npt.NDArray[Any]:
    with warnings.catch_warnings():  # it knows no markers, and says so
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        return wavfile.read(path)[1].reshape(-1, 2)


def with_scipy(path: Path) -> Steps:
    return _scipy(path) >> 8


def with_ffmpeg(path: Path) -> Steps:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s32le", "-c:a", "pcm_s32le", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert not done.stderr
    return np.frombuffer(done.stdout, "<i4").reshape(-1, 2) >> 8


def floats_with_soundfile(path: Path) -> npt.NDArray[np.float32]:
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def floats_with_scipy(path: Path) -> npt.NDArray[np.float32]:
    return _scipy(path)


def floats_with_ffmpeg(path: Path) -> npt.NDArray[np.float32]:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "f32le", "-c:a", "pcm_f32le", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert not done.stderr
    return np.frombuffer(done.stdout, "<f4").reshape(-1, 2)


READERS = [with_soundfile, with_wave, with_scipy] + ([with_ffmpeg] if shutil.which("ffmpeg") else [])
FLOAT_READERS = [floats_with_soundfile, floats_with_scipy] + (
    [floats_with_ffmpeg] if shutil.which("ffmpeg") else []
)
