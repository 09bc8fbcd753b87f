"""Another method of a module becomes a model of the library, once."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from module_files import wrapped
from modules import Swap, export

from perform.foreign import consent
from perform.foreign.scan.archive_scan import repack
from perform.library import idle_import, places
from perform.library.cards import ModuleMethods, module_methods, read_card
from perform.library.method_models import method_model
from perform.rave.archive import read

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_import, "_IDLE_VERB", idle_import._VERB)  # tests leave no idle time


def test_a_method_is_imported_once_and_the_first_one_is_found_again(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive = read(export(Swap(), tmp_path / "swap.ts"))
    models = places.user("models")
    models.mkdir(parents=True)
    swap = wrapped(archive, models / "swap.safetensors", "forward")
    consent.give(repack(archive), "swap")
    assert method_model(swap, "thin") == "swap-thin"
    thin = models / "swap-thin.safetensors"
    assert module_methods(thin) == ModuleMethods("thin", ("forward", "thin"))
    card = read_card(thin)
    assert (card.name, card.latents, card.channels, card.delay_known) == ("swap-thin", 1, 1, True)
    before = thin.stat().st_mtime_ns
    assert method_model(swap, "thin") == "swap-thin"
    assert method_model(thin, "forward") == "swap"
    assert thin.stat().st_mtime_ns == before, "nothing was imported again"
