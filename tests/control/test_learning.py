"""Learning an attribute of a module, which has no range but that of its knob."""

from __future__ import annotations

import pytest

from perform.control.learning import InUse
from perform.control.mapping import Bind
from perform.control.router import Source
from perform.errors import WrongUse

ADDRESS = "deck/1/attribute/2"


def test_what_is_learnt_of_an_attribute_has_its_knobs_range() -> None:
    use = InUse()
    use.learn(ADDRESS, (0.0, 10.0))
    learnt = use.moved("box", Source("cc", 16, 1))
    assert learnt == Bind("cc 16", ADDRESS, channel=1, port="box", range=(0.0, 10.0))
    use.learn(ADDRESS, (0.0, 1.0))
    learnt = use.moved("box", Source("note", 36, 1))
    assert learnt is not None
    assert (learnt.plays, learnt.ends) == ("toggle", (0.0, 1.0))
    assert [bind.to for bind in use.now.binds] == [ADDRESS], "it obeys the last control alone"


def test_a_file_has_to_say_a_range() -> None:
    with pytest.raises(WrongUse, match=r"no range of its own.*range ="):
        Bind("cc 16", ADDRESS)
    with pytest.raises(WrongUse, match="no range of its own"):
        InUse().learn(ADDRESS)
    assert Bind("cc 16", ADDRESS, range=(-2.0, 20.0)).ends == (-2.0, 20.0)
    assert Bind("note 1", "focus/action/1").plays == "trigger"
