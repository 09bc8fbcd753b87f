"""Redirects of a download: a server may state the file's SHA-256 before it names another server. [network]

Hugging Face sends it as the tag of a large file: `X-Linked-ETag`, or `ETag` where it sends the file itself.
"""

from __future__ import annotations

import re
from http.client import HTTPMessage
from typing import IO
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request

_SHA256 = re.compile(r'"?([0-9a-f]{64})"?')
_HUGGING_FACE = "huggingface.co"  # other servers may have tags of that length that are no SHA-256


def stated_sha256(headers: HTTPMessage, address: str) -> str:
    """Return the SHA-256 that a reply states for the file; "" if it states none."""
    tags = [headers.get("X-Linked-ETag", "")]
    if urlsplit(address).hostname == _HUGGING_FACE:
        tags.append(headers.get("ETag", ""))
    found = [match[1] for tag in tags if (match := _SHA256.fullmatch(tag.strip()))]
    return found[0] if found else ""


class RedirectHandler(HTTPRedirectHandler):
    """Follows redirects. sha256: what one of them stated; "" for none."""

    def __init__(self) -> None:
        self.sha256 = ""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Go to the next address."""
        self.sha256 = self.sha256 or stated_sha256(headers, req.full_url)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
