"""Changes of a card: what is written can be read again, or is refused in words and nothing is lost."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from tiny import tiny_model

from perform.cli import main
from perform.core.errors import WrongUse
from perform.library import card_changes, catalogue, model_library, places
from perform.library.cards import change_card, credit, measured_with, read_card


@pytest.fixture
def model() -> Path:
    return tiny_model(places.user("models") / "mine.safetensors")


def verb(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["models", *map(str, words)])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"tags": ["slow", "x" * 101]}, "one of its tags is too long; use at most 100 characters"),
        ({"author": "x" * 1001}, "its author is too long; use at most 1000 characters"),
        ({"description": "x" * 10_001}, "its description is too long; use at most 10000 characters"),
        ({"latent_words": ["x" * 41] * 4}, "its card cannot keep this latent words"),
        ({"latent_p01": [math.nan] * 4}, "its card cannot keep this latent p01"),
        ({"loudness_lufs": -2000.0}, "its card cannot keep this loudness lufs"),
        ({"warm_up": 33}, "its card cannot keep this warm up"),
        ({"source": "\udcff"}, "its card cannot keep this source"),
    ],
)
def test_what_could_not_be_read_again_is_refused(model: Path, fields: dict[str, object], says: str) -> None:
    change_card(model, {"author": "Ada", "tags": ["slow"]})
    kept = card_changes.changes_path(model).read_bytes()
    with pytest.raises(WrongUse, match=says):
        change_card(model, {"description": "tape", **fields})
    assert card_changes.changes_path(model).read_bytes() == kept
    assert (read_card(model).author, read_card(model).tags) == ("Ada", ["slow"])


def test_figures_of_another_number_of_latents_leave_the_texts(model: Path) -> None:
    change_card(model, {"author": "Ada", "latent_effect": [1.0]})
    assert (read_card(model).author, read_card(model).latent_effect) == ("Ada", [])


def test_a_long_tag_is_refused_by_the_verb(model: Path) -> None:
    assert verb("edit", "mine", "--author", "Ada").exit_code == 0
    refused = verb("edit", "mine", "--tag", "x" * 101)
    assert refused.exit_code == 2
    assert "mine: one of its tags is too long" in refused.stderr
    assert read_card(model).author == "Ada"


def test_an_import_with_a_text_that_is_too_long_writes_nothing(tmp_path: Path) -> None:
    refused = verb("import", tiny_model(tmp_path / "new.safetensors"), "--description", "x" * 10_001)
    assert refused.exit_code == 2
    assert "its description is too long" in refused.stderr
    assert "new" not in model_library.models()


def test_texts_of_an_import_are_added_where_the_card_has_none(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "new.safetensors")
    words = ("--description", "tape loops", "--author", "Ada", "--licence", "CC0")
    for name, description in (("described", "a test"), ("bare", "tape loops")):
        own = read_card(path)
        assert verb("import", path, "--name", name, *words).exit_code == 0
        card = read_card(model_library.find_model(name))
        assert (card.description, card.author, card.licence) == (description, "Ada", own.licence)
        path.write_bytes(path.read_bytes().replace(b'\\"a test\\"', b'\\"\\"      '))


def test_the_longest_attribution_of_a_catalogue_is_kept(model: Path) -> None:
    long = "x" * 1000
    listed = catalogue.CatalogueModel("a" * 100, "http://h/x.ts", long, author=long, page=long, about=long)
    texts = {key: text for key, text in listed.card_options().items() if key in card_changes.TEXTS}
    change_card(model, texts)
    assert read_card(model).attribution == listed.attribution


@pytest.mark.parametrize(
    "licence", ["CC BY 4.0", "CC BY-SA 4.0", "CC-BY-4.0", "CC-BY-NC-SA-4.0", "cc-by-3.0"]
)
def test_a_licence_that_asks_for_credit_has_two_spellings(model: Path, licence: str) -> None:
    card = msgspec.structs.replace(read_card(model), name="Mine", author="Ada", licence=licence)
    assert credit(card) == f"Mine by Ada, {licence}"
    assert credit(msgspec.structs.replace(card, licence="CC0-1.0")) == ""


def test_info_says_what_the_calibration_played(model: Path) -> None:
    assert measured_with(model) == ""
    change_card(model, {"measured_with": "2 sounds of yours, 12 s"})
    assert measured_with(model) == "2 sounds of yours, 12 s"
    assert "2 sounds of yours, 12 s" in verb("info", "mine").stdout
