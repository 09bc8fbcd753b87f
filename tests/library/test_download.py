"""Downloads from a real server that cuts, stalls, lies, redirects or sends a page: complete, or not there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from http_rig import FileServer, serving
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_model

from perform.cli import main
from perform.core.errors import WrongUse
from perform.library import catalogue, download, licences, model_library, places, player_config
from perform.library.cards import read_card
from perform.library.download import Unreachable, WrongContent, fetch

DATA = bytes(range(256)) * 4000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setattr(download, "PATIENCE_S", 0.3)
    with serving(DATA) as made:
        yield made


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "m.ts"


@pytest.mark.parametrize("fault", ["", "redirect"])
def test_a_file_is_downloaded_and_its_progress_told(server: FileServer, out: Path, fault: str) -> None:
    server.fault, told = fault, []
    fetch(server.address, out, sha256=SHA, on_progress=lambda *at: told.append(at))
    assert out.read_bytes() == DATA
    assert told[-1] == (len(DATA), len(DATA))
    assert [path.name for path in out.parent.iterdir()] == ["m.ts"]


@pytest.mark.parametrize("fault", ["cut", "stall", "long"])
def test_what_stops_goes_on_where_it_stopped(server: FileServer, out: Path, fault: str) -> None:
    server.fault = fault
    with pytest.raises(Unreachable, match=r"goes on from here"):
        fetch(server.address, out)
    assert not out.exists()
    server.fault = ""
    fetch(server.address, out, sha256=SHA)
    assert out.read_bytes() == DATA
    if fault != "long":  # where all had come, nothing was left to ask for
        assert server.asked[-1] not in ("", "bytes=0-")


@pytest.mark.parametrize("change", ["another file", "no ranges"])
def test_a_part_of_another_file_or_without_ranges_begins_anew(
    server: FileServer, out: Path, change: str
) -> None:
    server.fault = "cut"
    with pytest.raises(Unreachable):
        fetch(server.address, out)
    server.fault = "no ranges" if change == "no ranges" else ""
    if change == "another file":
        server.tag, server.data = '"two"', DATA[::-1]
    fetch(server.address, out)
    assert out.read_bytes() == server.data


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("404", Unreachable, "answers 404"),
        ("html", WrongContent, "sent a web page, not a file"),
    ],
)
def test_what_is_not_the_file_is_refused(
    server: FileServer, out: Path, fault: str, kind: type[Exception], says: str
) -> None:
    out.parent.mkdir()
    out.write_bytes(b"old")
    server.fault = fault
    with pytest.raises(kind, match=says):
        fetch(server.address, out)
    assert out.read_bytes() == b"old"


def test_a_wrong_hash_and_what_is_too_large_are_refused(server: FileServer, out: Path) -> None:
    with pytest.raises(WrongContent, match="another one than the catalogue says"):
        fetch(server.address, out, sha256="0" * 64)
    assert not list(out.parent.iterdir()) or not out.exists()
    with pytest.raises(WrongContent, match="too large"):
        fetch(server.address, out, limit=1000)
    assert not out.exists()


def test_without_a_server_it_says_so(out: Path) -> None:
    with serving(b"") as server:
        address = server.address
    with pytest.raises(Unreachable, match=r"the download stopped \(.*refused.*check the network"):
        fetch(address, out)


def verb(*words: str) -> Result:
    return CliRunner().invoke(main, ["models", *words])


@pytest.fixture
def shop(tmp_path: Path, server: FileServer) -> FileServer:
    """A catalogue of one tiny model, which the player's config names."""
    server.data = tiny_model(tmp_path / "m.safetensors").read_bytes()
    sha256 = hashlib.sha256(server.data).hexdigest()
    model = {
        "name": "bowls",
        "url": server.address,
        "licence": "CC BY-NC 4.0",
        "author": "Ada",
        "about": "bowls",
    }
    listed = {"format": catalogue.FORMAT, "models": [model | {"sha256": sha256}]}
    (tmp_path / "shop.json").write_text(json.dumps(listed))
    player_config.change("models.catalogues", (str(tmp_path / "shop.json"),))
    return server


def test_a_model_is_found_fetched_renamed_and_removed(shop: FileServer) -> None:
    found = json.loads(verb("search", "bowls", "--json").stdout)
    assert [(model["name"], model["in_library"]) for model in found] == [("bowls", False)]
    refused = verb("fetch", "bowls")
    assert refused.exit_code == 2
    assert "licence: CC BY-NC 4.0" in refused.stderr
    assert "--yes" in refused.stderr
    assert shop.asked == []
    done = verb("fetch", "bowls", "--yes", "--json")
    assert done.exit_code == 0, done.stderr
    path = model_library.find_model("bowls")
    assert path.read_bytes() == shop.data
    assert read_card(path).latents > 0
    assert not list((places.cache() / "downloads").iterdir())
    assert licences.is_agreed("CC BY-NC 4.0")
    assert verb("fetch", "bowls").exit_code == 2, "it is there already"
    assert verb("fetch", "bowls", "--replace").exit_code == 0, "the licence was agreed to once"
    assert verb("rename", "bowls", "glass").exit_code == 0
    assert model_library.find_model("glass").read_bytes() == shop.data
    removed = Path(json.loads(verb("remove", "glass", "--json").stdout)["path"])
    assert removed.read_bytes() == shop.data
    assert "glass" not in model_library.models()
    assert verb("remove", "bells").exit_code == 2, "a bundled one stays"


def test_an_address_is_fetched_too(shop: FileServer) -> None:
    done = verb("fetch", shop.address, "--name", "mine", "--yes")
    assert done.exit_code == 0, done.stderr
    assert model_library.find_model("mine").exists()


def test_what_is_no_model_is_refused_and_not_kept(shop: FileServer) -> None:
    shop.data = b"not a model"
    done = verb("fetch", shop.address, "--yes")
    assert done.exit_code == 2
    assert "model" not in model_library.models()
    assert not list((places.cache() / "downloads").iterdir())


def test_a_catalogue_of_a_server_is_kept_for_when_it_is_gone(tmp_path: Path) -> None:
    listed = {"format": catalogue.FORMAT, "models": [{"name": "x", "url": "http://h/x.ts", "licence": "CC0"}]}
    with serving(json.dumps(listed).encode()) as server:
        address = server.address
        assert "x" in catalogue.known([address], print)
    told: list[str] = []
    assert "x" in catalogue.known([address], told.append)
    assert "the copy of the last time is used" in told[0]
    assert "x" not in catalogue.known([address.replace("model", "other")], told.append)


def test_the_bundled_catalogue_is_whole() -> None:
    found = catalogue.known([], print)
    assert len(found) > 20
    assert all(model.licence and model.author and model.page and model.about for model in found.values())
    with pytest.raises(WrongUse, match=r"did you mean .*guitar_iil"):
        catalogue.find("guitar_ill", found)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_catalogue_or_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(WrongUse) as refused:
        catalogue.read(data, "x")
    assert "\n" not in str(refused.value)
