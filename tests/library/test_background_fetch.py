"""A fetch in the background ends, whatever the address or the file is, and keeps what has come."""

from __future__ import annotations

import pytest
from http_rig import serving

from perform.library import idle_import
from perform.library.background_fetch import BackgroundFetch, FetchState
from perform.library.catalogue import CatalogueModel


def fetched(model: CatalogueModel) -> BackgroundFetch:
    fetch = BackgroundFetch(model)
    fetch.start()
    fetch.join(60.0)
    return fetch


@pytest.mark.parametrize("address", ["http://[::1/x.ts", "http://h:port/x.ts", "http://a..b/x.ts"])
def test_what_is_no_address_fails_in_one_line(address: str) -> None:
    fetch = fetched(CatalogueModel("x", address, "CC0"))
    assert fetch.state is FetchState.FAILED
    assert fetch.error.startswith(f"{address}: not an address")


def test_a_file_that_is_no_model_is_kept_and_the_next_try_downloads_it_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(idle_import, "_IDLE_VERB", idle_import._VERB)  # tests leave no idle time
    begins = (2).to_bytes(8, "little") + b"{"  # as a .safetensors file begins
    with serving(begins + b"not a model") as server:
        path = f"/modèles/{'x' * 3}.safetensors"
        model = CatalogueModel("x", server.address.replace("/model.safetensors", path), "CC0")
        fetch = fetched(model)
        assert fetch.state is FetchState.FAILED
        assert fetch.error.endswith(f"; the download is kept: {model.local_copy}")
        assert model.local_copy.read_bytes() == begins + b"not a model"
        server.data, server.tag = begins + b"another", '"two"'
        fetch.start()
        fetch.join(60.0)
        assert model.local_copy.read_bytes() == begins + b"another"
