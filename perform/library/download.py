"""Downloads: resumed where they stopped, checked, and complete or not there at all. [network], [disk]"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import string
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from perform import __version__
from perform.core.errors import PerformError, WrongUse

if TYPE_CHECKING:
    from http.client import HTTPResponse

PATIENCE_S = 20.0  #: without a byte
CHUNK = 1 << 16
LARGEST = 4 << 30  #: bytes of a model

Progress = Callable[[int, int], None]  #: bytes that are there, bytes in all (0: unknown)


class Unreachable(PerformError):
    """The network or the server does not answer."""


class WrongContent(PerformError):
    """The server sent something other than the file."""


def file_name(address: str) -> str:
    """Return a file name that is different for each address."""
    return hashlib.sha256(address.encode(errors="surrogateescape")).hexdigest()[:16]


def uri(address: str) -> str:
    """Return an address as a server wants it: ASCII, other characters as UTF-8 and %, a host in IDNA.

    WrongUse: it is no address of a server.
    """
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").encode("idna").decode()
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("no http:// or https:// with a host")
        user, at, _ = parts.netloc.rpartition("@")
        port = f":{parts.port}" if parts.port is not None else ""
        host = f"[{host}]" if ":" in host else host
    except ValueError as error:
        hint = "it should be as in a browser: http://host/path"
        raise WrongUse(f"not an address ({error})", where=address, hint=hint) from None
    parts = parts._replace(netloc=f"{user}{at}{host}{port}", fragment="")
    return quote(urlunsplit(parts), safe=string.punctuation, errors="surrogateescape")


def begun(out: Path) -> int:
    """[disk] Return the bytes that an earlier try has downloaded, from which the next goes on; 0 for none."""
    part, about = _parts(out)
    try:
        return part.stat().st_size if _tag(about) else 0
    except OSError:
        return 0


def is_whole(out: Path, sha256: str) -> bool:
    """[disk] Return whether an earlier try has downloaded all of the file. sha256: "" if not known."""
    try:
        return out.stat().st_size > 0 and sha256 in ("", _digest(out))
    except OSError:
        return False


def fetch(
    address: str,
    out: Path,
    *,
    sha256: str = "",
    limit: int = LARGEST,
    is_wanted: Callable[[bytes], bool] = lambda head: True,
    on_progress: Progress = lambda done, total: None,
) -> str:
    """Download a file to `out`; return its SHA-256.

    A download that stops leaves `out` as it was, and its part beside it. The next try goes on from there, if
    the server still has that file.

    sha256    : of the whole file; "": not known. A server may state it too
    limit     : bytes, above which the download is refused
    is_wanted : whether the file may be the right one by its first bytes
    Unreachable: no answer, or it stopped. WrongContent: not the file, too large, or another SHA-256.
    WrongUse: not an address.
    """
    import http.client  # imported late: the screen, which rarely downloads, opens faster
    import urllib.error
    import urllib.request

    from perform.library.redirects import RedirectHandler, stated_sha256

    part, about = _parts(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    begin = begun(out)
    headers = {"User-Agent": f"perform/{__version__}", "Accept-Encoding": "identity"}
    if begin:
        headers |= {"Range": f"bytes={begin}-", "If-Range": _tag(about)}
    redirects = RedirectHandler()
    try:
        with urllib.request.build_opener(redirects).open(
            urllib.request.Request(uri(address), headers=headers), timeout=PATIENCE_S
        ) as reply:
            begin = begin if reply.status == 206 and begin else 0
            total = begin + _length(reply)
            first = reply.read(CHUNK)
            _refuse(reply, address, total, limit)
            if not begin:
                _refuse_content(first, address, is_wanted)
            stated = redirects.sha256 or stated_sha256(reply.headers, reply.url)
            _write(
                about,
                json.dumps({"tag": reply.headers.get("ETag") or reply.headers.get("Last-Modified") or ""}),
            )
            done = _receive(reply, first, part, begin, total, limit, on_progress)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the part is longer than the file: begin anew
            part.unlink(missing_ok=True)
        raise Unreachable(f"the server answers {error.code} {error.reason}", where=address) from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        why = getattr(error, "reason", None) or error
        hint = f"check the network{_kept(out)}"
        raise Unreachable(f"the download stopped ({why})", where=address, hint=hint) from error
    if total > begin and done < total:
        hint = f"try again{_kept(out)}"
        raise Unreachable(f"the server sent {done} of {total} bytes", where=address, hint=hint)
    found = _digest(part)
    _check(part, found, sha256, "the catalogue", address)
    _check(part, found, stated, "the server", address)
    part.replace(out)
    about.unlink(missing_ok=True)
    return found


def _kept(out: Path) -> str:
    """Say how much is downloaded already; "" if the next try begins anew."""
    kept = begun(out)
    return f"; the next try goes on after the {kept / 2**20:.1f} MiB that are in the cache" if kept else ""


def _parts(out: Path) -> tuple[Path, Path]:
    """Where the part of a file is, and what is known about it."""
    return out.with_name(f"{out.name}.part"), out.with_name(f"{out.name}.part.json")


def _refuse(reply: HTTPResponse, address: str, total: int, limit: int) -> None:
    """Refuse a page in place of the file, and what is too large."""
    if reply.headers.get_content_type() == "text/html":
        raise _web_page(address)
    if total > limit:
        raise WrongContent(f"too large ({total / 2**20:.0f} MiB, the limit is {limit >> 20})", where=address)


def _refuse_content(head: bytes, address: str, is_wanted: Callable[[bytes], bool]) -> None:
    """Refuse what is not the file by its first bytes, whatever the server calls it."""
    start = head[:1000].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        raise _web_page(address)
    if not is_wanted(head):
        hint = "open the address in a browser: it should download a .ts or .safetensors file"
        raise WrongContent(
            f"the server sent no model; it begins with {head[:12]!r}", where=address, hint=hint
        )


def _web_page(address: str) -> WrongContent:
    hint = "the address leads to a page: look for the file's own address there"
    return WrongContent("the server sent a web page, not a file", where=address, hint=hint)


def _receive(
    reply: HTTPResponse,
    chunk: bytes,
    part: Path,
    begin: int,
    total: int,
    limit: int,
    on_progress: Progress,
) -> int:
    """Append to the part, `chunk` first; return the bytes that are there."""
    done = begin
    with part.open("r+b" if begin else "wb") as file:
        file.seek(begin)
        file.truncate()
        while chunk:
            done += len(chunk)
            if done > limit:
                raise WrongContent(f"too large (over {limit >> 20} MiB)", where=reply.url)
            file.write(chunk)
            on_progress(done, total if total > begin else 0)
            chunk = reply.read(CHUNK)
        file.flush()
        os.fsync(file.fileno())
    return done


def _length(reply: HTTPResponse) -> int:
    with contextlib.suppress(ValueError):
        return max(int(reply.headers.get("Content-Length", 0)), 0)
    return 0


def _check(part: Path, found: str, sha256: str, whose: str, address: str) -> None:
    """Refuse a file whose SHA-256 is not the stated one. whose: who states it; sha256: "" for none."""
    if sha256 and found != sha256:
        part.unlink()
        what = f"the file is another one than {whose} says (SHA-256 {found[:12]}…, not {sha256[:12]}…)"
        hint = "try again" if whose == "the server" else "ask the maker of the catalogue"
        raise WrongContent(what, where=address, hint=f"{hint}; nothing was kept")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tag(about: Path) -> str:
    """Return the tag of the file that a part is of; "" if it is not known."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return str(json.loads(about.read_bytes()).get("tag", ""))
    return ""


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
