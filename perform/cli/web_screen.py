"""The screen in a browser: Textual's web server, which asks for a token."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from textual_serve.server import Server

COOKIE = "perform_token"
_PHONE = '<meta name="viewport" content="width=device-width, initial-scale=1">'

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebScreen(Server):
    """Serves a command that shows a screen. Each browser gets its own screen.

    A request needs the token, as `?token=` or as the cookie that such a request sets. A page of another site
    cannot open the screen: the cookie is SameSite=Strict, and the origin of a websocket must be ours.
    """

    def __init__(self, command: str, host: str, port: int, token: str, log: Callable[[str], None]) -> None:
        super().__init__(command, host, port, title="perform")
        self._token, self._log = token, log

    def serve(self, debug: bool = False) -> None:
        """Serve until ctrl+c. OSError: the port cannot be used."""
        address = f"{self.public_url}/?token={self._token}"

        def on_listening(*_: object) -> None:
            self._log(f"the screen is at {address} (ctrl+c ends this server, not the stage)")

        web.run_app(self._make_app(), host=self.host, port=self.port, print=on_listening, access_log=None)

    async def on_startup(self, app: web.Application) -> None:
        """Print nothing: the address is printed when the server listens."""

    async def _make_app(self) -> web.Application:
        app: web.Application = await super()._make_app()
        app.middlewares.append(self._check)
        return app

    async def handle_index(self, request: web.Request) -> Any:
        """The page; it opens its websocket on the host that the browser asked for."""
        self.public_url = f"{request.scheme}://{request.host}"
        page = await super().handle_index(request)
        if isinstance(page, web.Response) and page.text:  # or a phone shrinks a page 980 pixels wide
            page.text = page.text.replace("<head>", f"<head>{_PHONE}", 1)
        return page

    @web.middleware
    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.query.get("token", "")
        known = self._is_token(given) or self._is_token(request.cookies.get(COOKIE, ""))
        origin = request.headers.get("Origin")
        if not known or (origin is not None and origin.partition("://")[2] != request.host):
            raise web.HTTPForbidden(text="Open the address that `perform serve` printed, with its token.\n")
        if given:
            response = web.HTTPFound("/")
            response.set_cookie(COOKIE, given, httponly=True, samesite="Strict")
            raise response
        return await handler(request)

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())
