"""Files as others read them: soundfile, Python's wave, scipy, ffmpeg -> 24-bit steps, (frames, 2).

Float files (`wave` knows none) as they are, float32.
"""

from __future__ import annotations

import shutil
import subprocess
import warnings
import wave
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
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 3)
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
        assert len(raw) == 2 * file.getnframes()
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 1:] = raw
    return wide.view("<i4").reshape(-1, 2) >> 8


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
