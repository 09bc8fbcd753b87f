"""Draws docs/screen.svg, docs/latents.svg and the ten seconds of docs/playing.svg on a stage that plays.

`python docs/screenshot.py`, with a JACK server and a controller, so that the pictures show devices.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from animation import animation, rows

from perform.core import params
from perform.core.arena_layout import LIVE
from perform.library import places
from perform.stage.client import Client, running
from perform.stage.commands import Quit, StartRecording
from perform.tui.app import Instrument

OUT = Path(__file__).resolve().parent
folder = tempfile.mkdtemp(prefix="perform-")
os.chdir(folder)
os.environ["PERFORM_RUNTIME"], os.environ["PERFORM_TAKES"] = folder, "takes"


#: what the player does in the animation: frame -> keys
PLAYED = {
    2: ("2",),
    4: ("down", "down", "shift+right"),
    5: ("shift+right",),
    8: ("w", "f3", "enter"),
    11: ("enter",),
}
FRAMES, SECONDS, SIZE = 16, 10.0, (120, 40)


async def draw(client: Client) -> None:
    """Wait until both decks sing, then save what the screens show."""
    app = Instrument(client)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(4)
        (OUT / "screen.svg").write_text(app.export_screenshot(title="perform"))
        seen = []
        for frame in range(FRAMES):
            await pilot.press(*PLAYED.get(frame, ()))
            await pilot.pause(SECONDS / FRAMES)
            seen.append(rows(app))
        background = app.screen.styles.background.hex
        (OUT / "playing.svg").write_text(animation(seen, SECONDS, background, SIZE))
        await pilot.press("2", "z", "shift+right", "shift+right", "shift+up")
        await pilot.pause(12)  # until the traces are full
        (OUT / "latents.svg").write_text(app.export_screenshot(title="perform"))


subprocess.Popen([sys.executable, "-m", "perform", "play", "demo", "--headless"])
while not running(places.runtime()):
    time.sleep(0.1)
client = Client(places.runtime())
while any(client.arena.meter(f"deck/{deck}/state") != LIVE for deck in (1, 2)):
    time.sleep(0.1)
client.ask(StartRecording())
params.set_value(client.arena.table, "deck/1/z/0/bias", 0.42)
params.set_value(client.arena.table, "deck/2/z/1/bias", -0.31)
params.set_value(client.arena.table, "xfade", 0.34)
time.sleep(2)
asyncio.run(draw(client))
client.ask(Quit())
client.wait_end(20)
