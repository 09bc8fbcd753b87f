"""Names and texts from files on the screen: bytes that are not UTF-8, terminal escapes."""

from __future__ import annotations

import os
import shutil
import sys

import numpy as np
import pytest
import soundfile
from hands import playing
from msgspec.structs import replace
from stand_in import deck, status

from perform.stage.commands import Load, UseFile
from perform.stage.status import SongsStatus, SongStatus

CAFE = os.fsdecode(b"caf\xe9")
ESCAPE = "\x1b]0;owned\x07\x1b[31mred\x9b2J"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
async def test_the_browsers_show_and_load_a_name_that_is_no_utf_8(stage, clock, home):
    shutil.copy(home / "models" / "glass.safetensors", home / "models" / f"{CAFE}.safetensors")
    (home / "sounds" / CAFE).mkdir(parents=True)
    soundfile.write(os.fsencode(home / "sounds" / CAFE / "a.wav"), np.zeros(4800), 48000)
    async with playing(stage, clock) as hands:
        await hands.press("o")
        await hands.until(lambda: "caf�e9" in hands.text())
        await hands.press(*"caf", "enter")
        await hands.until(lambda: stage.asked[-1:] == [Load(1, "caf�e9")])
        await hands.press("O")
        await hands.until(lambda: "caf�e9/a.wav" in hands.text())
        await hands.press("enter")
        await hands.until(lambda: stage.asked[-1:] == [UseFile(1, "caf�e9/a.wav")])
        hands.text().encode()


async def test_no_text_of_a_file_steers_the_terminal(stage, clock, home):
    song = SongStatus(ESCAPE, (f"1 {ESCAPE}",), ESCAPE, (ESCAPE,))
    words = status(deck(ESCAPE), deck("x", 0, error=ESCAPE))
    stage.words = replace(
        words, set=ESCAPE, mapping=ESCAPE, log=(ESCAPE,), songs=SongsStatus((song, song), since=clock.now)
    )
    (home / "sets").mkdir()
    (home / "sets" / "evil.toml").write_text('name = "e"\n[[songs]]\nname = "\\u001b[31mred\\u009b2J"\n')
    (home / "sounds").mkdir()
    (home / "sounds" / f"{ESCAPE}.wav").write_bytes(b"no sound")
    (home / "controllers" / f"{ESCAPE}.toml").write_text('name = "x"\n')
    async with playing(stage, clock) as hands:
        seen = hands.text()
        for key in ("j", "O", "o", "C", "ctrl+o", "?", "L"):
            await hands.press(key)
            await hands.settle()
            seen += hands.text()
            await hands.press("escape")
        assert "red" in seen and "owned" in seen
        assert not {c for c in seen if not c.isprintable()} - {"\n"}
