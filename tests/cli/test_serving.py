"""The screen in a browser: real requests to `perform serve`, with and without its token."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from rig import perform, playing

TOKEN = "tok-for-the-tests"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def server(runtime: Path, tiny_models: Path, port: int) -> Iterator[str]:
    """The address of a server that shows a stage."""
    with playing(runtime, "--device", "null") as instrument:
        command = [sys.executable, "-m", "perform", "serve", "--port", str(port), "--token", TOKEN]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr
        line = process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stderr.read()
        assert found[0] == f"http://127.0.0.1:{port}/?token={TOKEN}"
        yield f"http://127.0.0.1:{port}"
        process.terminate()
        process.wait(20)
        instrument.end()


async def shown(session: aiohttp.ClientSession, address: str, wanted: str) -> str:
    """What the screen has drawn when `wanted` is there."""
    text, ends = "", time.monotonic() + 60
    async with session.ws_connect(f"{address}/ws?width=120&height=40") as ws:
        while wanted not in text:
            message = await ws.receive(timeout=ends - time.monotonic())
            assert message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY), message
            if message.type == aiohttp.WSMsgType.BINARY:
                text += message.data.decode(errors="replace")
    return text


async def test_a_browser_with_the_token_sees_the_screen_and_others_see_nothing(server: str) -> None:
    async with aiohttp.ClientSession() as other:
        for path in ("/", "/ws", "/?token=wrong", "/static/"):
            assert (await other.get(server + path)).status == 403, path
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        page = await browser.get(f"{server}/?token={TOKEN}")
        assert page.status == 200
        assert "token" not in str(page.url)
        assert f"ws://{server.partition('//')[2]}/ws" in await page.text()
        assert "width=device-width" in await page.text(), "letters that a phone does not shrink"
        assert "First light" in await shown(browser, server, "First light")
        elsewhere = {"Origin": "http://evil.example"}
        assert (await browser.get(f"{server}/ws", headers=elsewhere)).status == 403


def test_without_a_stage_or_with_a_short_token_it_says_so(port: int) -> None:
    done = perform("serve", "--port", str(port))
    assert done.returncode == 1
    assert "no stage" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert perform("serve", "--token", "short").returncode == 2
