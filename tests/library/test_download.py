"""Downloads from a real server that cuts, stalls, lies, redirects or sends a page: complete, or not there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from http.client import HTTPMessage
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from http_rig import FileServer, serving
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_model

from perform.cli import main
from perform.core.errors import WrongUse
from perform.library import (
    catalogue,
    download,
    licences,
    model_download,
    model_library,
    places,
    player_config,
)
from perform.library.cards import read_card
from perform.library.download import Unreachable, WrongContent, fetch
from perform.library.redirects import stated_sha256

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
    with pytest.raises(Unreachable, match=r"the next try goes on after the [01]\.\d MiB"):
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


PAGE = b"\xef\xbb\xbf \n<!DOCTYPE html><html><body>Sign in to this network</body></html>"


@pytest.mark.parametrize(("data", "says"), [(PAGE, "a web page"), (b'{"error": "gone"}', "sent no model")])
def test_a_page_and_what_is_no_model_are_refused_by_their_first_bytes(
    server: FileServer, out: Path, data: bytes, says: str
) -> None:
    """Whatever the server calls them. What an earlier try downloaded, and the whole file, stay."""
    server.fault = "cut"
    with pytest.raises(Unreachable):
        fetch(server.address, out)
    begun = download.begun(out)
    whole, server.data, server.tag, server.fault = server.data, data, '"page"', ""
    with pytest.raises(WrongContent, match=says):
        fetch(server.address, out, is_wanted=model_download.begins_as_model)
    assert not out.exists() and download.begun(out) == begun > 0
    server.data, server.tag = whole, '"one"'
    fetch(server.address, out)
    assert out.read_bytes() == whole and server.asked[-1] == f"bytes={begun}-"


def test_a_page_never_replaces_the_copy_of_a_catalogue() -> None:
    listed = {"format": catalogue.FORMAT, "models": [{"name": "x", "url": "http://h/x.ts", "licence": "CC0"}]}
    with serving(json.dumps(listed).encode()) as server:
        assert "x" in catalogue.known([server.address], print)
        server.data, told = PAGE, []
        assert "x" in catalogue.known([server.address], told.append)
    assert "web page" in told[0] and "the copy of the last time is used" in told[0]


@pytest.mark.parametrize("right", [True, False])
def test_the_hash_that_a_redirect_states_is_checked(server: FileServer, out: Path, right: bool) -> None:
    """As Hugging Face states it for large files."""
    server.fault, server.linked = "redirect", f'"{SHA if right else "0" * 64}"'
    if right:
        assert fetch(server.address, out) == SHA
        return
    with pytest.raises(WrongContent, match="another one than the server says"):
        fetch(server.address, out)
    assert not list(out.parent.glob("*.ts*part")) and not out.exists()


@pytest.mark.parametrize(
    ("headers", "address", "stated"),
    [
        ({"X-Linked-ETag": f'"{SHA}"', "ETag": '"short"'}, "http://h/", SHA),
        ({"ETag": f'"{SHA}"'}, "https://huggingface.co/a/resolve/main/b.ts", SHA),
        ({"ETag": f'"{SHA}"'}, "https://cdn.example/b.ts", ""),
        ({"ETag": '"6f1ed002ab5595859014ebf0951522d9"'}, "https://huggingface.co/a/small.json", ""),
    ],
)
def test_only_a_tag_that_is_a_hash_is_one(headers: dict[str, str], address: str, stated: str) -> None:
    message = HTTPMessage()
    for name, value in headers.items():
        message[name] = value
    assert stated_sha256(message, address) == stated


def test_the_hash_of_a_file_is_learnt_and_a_changed_file_is_named(shop: FileServer, tmp_path: Path) -> None:
    """A catalogue need not publish it."""
    listing = tmp_path / "shop.json"
    listing.write_text(listing.read_text().replace(hashlib.sha256(shop.data).hexdigest(), ""))
    assert json.loads(verb("search", "bowls", "--json").stdout)[0]["sha256"] == ""
    first = verb("fetch", "bowls", "--yes")
    assert first.exit_code == 0 and "replaced" not in first.stderr
    learnt = json.loads(verb("search", "bowls", "--json").stdout)[0]["sha256"]
    assert learnt == hashlib.sha256(shop.data).hexdigest()
    assert "replaced" not in verb("fetch", "bowls", "--replace").stderr
    shop.data, shop.tag = tiny_model(tmp_path / "n.safetensors", seed=9).read_bytes(), '"two"'
    again = verb("fetch", "bowls", "--replace")
    assert again.exit_code == 0, again.stderr
    assert "bowls: not the file that you fetched before: its makers have replaced it" in again.stderr


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


def test_what_cannot_be_imported_is_kept_and_the_error_says_where(shop: FileServer) -> None:
    """No second download is needed, and none is made."""
    whole, shop.data = shop.data, b"PK\x03\x04not a model"
    done = verb("fetch", shop.address, "--yes")
    assert done.exit_code == 2
    assert "model" not in model_library.models()
    (kept,) = (places.cache() / "downloads").iterdir()
    assert kept.read_bytes() == shop.data
    assert f"the download is kept: `perform models import {kept} --name model`" in done.stderr
    kept.write_bytes(whole)
    asked = len(shop.asked)
    done = verb("fetch", shop.address)
    assert done.exit_code == 0, done.stderr
    assert f"downloaded before: {kept}" in done.stderr
    assert len(shop.asked) == asked and not kept.exists()
    assert model_library.find_model("model").read_bytes() == whole


def test_a_file_of_another_hash_is_downloaded_again(shop: FileServer) -> None:
    path = catalogue.known(player_config.read().models.catalogues, print)["bowls"].local_copy
    path.parent.mkdir(parents=True)
    path.write_bytes(b"older")
    assert verb("fetch", "bowls", "--yes").exit_code == 0
    assert model_library.find_model("bowls").read_bytes() == shop.data


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("http://h/m.ts?a=%20&b", "http://h/m.ts?a=%20&b"),
        (
            "https://häuser.example:8080/ä b/模.ts?q=é#part",
            "https://xn--huser-gra.example:8080/%C3%A4%20b/%E6%A8%A1.ts?q=%C3%A9",
        ),
        ("http://[::1]/\udcff", "http://[::1]/%FF"),
    ],
)
def test_an_address_is_sent_as_ascii(address: str, sent: str) -> None:
    assert download.uri(address) == sent


@pytest.mark.parametrize(
    "address", ["http://[::1/x.ts", "http://h:port/x.ts", "http://a..b/x.ts", "http:///x.ts"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    refused = verb("fetch", address, "--yes")
    assert refused.exit_code == 2
    assert f"{address}: not an address" in refused.stderr


@pytest.mark.parametrize("path", ["modèle.safetensors", "a b.safetensors", "模型.safetensors"])
def test_an_address_has_letters_of_any_language(server: FileServer, out: Path, path: str) -> None:
    fetch(server.address.replace("model.safetensors", path), out)
    assert out.read_bytes() == DATA


def test_a_catalogue_of_a_server_is_kept_for_when_it_is_gone(tmp_path: Path) -> None:
    listed = {"format": catalogue.FORMAT, "models": [{"name": "x", "url": "http://h/x.ts", "licence": "CC0"}]}
    with serving(json.dumps(listed).encode()) as server:
        address = server.address
        assert "x" in catalogue.known([address], print)
    told: list[str] = []
    assert "x" in catalogue.known([address], told.append)
    assert "the copy of the last time is used" in told[0]
    assert "x" not in catalogue.known([address.replace("model", "other")], told.append)


def test_a_catalogue_can_be_a_folder(tmp_path: Path) -> None:
    """Here, or on a server."""
    listed = {"format": catalogue.FORMAT, "models": [{"name": "x", "url": "http://h/x.ts", "licence": "CC0"}]}
    (tmp_path / "catalogue.json").write_text(json.dumps(listed))
    assert "x" in catalogue.known([str(tmp_path)], print)
    with serving((tmp_path / "catalogue.json").read_bytes()) as server:
        folder = server.address.replace("model.safetensors", "models/")
        assert "x" in catalogue.known([folder], print)
        assert server.paths == ["/models/catalogue.json"]


def test_a_server_without_tags_promises_nothing(server: FileServer, out: Path) -> None:
    """The next try begins anew, and no message says otherwise."""
    server.tag, server.fault = "", "cut"
    with pytest.raises(Unreachable) as stopped:
        fetch(server.address, out)
    assert "in the cache" not in str(stopped.value)


def test_a_catalogue_that_cannot_be_read_or_kept_is_left_out_and_named() -> None:
    places.cache().parent.mkdir(parents=True)
    places.cache().write_bytes(b"a file where the folder should be")
    told: list[str] = []
    with serving(b"{}") as server:
        found = catalogue.known([server.address, "no\0where.json"], told.append)
    assert len(found) > 20
    assert "it cannot be kept (" in told[0] and "where.json: cannot be read (" in told[1]


def test_the_bundled_catalogue_is_whole() -> None:
    found = catalogue.known([], print)
    assert len(found) > 20
    assert all(model.licence and model.author and model.page and model.about for model in found.values())
    example = re.search(r"perform models fetch (\S+)", verb("fetch", "--help").stdout)
    assert example and example[1] in found
    example = re.search(r"perform models search (\S+)", verb("search", "--help").stdout)
    assert example and any(example[1] in f"{model.name} {model.about}" for model in found.values())
    with pytest.raises(WrongUse, match=r"did you mean .*guitar_iil"):
        catalogue.find("guitar_ill", found)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_catalogue_or_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(WrongUse) as refused:
        catalogue.read(data, "x")
    assert "\n" not in str(refused.value)
