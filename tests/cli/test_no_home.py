"""A user whose home folder is not known: no HOME, and no entry among the system's users."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from perform.cli import main
from perform.core.errors import WrongUse
from perform.core.paths import expanded
from perform.library import places

pwd = pytest.importorskip("pwd", reason="the system has no table of users")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name == "HOME" or name.startswith(("PERFORM_", "XDG_"))]:
        monkeypatch.delenv(name)

    def nobody(user: object) -> None:
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(pwd, "getpwnam", nobody)


@pytest.mark.parametrize(
    "verb", ["play demo --headless --seconds 1", "takes", "models list", "render nothing"]
)
def test_each_verb_says_so_in_one_line(
    homeless: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setenv("PERFORM_RUNTIME", str(tmp_path / "runtime"))
    said = CliRunner().invoke(main, verb.split())
    assert said.exit_code == 1, said.output
    assert said.output.count("\n") == 1 and "your home folder is not known; set HOME" in said.output


def test_two_folders_named_are_enough(homeless: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERFORM_HOME", "/a")
    monkeypatch.setenv("PERFORM_TAKES", "/b")
    assert places.take_folders() == [Path("/b"), Path("/a/takes")]
    assert places.user("models") == Path("/a/models") and places.cache() == Path("/a/cache")


def test_a_path_with_a_tilde_is_wrong_use(homeless: None) -> None:
    with pytest.raises(WrongUse, match="no home folder"):
        expanded("~/sets/tour.toml")
