"""Preparing a corpus: formats, silence, files left out, updates, and held-out stretches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.core.errors import WrongUse
from perform.library.sound_files import SoundFile
from perform.library.sound_files import find as sounds_below
from perform.train import preparation
from perform.train.corpus import Corpus, CorpusPiece, quantise, split, write
from perform.train.corpus_files import find
from perform.train.ffmpeg_decoding import INSTALL, ffmpeg
from perform.train.loop import prepared_corpus
from perform.train.preparation import LEFT_OUT, decode, prepare, trim

from .conftest import bursts

RATE = 16000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same two seconds of sound in every format, at several rates, mono and stereo."""
    made = tmp_path / "sounds"
    (made / "deep").mkdir(parents=True)
    for name, rate, channels in (
        ("a.wav", 22050, 2),
        ("b.flac", 16000, 1),
        ("c.mp3", 44100, 1),
        ("d.ogg", 48000, 2),
        ("deep/e.aiff", 32000, 1),
    ):
        soundfile.write(made / name, bursts(2, channels, rate).T, rate)
    return made


def test_every_format_and_rate_gives_the_same_sound(folder: Path, tmp_path: Path) -> None:
    survey = prepare([folder], tmp_path / "corpus", RATE, 1, threads=2)
    corpus = Corpus.load(tmp_path / "corpus")
    assert list(survey.files) == ["a.wav", "b.flac", "c.mp3", "d.ogg", "deep/e.aiff"]
    assert corpus.signal.shape == (pytest.approx(10 * RATE, abs=3000), 1)
    for second in range(0, 10, 2):
        part = corpus.read(second * RATE + RATE // 4, RATE)[0]
        spectrum = np.abs(np.fft.rfft(part))
        assert np.argmax(spectrum) == pytest.approx(2760 / (2 * np.pi), abs=2), "the hum"
    text = "\n".join(survey.lines())
    assert "5 files, 10 seconds at 16000, 22050, 32000, 44100, 48000 Hz" in text
    assert "is little: the model may overfit" in text


def test_stereo_is_kept_and_mono_goes_to_both_channels(folder: Path, tmp_path: Path) -> None:
    prepare([folder], tmp_path / "corpus", RATE, 2)
    corpus = Corpus.load(tmp_path / "corpus")
    left, right = corpus.read(0, 2 * RATE)
    assert not np.array_equal(left, right)
    left, right = corpus.read(2 * RATE + 200, RATE)
    assert np.array_equal(left, right)


def test_files_left_out_are_named_with_the_reason(tmp_path: Path) -> None:
    made = tmp_path / "mixed"
    made.mkdir()
    good = bursts(2)[0]
    soundfile.write(made / "good.wav", good, RATE)
    soundfile.write(made / "same.flac", soundfile.read(made / "good.wav", dtype="int16")[0], RATE)
    soundfile.write(made / "clipped.wav", np.clip(20 * good, -1, 1), RATE)
    soundfile.write(made / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(made / "empty.wav", np.zeros(0), RATE)
    soundfile.write(made / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    (made / "bad.wav").write_bytes(b"RIFF and then nothing")
    (made / "notes.txt").write_text("not a sound")
    survey = prepare([made], tmp_path / "corpus", RATE, 1)
    skipped = survey.skipped()
    assert skipped.keys() == {"same.flac", "silent.wav", "empty.wav", "nan.wav", "bad.wav", "notes.txt"}
    assert skipped["same.flac"] == "the same sound as good.wav"
    assert "no samples" in skipped["empty.wav"]
    assert "NaN or infinite" in skipped["nan.wav"]
    listed = (tmp_path / "corpus" / LEFT_OUT).read_text().splitlines()
    assert listed == [f"{name}: {why}" for name, why in skipped.items()]
    assert any(line.startswith("clipped: clipped.wav") for line in survey.lines())
    for name in ("good.wav", "same.flac", "clipped.wav"):
        (made / name).unlink()
    with pytest.raises(WrongUse, match="there is no sound to train on"):
        prepare([made], tmp_path / "other", RATE, 1)
    with pytest.raises(WrongUse, match="cannot be read"):
        decode(made / "bad.wav", RATE, 1)
    with pytest.raises(WrongUse, match="no sound files"):
        find([tmp_path / "corpus"])
    with pytest.raises(WrongUse, match="no such corpus"):
        find([tmp_path / "nowhere"])


def with_rate(path: Path, rate: int) -> None:
    """Write a number into the header of a WAV file as its sample rate."""
    data = bytearray(path.read_bytes())
    data[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(data)


def test_no_single_file_ends_the_preparation(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(folder / "gsm.wav", bursts(1, 1, 8000)[0], 8000, subtype="GSM610")
    for name, rate in (("fast.wav", 2**31 - 1), ("slow.wav", 1), ("none.wav", 0)):
        soundfile.write(folder / name, bursts(1)[0], RATE)
        with_rate(folder / name, rate)
    soundfile.write(folder / "strange.wav", bursts(1)[0], RATE)
    trimmed = preparation.trim

    def broken(sound: np.ndarray, rate: int) -> np.ndarray:
        if len(sound) == RATE:
            raise ZeroDivisionError("an error of a library")
        return trimmed(sound, rate)

    monkeypatch.setattr(preparation, "trim", broken)
    survey = prepare([folder], tmp_path / "corpus", RATE, 1, threads=2)
    skipped = survey.skipped()
    assert skipped["fast.wav"] == "its header says 2147483647 Hz" and "slow.wav" in skipped
    assert "an error of a library" in skipped["strange.wav"]
    assert skipped.keys() == {"fast.wav", "slow.wav", "none.wav", "strange.wav"} | (
        {"gsm.wav"} if len(decode(folder / "gsm.wav", RATE, 1)[0]) == RATE else set()
    )
    with pytest.raises(WrongUse, match="its header says 2147483647 Hz"):
        SoundFile(folder / "fast.wav")


@pytest.fixture
def without_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Hide ffmpeg, until the test undoes the changes of this fixture."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    return monkeypatch


@pytest.mark.usefixtures("without_ffmpeg")
def test_linked_folders_and_every_readable_format_are_taken(tmp_path: Path) -> None:
    far, made = tmp_path / "far", tmp_path / "sounds"
    (far / "deep").mkdir(parents=True)
    made.mkdir()
    for i, (name, how) in enumerate(
        {"a.caf": {}, "b.w64": {}, "c.opus": {"format": "OGG", "subtype": "OPUS"}, "d.au": {}}.items()
    ):
        soundfile.write(far / "deep" / name, bursts(1 + i, 1, 48000)[0], 48000, **how)
    try:
        (made / "linked").symlink_to(far, target_is_directory=True)
        (far / "loop").symlink_to(made, target_is_directory=True)
        (made / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    except OSError:
        pytest.skip("this system makes no links")
    for name in ("song.m4a", ".hidden.wav", "notes.txt"):
        (made / name).write_bytes(b"x")
    survey = prepare([made], tmp_path / "corpus", RATE, 1)
    assert list(survey.files) == [f"linked/deep/{name}" for name in ("a.caf", "b.w64", "c.opus", "d.au")]
    assert survey.skipped() == {
        ".hidden.wav": "a hidden file",
        "notes.txt": "not a sound file",
        "song.m4a": f".m4a needs ffmpeg: {INSTALL}; or convert it to WAV or FLAC",
    }
    assert prepare([made], tmp_path / "corpus", RATE, 1).skipped() == survey.skipped()
    assert sounds_below(made) == sorted((made / "linked" / "deep").iterdir())


def test_ffmpeg_reads_what_libsndfile_cannot(tmp_path: Path, without_ffmpeg: pytest.MonkeyPatch) -> None:
    made, target = tmp_path / "sounds", tmp_path / "corpus"
    made.mkdir()
    soundfile.write(made / "a.wav", bursts(2)[0], RATE)
    for name in ("b.m4a", "broken.m4a", "c.wav", "d.wav"):
        (made / name).write_bytes(b"no sound")
    survey = prepare([made], target, RATE, 1)
    assert list(Corpus.load(target).training) and survey.skipped().keys() == {
        "b.m4a",
        "broken.m4a",
        "c.wav",
        "d.wav",
    }
    assert all(INSTALL in why for why in survey.skipped().values())
    assert prepare([made], target, RATE, 1).skipped() == survey.skipped()
    without_ffmpeg.undo()
    program = ffmpeg()
    if program is None:
        pytest.skip("no ffmpeg")
    source = tmp_path / "source.flac"
    soundfile.write(source, bursts(2, 2, 44100).T, 44100)
    command = [program, "-v", "error", "-y", "-i", source, "-c:a", "aac"]
    subprocess.run([*command, made / "b.m4a", "-c:a", "aac", "-f", "adts", made / "c.wav"], check=True)
    picture = ["-f", "lavfi", "-i", "color=black:size=16x16:duration=0.2", made / "silent.mp4"]
    subprocess.run([program, "-v", "error", *picture], check=True)
    survey = prepare([made], target, RATE, 1)
    left_out = survey.skipped()
    assert left_out.pop("silent.mp4") == "it has no sound"
    assert left_out.keys() == {"broken.m4a", "d.wav"}
    assert all("ffmpeg cannot decode it" in why for why in left_out.values()), "it was tried again"
    assert {survey.files[name]["rate"] for name in ("b.m4a", "c.wav")} == {44100}
    corpus = Corpus.load(target)
    for second in (0, 2, 4):
        part = corpus.read(second * RATE + RATE // 4, RATE)[0]
        assert np.argmax(np.abs(np.fft.rfft(part))) == pytest.approx(2760 / (2 * np.pi), abs=2), "the hum"


def test_a_corpus_of_several_folders_and_files(tmp_path: Path) -> None:
    rooms = [tmp_path / "rec" / "cello", tmp_path / "rec" / "voice"]
    for room in rooms:
        room.mkdir(parents=True)
        soundfile.write(room / "one.wav", bursts(1 + rooms.index(room))[0], RATE)
    single = tmp_path / "take.flac"
    soundfile.write(single, bursts(3)[0], RATE)
    (rooms[1] / "notes.txt").write_text("not a sound")
    survey = prepare([*rooms, rooms[0], single], tmp_path / "corpus", RATE, 1)
    assert list(survey.files) == ["rec/cello/one.wav", "rec/voice/one.wav", "take.flac"]
    assert survey.skipped() == {"rec/voice/notes.txt": "not a sound file"}
    assert Corpus.load(tmp_path / "corpus").name == "cello, voice, take.flac"
    with pytest.raises(WrongUse, match="no sound files"):
        find([rooms[0], tmp_path / "corpus"])
    with pytest.raises(WrongUse, match="cannot be joined"):
        prepared_corpus([rooms[0], tmp_path / "corpus"])
    assert prepared_corpus([tmp_path / "corpus"]) == tmp_path / "corpus"


def test_only_changed_files_are_read_again(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "corpus"
    prepare([folder], target, RATE, 1)
    first, signal = Corpus.load(target), Corpus.load(target).signal.copy()
    for name in ("a.wav", "d.ogg"):  # unreadable, but with the same size and time
        stat = (folder / name).stat()
        (folder / name).write_bytes(bytes(stat.st_size))
        os.utime(folder / name, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    prepare([folder], target, RATE, 1)
    assert Corpus.load(target).digest == first.digest
    soundfile.write(folder / "b.flac", 0.5 * bursts(3)[0], RATE)
    survey = prepare([folder], target, RATE, 1)
    assert not survey.skipped()
    second = Corpus.load(target)
    assert second.digest != first.digest
    assert len(second.signal) == len(signal) + RATE
    assert np.array_equal(second.signal[: 2 * RATE - 9], signal[: 2 * RATE - 9])
    assert len(list(target.iterdir())) == 2, "the earlier corpus is deleted"


def test_an_incomplete_corpus_is_an_error(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "corpus"
    with pytest.raises(WrongUse, match="no prepared corpus"):
        Corpus.load(target)
    prepare([folder], target, RATE, 1)
    (sound,) = target.glob("*.i16")
    sound.write_bytes(sound.read_bytes()[:-2])
    with pytest.raises(WrongUse, match="the prepared corpus is incomplete"):
        Corpus.load(target)
    prepare([folder], target, RATE, 1)
    Corpus.load(target)
    (target / "corpus.json").write_text('{"format": "another"}')
    with pytest.raises(WrongUse, match="another version"):
        Corpus.load(target)


def test_two_silent_files_are_no_duplicates(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    for name, sound in (("a", np.zeros(RATE)), ("b", np.zeros(2 * RATE)), ("c", 0.5 * bursts(2)[0])):
        soundfile.write(tmp_path / "sounds" / f"{name}.wav", sound, RATE)
    files = prepare([tmp_path / "sounds"], tmp_path / "corpus", RATE, 1).files
    assert not any("same_as" in facts for facts in files.values())


def test_silence_is_removed_and_decays_are_kept() -> None:
    tone = 0.3 * np.sin(np.arange(RATE) * 0.2)
    silence = np.zeros(3 * RATE)
    sound = np.concatenate([silence, tone, silence, tone]).astype(np.float32)[:, None]
    kept = trim(sound, RATE)
    assert len(kept) / RATE == pytest.approx(2 + 3 * 0.5, abs=0.05), (
        "half a second of silence is kept on each side"
    )
    assert np.array_equal(
        trim(sound[3 * RATE : 4 * RATE], RATE)[100:-100], sound[3 * RATE + 100 : 4 * RATE - 100]
    )
    assert not len(trim(np.zeros((10, 1), np.float32), RATE))


@given(st.lists(st.integers(1, 50_000), min_size=2, max_size=40), st.integers(100, 2000))
@settings(max_examples=100)
def test_every_sample_is_trained_on_or_held_out(lengths: list[int], rate: int) -> None:
    starts = np.cumsum([0, *lengths])
    pieces = [CorpusPiece(f"{i}", "k", int(starts[i]), length) for i, length in enumerate(lengths)]
    training, held_out = split(pieces, rate)
    marks = np.zeros(sum(lengths), int)
    for start, end in training + held_out:
        marks[start:end] += 1
    assert (marks == 1).all()
    assert training
    assert held_out
    assert split(pieces, rate) == (training, held_out)


def test_a_tenth_is_held_out_and_stays_held_out_as_the_corpus_grows() -> None:
    pieces = [CorpusPiece(f"{i}", "k", i * 1000, 1000) for i in range(300)]
    _, held_out = split(pieces[:280], 1000)
    share = sum(end - start for start, end in held_out) / 280_000
    assert share == pytest.approx(0.1, abs=0.01)

    def names(spans: list[tuple[int, int]]) -> set[int]:
        return {piece for start, end in spans for piece in range(start // 1000, end // 1000)}

    before, after = names(held_out), names(split(pieces, 1000)[1])
    assert len(before & after) >= 0.9 * len(before)


def test_short_stretches_are_padded_with_silence(tmp_path: Path) -> None:
    write(tmp_path, "x", RATE, 1, [(str(i), "k", quantise(np.full((1, 500), 0.5)), {}) for i in range(4)])
    corpus = Corpus.load(tmp_path)
    (row,) = corpus.spread(corpus.held_out, 3, 2000)[:, 0]
    assert (row[:500] > 0.4).all()
    assert not row[500:].any()
