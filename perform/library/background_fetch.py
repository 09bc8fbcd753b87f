"""Fetching a model while the set plays: a thread downloads it, an idle process imports it. [network], [disk]

A download that stops goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import threading
from enum import Enum, auto

from perform.core.errors import PerformError
from perform.core.printable import printable
from perform.library import download
from perform.library.catalogue import CatalogueModel
from perform.library.download import Unreachable
from perform.library.idle_import import Process, import_model
from perform.library.model_download import download_model

_LONGEST = 500  # characters of an error


class FetchState(Enum):
    """What happens to a model now."""

    DOWNLOADING = auto()
    IMPORTING = auto()
    ASKING = auto()  #: the import asks for the player's consent: `question`
    DONE = auto()  #: it is in the library
    STOPPED = auto()  #: by the player; what has come is kept
    OFFLINE = auto()  #: the server or the network does not answer; what has come is kept
    FAILED = auto()


class _Cancelled(Exception):
    """The player has stopped the download."""


class BackgroundFetch:
    """[ui] One model on its way into the library. `start` begins it, or goes on with it.

    name        : of the model in the library
    state       : changed by a thread; `done` and `total` are bytes, total 0 if unknown
    error       : why it failed, in one line
    question    : what the player consents to by `agree`
    note        : what the player should know about the file that was downloaded, in one line
    """

    def __init__(self, model: CatalogueModel) -> None:
        self.model, self.name = model, model.name
        self.state = FetchState.STOPPED
        self.done, self.total = download.begun(model.local_copy), model.size
        self.error = self.question = self.note = ""
        self._consents = self._cancelled = False
        self._is_refused = False  # the import has refused the downloaded file
        self._process: Process | None = None
        self._thread = threading.Thread()

    @property
    def runs(self) -> bool:
        """Whether it downloads or imports now."""
        return self.state in (FetchState.DOWNLOADING, FetchState.IMPORTING)

    def start(self) -> None:
        """Begin, or go on where it stopped."""
        if self._thread.is_alive():
            return
        self._cancelled, self.error, self.question = False, "", ""
        self.state = FetchState.DOWNLOADING
        self._thread = threading.Thread(target=self._run, name=f"fetch {self.name}", daemon=True)
        self._thread.start()

    def agree(self) -> None:
        """Consent to what the import asks, and go on."""
        self._consents = True
        self.start()

    def cancel(self) -> None:
        """Stop. What was downloaded is kept, an import begins anew the next time."""
        self._cancelled = True
        if process := self._process:
            with contextlib.suppress(OSError):
                process.terminate()

    def join(self, seconds: float) -> None:
        """Wait until the thread has ended, at most so long."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        """[network, disk]"""
        try:
            self._download()
            self.state = FetchState.IMPORTING
            self.state = self._import()
        except _Cancelled:
            self.state = FetchState.STOPPED
        except Unreachable as error:
            self.done = download.begun(self.model.local_copy)  # 0 if the next try begins anew
            self.error, self.state = error.what, FetchState.OFFLINE
        except (PerformError, OSError) as error:
            self.error, self.state = str(error)[:_LONGEST], FetchState.FAILED
        except Exception as error:  # of a library: else the screen would wait for this thread for ever
            self.error, self.state = printable(repr(error))[:_LONGEST], FetchState.FAILED

    def _download(self) -> None:
        path = self.model.local_copy
        if not self._is_refused and download.is_whole(path, self.model.sha256):  # and not imported yet
            return
        self.note = download_model(self.model, self._progress)
        self._is_refused = False

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total or self.model.size
        if self._cancelled:
            raise _Cancelled

    def _import(self) -> FetchState:
        path = self.model.local_copy
        options = [word for name, text in self.model.card_options().items() for word in (f"--{name}", text)]
        if self.model.sample_rate:
            options += ["--rate", str(self.model.sample_rate)]
        if self._consents:
            options += ["--yes"]
        code, lines = import_model([str(path), "--name", self.name, *options], self._begins)
        self._process = None
        if self._cancelled:
            raise _Cancelled
        if code == 0:
            path.unlink(missing_ok=True)
            return FetchState.DONE
        said = lines[-1]
        if "--yes" in said and not self._consents:
            question = lines[-2] if len(lines) > 1 else said
            self.question = question[:_LONGEST].removeprefix(f"{path.name}: ")
            return FetchState.ASKING
        self.error = f"{said[:_LONGEST]}; the download is kept: {printable(str(path))}"
        self._is_refused = code == 2  # the next try downloads it anew; other faults are not the file's
        return FetchState.FAILED

    def _begins(self, process: Process) -> None:
        self._process = process
        if self._cancelled:
            process.terminate()


class BackgroundFetches:
    """[ui] All fetches of one screen, by the model's name."""

    def __init__(self) -> None:
        self._fetches: dict[str, BackgroundFetch] = {}
        self._told: dict[str, FetchState] = {}

    def of(self, name: str) -> BackgroundFetch | None:
        """Return the fetch of a model, if one was begun."""
        return self._fetches.get(name)

    def begin(self, model: CatalogueModel) -> BackgroundFetch:
        """Fetch a model, or go on with it."""
        fetch = self._fetches.setdefault(model.name, BackgroundFetch(model))
        self._told.pop(model.name, None)
        fetch.start()
        return fetch

    def news(self) -> str:
        """Return a line about a fetch that has ended since the last call; "" for none."""
        for name, fetch in self._fetches.items():
            if not fetch.runs and self._told.get(name) is not fetch.state:
                self._told[name] = fetch.state
                return {
                    FetchState.DONE: fetch.note or f"{name} is in your library: o loads it",
                    FetchState.ASKING: f"{name} needs your consent: o, then tab",
                    FetchState.OFFLINE: f"▲ {name}: offline ({fetch.error}): o, then tab tries again",
                    FetchState.FAILED: f"▲ {name}: {fetch.error}",
                }.get(fetch.state, "")
        return ""

    def stop(self) -> None:
        """Stop all, and wait a moment for their processes."""
        for fetch in self._fetches.values():
            fetch.cancel()
        for fetch in self._fetches.values():
            fetch.join(1.0)
