"""The screen in headless Chromium: the picture at the size of a desktop and of a phone.

Skipped where no Chromium is installed. PERFORM_BROWSER_PICTURES=FOLDER keeps the pictures, to look at.
"""

from __future__ import annotations

import base64
import io
import itertools
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import numpy.typing as npt
import pytest
from test_serving import TOKEN, port, server

from perform.tui.themes import DARK_HUES as HUES

__all__ = ["port", "server"]  # fixtures
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt install chromium")
Image = pytest.importorskip("PIL.Image", reason="no Pillow: pip install pillow")
#: width and height in pixels of the page, and whether it is a phone's
SIZES = {"desktop": (1280, 800, False), "phone": (412, 860, True), "phone turned": (860, 412, True)}


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[str]:
    """The address at which a headless Chromium obeys the DevTools protocol."""
    assert CHROMIUM
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader")
    command = [CHROMIUM, *options, f"--user-data-dir={tmp_path / 'profile'}", "--remote-debugging-port=0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        found = next(filter(None, (re.search(r"ws://\S+", line) for line in process.stderr)), None)
        assert found, "Chromium did not start"
        yield found[0]
        process.terminate()


class Page:
    """A page of a browser, by the DevTools protocol."""

    def __init__(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self._line, self._numbers, self._session = line, itertools.count(1), ""

    async def ask(self, method: str, **params: object) -> dict[str, Any]:
        """The answer to a command; a KeyError if it failed."""
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        await self._line.send_json({"id": number, "method": method, "params": params, **session})
        while True:
            answer = await self._line.receive_json(timeout=60)
            if answer.get("id") == number:
                return dict(answer["result"])

    async def open(self, address: str, width: int, height: int, mobile: bool) -> None:
        target = await self.ask("Target.createTarget", url="about:blank")
        attached = await self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        await self.ask("Emulation.setDeviceMetricsOverride", **size)
        await self.ask("Page.navigate", url=address)

    async def picture(self) -> npt.NDArray[np.uint8]:
        """The page as it is now -> (height, width, 3); black while it is opening."""
        try:
            png = base64.b64decode((await self.ask("Page.captureScreenshot", format="png"))["data"])
        except KeyError:
            return np.zeros((9, 9, 3), np.uint8)
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def share(picture: npt.NDArray[np.uint8], colour: str) -> float:
    """The share of a picture's pixels that have a colour, or nearly."""
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return float((np.abs(picture.astype(int) - wanted).max(axis=2) <= 12).mean())


@pytest.mark.parametrize("size", SIZES)
async def test_a_browser_shows_the_instrument(server: str, browser: str, size: str) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(browser, max_msg_size=0) as line:
        page, ends = Page(line), time.monotonic() + 90
        await page.open(f"{server}/?token={TOKEN}", *SIZES[size])
        while True:  # the screen opens, and the models load
            picture = await page.picture()
            shares = [share(picture, hue) for hue in HUES[:2]]
            if min(shares) > 0.002:
                break
            assert time.monotonic() < ends, f"the decks' hues fill {shares} of the page"
        if folder := os.environ.get("PERFORM_BROWSER_PICTURES"):
            Image.fromarray(picture).save(Path(folder) / f"{size.replace(' ', '-')}.png")
    colours = np.unique(picture.reshape(-1, 3) // 16, axis=0)
    assert len(colours) > 40, "letters, bars and levels"
    background = share(picture, "#0b0e12")
    assert 0.3 < background < 0.98
    drawn = np.abs(picture.astype(int) - picture[2, 2]).max(axis=2) > 40
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    height, width = drawn.shape
    assert rows[-1] - rows[0] > 0.85 * height and columns[-1] - columns[0] > 0.85 * width, "fills the page"
