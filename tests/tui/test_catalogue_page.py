"""The catalogue page of the model browser, with a real server: licence, download, stop, resume, import."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hands import Hands, playing
from http_rig import FileServer, serving
from stand_in import FakeStage, deck, play, status
from tiny import tiny_model

from perform.library import catalogue, download, idle_import, licences, model_library, player_config
from perform.library.cards import read_card
from perform.stage.commands import Load
from perform.tui.screens.catalogue_browser import CatalogueBrowser
from perform.tui.screens.model_browser import ModelBrowser

LICENCE = "CC BY-NC 4.0"


@pytest.fixture
def server(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A catalogue of one model, and the server that has its file."""
    monkeypatch.setattr(download, "PATIENCE_S", 1.0)
    monkeypatch.setattr(idle_import, "_IDLE_VERB", idle_import._VERB)  # tests leave no idle time
    data = tiny_model(tmp_path / "made" / "bowls.safetensors").read_bytes()
    with serving(data) as made:
        model = {
            "name": "bowls",
            "url": made.address,
            "licence": LICENCE,
            "author": "Ada",
            "about": "singing bowls",
            "page": "https://example.org/bowls",
            "size": len(data),
        }
        listed = {"format": catalogue.FORMAT, "models": [model]}
        catalogue.bundled().parent.mkdir(parents=True)
        catalogue.bundled().write_text(json.dumps(listed))
        yield made


async def see(hands: Hands, condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Frames until something is so; an import starts Python and torch."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, hands.text()
        hands.app.tick()
        await hands.pilot.pause(0.1)


async def open_page(hands: Hands) -> None:
    await hands.press("o")
    await hands.until(lambda: "organ" in hands.text())
    await hands.press("tab")
    await hands.until(lambda: "singing bowls" in hands.text())


async def test_a_model_is_agreed_to_downloaded_resumed_imported_and_loaded(stage, clock, server, home):  # type: ignore[no-untyped-def]
    server.fault = "cut"
    async with playing(stage, clock) as hands:
        await open_page(hands)
        await hands.press("enter")
        assert f"its licence: {LICENCE}" in hands.words()
        assert server.asked == [], "nothing is downloaded before the player agrees"
        await hands.press("enter")
        await see(hands, lambda: "▲ offline" in hands.words())
        assert "in the cache: 0 of 0 MiB" in hands.words()
        assert licences.is_agreed(LICENCE)
        await hands.press("escape", "escape")
        await open_page(hands)
        await see(hands, lambda: "▲ offline" in hands.words(), 10.0)  # a fetch outlives the dialog
        server.fault = ""
        before = stage.arena.table.copy()
        await hands.press("enter")
        await see(hands, lambda: "importing" in hands.words())
        await hands.press("escape", "escape")
        assert not isinstance(hands.app.screen, ModelBrowser | CatalogueBrowser)
        await see(hands, lambda: "bowls is in your library" in hands.text())
        assert server.asked[-1].startswith("bytes=") and server.asked[-1] != "bytes=0-"
        assert (stage.arena.table == before).all(), "the set plays on as it was"
        await open_page(hands)
        await see(hands, lambda: "in your library: enter loads it" in hands.words(), 10.0)
        await hands.press("enter")
        await hands.until(lambda: stage.asked == [Load(1, "bowls")])
    path = model_library.find_model("bowls")
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(server.data).digest()
    card = read_card(path)
    assert (card.author, card.source) == ("Ada", "https://example.org/bowls")
    assert card.attribution == "bowls by Ada (https://example.org/bowls), CC BY-NC 4.0"


async def test_enter_stops_a_download_and_goes_on_with_it(stage, clock, server):  # type: ignore[no-untyped-def]
    licences.agree(LICENCE)
    server.data, server.fault = b"PK\x03\x04".ljust(8 << 20, b"\0"), "slow"
    async with playing(stage, clock) as hands:
        await open_page(hands)
        await hands.press("enter")
        await see(hands, lambda: "downloading: enter stops" in hands.words() and "4 of 8 MiB" in hands.text())
        await hands.press("enter")
        await see(hands, lambda: "stopped: enter goes on" in hands.words())
        await hands.press("enter")
        await see(hands, lambda: len(server.asked) == 2)
        await hands.press("enter")
        await see(hands, lambda: "stopped: enter goes on" in hands.words())
    assert int(server.asked[1].removeprefix("bytes=").rstrip("-")) >= 4 << 20
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fetch")]


async def test_the_line_of_a_deck_names_its_licence(clock, tmp_path):  # type: ignore[no-untyped-def]
    stage = FakeStage(tmp_path, status(msgspec.structs.replace(deck("vintage"), licence=LICENCE)))
    play(stage)
    async with playing(stage, clock) as hands:
        assert f"licence {LICENCE}" in hands.text()


async def test_offline_says_so_with_what_is_here(stage, clock, server, home):  # type: ignore[no-untyped-def]
    with serving(b"") as gone:
        address = gone.address
    player_config.change("models.catalogues", (address,))
    async with playing(stage, clock) as hands:
        await open_page(hands)
        await hands.until(lambda: "check the network" in hands.words())
        assert "in the cache: no download" in hands.words()
