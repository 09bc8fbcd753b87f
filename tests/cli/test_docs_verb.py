"""`perform docs`: the manual in the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from perform.cli import docs_verb, main
from perform.tui.own_keys import EVERY

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def home() -> Path:
    return Path(os.environ["PERFORM_HOME"])


def test_every_page_is_listed_and_shown() -> None:
    listed = CliRunner().invoke(main, ["docs"]).output.splitlines()
    assert [line.split()[0] for line in listed] == sorted(path.stem for path in DOCS.glob("*.md"))
    for name in ("sets", "docs/sets.md"):
        shown = CliRunner().invoke(main, ["docs", name]).output
        assert shown.rstrip("\n") == (DOCS / "sets.md").read_text().rstrip("\n")


def test_a_page_that_does_not_exist_is_an_error_with_the_nearest() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perform", "docs", "sest"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, "wrong use"
    assert "there is no page 'sest'" in done.stderr
    assert "sets" in done.stderr


def test_the_key_card_has_every_key_and_the_players_own(home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "keys.toml").write_text('[keys]\n"stage.record" = "ctrl+t"\n')
    shown = CliRunner().invoke(main, ["docs", "--key-card"]).output
    cells = CardCells()
    cells.feed(shown)
    texts = cells.found[1::2]
    for key in EVERY:
        assert key.description in texts or key.id.startswith(("deck.focus", "scene.recall")), key
    assert (
        cells.found[texts.index(next(k.description for k in EVERY if k.id == "stage.record")) * 2] == "ctrl+t"
    )
    assert "focus a deck" in texts and "recall a scene" in texts


class CardCells(HTMLParser):
    """The texts of a page's table cells."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "td":
            self.found.append("")

    def handle_data(self, data: str) -> None:
        if self.lasttag == "td" and self.found and data.strip():
            self.found[-1] += data


def test_links_to_pictures_and_sounds_lead_to_the_files_of_this_installation() -> None:
    text = docs_verb._with_files((DOCS / "voices.md").read_text(), DOCS)
    assert f"]({(DOCS / 'sounds' / 'bells.ogg').resolve().as_uri()})" in text
    assert "](sounds/" not in text
    assert "](../models/bells.md)" in text, "pages are read with `perform docs`"


def test_a_pipe_that_closes_ends_it_without_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "perform", "docs"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert done.stderr == b""
