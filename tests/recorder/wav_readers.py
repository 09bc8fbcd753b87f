"""Files as others read them: soundfile, Python's wave, scipy, ffmpeg -> 24-bit steps, (frames, 2)."""

from __future__ import annotations

import shutil
import subprocess
import wave
from pathlib import Path

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


def with_scipy(path: Path) -> Steps:
    return wavfile.read(path)[1].reshape(-1, 2) >> 8


def with_ffmpeg(path: Path) -> Steps:
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "s32le", "-c:a", "pcm_s32le", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert not done.stderr
    return np.frombuffer(done.stdout, "<i4").reshape(-1, 2) >> 8


READERS = [with_soundfile, with_wave, with_scipy] + ([with_ffmpeg] if shutil.which("ffmpeg") else [])
