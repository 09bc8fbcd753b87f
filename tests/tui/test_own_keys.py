"""keys.toml: other keys for actions, shown by the help; mistakes are refused in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import tomlkit
from hands import Clock, playing
from hypothesis import given
from hypothesis import strategies as st
from stand_in import FakeStage, deck, play, status

from perform.core.errors import WrongUse
from perform.stage.commands import StartRecording
from perform.tui import own_keys
from perform.tui.brief_keys import BRIEF
from perform.tui.own_keys import ALWAYS, EVERY, KEYS, LATENTS, SET_LIST


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


async def test_a_key_is_moved_and_the_help_shows_it(path: Path, tmp_path: Path) -> None:
    path.write_text('[keys]\n"deck.mute" = "é,f13"\n"deck.solo" = "m"\n"stage.panic" = "f11"\n')
    stage = FakeStage(tmp_path, status(deck("vintage", 8)))
    play(stage)
    async with playing(stage, Clock(), own_keys=own_keys.read(path)) as hands:
        await hands.press("m")
        assert (hands.value("deck/1/mute"), hands.value("deck/1/solo")) == (0, 1)
        await hands.press("é")
        assert hands.value("deck/1/mute") == 1
        await hands.press("f13", "s")
        assert (hands.value("deck/1/mute"), hands.value("deck/1/solo")) == (0, 1)
        panics = hands.value("panic")
        await hands.press("exclamation_mark")
        assert hands.value("panic") == panics
        await hands.press("f11")
        assert hands.value("panic") == panics + 1
        await hands.press("f1")
        assert "F11 " in hands.text() and "panic; twice: mute" in hands.text()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[keys]\n"deck.muet" = "m"', "no key has the name 'deck.muet'; do you mean deck.mute"),
        ('[keys]\n"deck.mute" = ""', "deck.mute has an empty key"),
        ('[keys]\n"deck.mute" = "p"\n"deck.solo" = "s,p"', "deck.mute and deck.solo have the same key 'p'"),
        ('[keys]\n"deck.mute" = "f9"\n"stage.save" = "f9"', "have the same key"),
        ('[keys]\n"deck.mute" = "f12"', "deck.mute and stage.panic have the same key"),
        ("[keys]\nx = 1", "not a keys: Expected `str`, got `int`"),
        ("keys = [", "invalid TOML"),
    ],
)
def test_a_mistake_is_named_in_one_line(path: Path, text: str, says: str) -> None:
    path.write_text(text)
    with pytest.raises(WrongUse) as refused:
        own_keys.read(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_table_itself_has_no_clash_and_unique_names() -> None:
    assert len({command.id for command in EVERY}) == len(EVERY)


@pytest.mark.parametrize(
    ("chosen", "loses", "left"),
    [
        ('"stage.record" = "ctrl+r"', "stage.record_stems", ""),  # chosen before this action had the key
        ('"deck.mute" = "s"', "deck.solo", ""),
        ('"deck.mute" = "f1"', "screen.help", "question_mark"),
    ],
)
def test_a_new_action_does_not_get_a_key_that_the_player_has_given(
    path: Path, chosen: str, loses: str, left: str
) -> None:
    path.write_text(f"[keys]\n{chosen}\n")
    assert own_keys.read(path)[loses] == left


async def test_a_key_is_taken_from_the_action_that_has_it_by_default(path: Path, tmp_path: Path) -> None:
    path.write_text('[keys]\n"stage.record" = "ctrl+r"\n"deck.mute" = "s"\n')
    stage = FakeStage(tmp_path, status(deck("vintage", 8)))
    play(stage)
    async with playing(stage, Clock(), own_keys=own_keys.read(path)) as hands:
        await hands.press("s")
        assert (hands.value("deck/1/mute"), hands.value("deck/1/solo")) == (1, 0)
        await hands.press("ctrl+r")
        await hands.until(lambda: stage.asked)
        assert stage.asked == [StartRecording()]
        await hands.press("f1")
        assert re.search("– +record, with stems", hands.text())


@given(st.dictionaries(st.sampled_from([command.id for command in EVERY]), st.text(max_size=12), max_size=4))
def test_any_keys_are_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-keys.toml"
    path.write_text(tomlkit.dumps({"keys": keys}), "utf-8")
    try:
        taken = own_keys.read(path)
        assert taken.items() >= keys.items()
        assert "stage.panic" not in taken or "stage.panic" in keys
        for table in (KEYS, SET_LIST, LATENTS):
            used = [
                key for it in (*table, *ALWAYS) for key in own_keys.applied(it, taken).keys.split(",") if key
            ]
            assert len(set(used)) == len(used)
    except WrongUse as refused:
        assert "\n" not in str(refused)


@pytest.mark.parametrize(("size", "scrolls"), [((120, 40), False), ((80, 24), True)])
async def test_the_help_is_one_page_with_all_keys(
    tmp_path: Path, size: tuple[int, int], scrolls: bool
) -> None:
    stage = FakeStage(tmp_path, status(deck("vintage", 8)))
    play(stage)
    async with playing(stage, Clock(), size) as hands:
        await hands.press("?")
        page = hands.app.screen.query_one("VerticalScroll")
        assert (page.max_scroll_y > 0) == scrolls
        text = hands.text()
        assert "rec off" in text, "the first lines stay"
        if scrolls:
            return
        help_only = "\n".join(text.split("\n")[5:36])
        assert "…" not in help_only.replace("1 … 8", "").replace("F2 … F9", "")
        for key in (*own_keys.EVERY,):
            words = BRIEF.get(key.id, key.description)
            assert key.id.startswith(("deck.focus", "scene.recall")) or words in help_only, key.id
            assert key.shown.removeprefix("shift+") in help_only or key.id.startswith(
                ("deck.focus", "scene.recall")
            ), key.id
    assert BRIEF.keys() <= {key.id for key in own_keys.EVERY}
