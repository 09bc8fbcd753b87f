"""Learning ends with its screen, its song or a minute of rest, also after a control was learnt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perform.core.arena import Arena
from perform.core.errors import WrongUse
from perform.core.messages.control_messages import (
    BindingOptions,
    BindingsListed,
    BindingUndone,
    ControlFailed,
    ControlLearned,
    LearnAsked,
    LearnControl,
    ListBindings,
    LoadMapping,
    MappingChanged,
    MappingWritten,
    OrderDone,
    StartControl,
    UndoBinding,
    UnlearnControl,
    UseLayers,
    WriteMapping,
)
from perform.core.messages.message_lines import AnyOrder, AnyReport
from perform.stage.armed_learning import LEARN_S, ArmedLearning
from perform.stage.child import Child
from perform.stage.command_table import CommandTable
from perform.stage.commands import Answer, Learn, UndoMapping, Unlearn
from perform.stage.controllers import Controllers
from perform.stage.learn_command import LearnCommand

END = LearnControl("")


class OrderedChild:
    """A control process of which only the orders are of interest."""

    def __init__(self) -> None:
        self.orders: list[AnyOrder] = []

    def order(self, order: AnyOrder) -> None:
        self.orders.append(order)


class Rig:
    """`Controllers` and the command `Learn`; the process is a list of orders, and the clock stands still."""

    def __init__(self, arena: Arena) -> None:
        self.now, self.children, self.lines = 100.0, list[OrderedChild](), list[str]()
        self.controllers = Controllers(arena, self._spawn, self.lines.append, "", ())  # type: ignore[arg-type]
        self.learning = self.controllers.learning = ArmedLearning(lambda: self.now)
        self._command = LearnCommand(arena.table, self.controllers, lambda address: None, lambda: "one")
        self.controllers.tick()
        self.orders.clear()

    def _spawn(self, module: str) -> OrderedChild:
        self.children.append(OrderedChild())
        return self.children[-1]

    @property
    def child(self) -> Child:
        return self.children[-1]  # type: ignore[return-value]

    @property
    def orders(self) -> list[AnyOrder]:
        return self.children[-1].orders

    def learn(self, address: str, **words: Any) -> None:
        self._command.run(Learn(address, **words))

    def report(self, report: AnyReport) -> None:
        assert self.controllers.handle_report(self.child, report)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.controllers.tick()


@pytest.fixture
def rig(arena: Arena) -> Rig:
    return Rig(arena)


def closed_line(rig: Rig) -> None:
    rig.learn("", only="deck/1/gain")  # as the server sends when the screen's line has closed


def a_minute(rig: Rig) -> None:
    rig.pass_time(LEARN_S - 1)
    assert rig.orders == []
    rig.pass_time(2)


@pytest.mark.parametrize("learnt", [False, True])
@pytest.mark.parametrize("end", [closed_line, a_minute])
def test_learning_ends(rig: Rig, end: Callable[[Rig], None], learnt: bool) -> None:
    rig.learn("deck/1/gain")
    rig.pass_time(LEARN_S - 1)
    if learnt:
        rig.report(ControlLearned("deck/1/gain", "Box 1:CC1", ("Box 1:CC1 no longer moves xfade",)))
        assert (rig.learning.waiting, rig.learning.learnt) == ("", "deck/1/gain")
        assert rig.learning.note == "Box 1:CC1 no longer moves xfade"
    else:
        rig.report(LearnAsked("now turn it slowly to the left"))  # it moves
    rig.orders.clear()
    end(rig)
    assert rig.orders == [END]
    assert (rig.learning.waiting, rig.learning.learnt) == ("", "")
    rig.report(LearnAsked(""))
    rig.pass_time(100 * LEARN_S)
    assert rig.orders == [END], "once is enough"
    assert rig.learning.note == ("" if end is closed_line else "no control has moved for 60 s")


def test_the_line_of_another_screen_ends_nothing(rig: Rig) -> None:
    rig.learn("deck/1/gain")
    rig.learn("", only="deck/2/gain")
    assert rig.orders == [LearnControl("deck/1/gain")]


def test_a_new_process_goes_on_learning_after_a_learnt_control(rig: Rig) -> None:
    rig.learn("deck/1/gain")
    rig.report(ControlLearned("deck/1/gain", "Box 1:CC1"))
    rig.controllers.handle_death(rig.child)
    rig.controllers.tick()
    assert [type(order) for order in rig.orders] == [StartControl, LearnControl]
    assert rig.orders[-1] == LearnControl("deck/1/gain")


def test_learning_begins_while_the_process_is_restarted(rig: Rig) -> None:
    rig.controllers.handle_death(rig.child)
    rig.learn("deck/1/gain")
    rig.controllers.tick()
    assert rig.orders[-1] == LearnControl("deck/1/gain")


def test_a_binding_that_is_taken_back_waits_for_a_control_again(rig: Rig) -> None:
    rig.learn("deck/1/gain")
    rig.report(ControlLearned("deck/1/gain", "Box 1:CC1"))
    rig.report(BindingUndone("Box 1:CC1 moves deck/1/gain"))
    assert (rig.learning.waiting, rig.learning.learnt) == ("deck/1/gain", "")


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("deck/2/pan", {"curve": "exp"}),
        ("deck/2/pan", {"range": (-9.0, 9.0)}),
        ("deck/2/source", {"value": "nonsense"}),
        ("deck/2/reset", {"mode": "toggle"}),
        ("deck/1/attribute/1", {}),
        ("deck/9/gain", {}),
    ],
)
def test_a_refused_learn_ends_learning(rig: Rig, address: str, options: dict[str, Any]) -> None:
    rig.learn("deck/1/gain")
    with pytest.raises(WrongUse):
        rig.learn(address, options=BindingOptions(**options))
    assert rig.orders == [LearnControl("deck/1/gain"), END], "no control is bound to the address before it"
    assert rig.learning.waiting == ""


def test_a_control_learnt_for_the_address_before_is_not_shown_for_this_one(rig: Rig) -> None:
    rig.learn("deck/1/gain")
    rig.learn("deck/1/pan")
    rig.report(ControlLearned("deck/1/gain", "Box 1:CC1"))  # it moved before the process read the order
    assert (rig.learning.waiting, rig.learning.learnt) == ("deck/1/pan", "")


def test_a_learn_that_the_process_refuses_ends(rig: Rig) -> None:
    rig.learn("deck/1/gain")
    rig.report(ControlFailed("it does not fit", "LearnControl"))
    assert rig.orders[-1] == END
    assert (rig.learning.waiting, rig.learning.note) == ("", "it does not fit")


@pytest.mark.parametrize("mapping", ["", "dawn"])
def test_learning_for_a_song_ends_with_the_song(rig: Rig, mapping: str) -> None:
    """Also where neither song has a mapping yet."""
    rig.learn("deck/1/gain", song=True)
    rig.controllers.use_layers("", mapping)
    assert rig.orders[:2] == [LearnControl("deck/1/gain", song="one"), END]
    assert rig.orders[2:] == ([UseLayers("", "dawn")] if mapping else [])
    assert rig.learning.note == "another song plays now"
    rig.report(ControlLearned("deck/1/gain", "Box 1:CC1", (), "one"))  # it moved at this moment
    assert rig.controllers.song_mapping == "", "the next song does not name the mapping"
    assert "it is in the mapping one, which no song names" in rig.lines[-1]
    rig.learn("deck/1/gain")
    rig.controllers.use_layers("", "")
    assert rig.learning.waiting == "deck/1/gain", "learning for the player goes on"


def test_a_failure_answers_only_the_command_that_it_belongs_to(rig: Rig) -> None:
    saved, used, listed = list[Answer](), list[Answer](), list[Answer]()
    rig.controllers.save("friday", saved.append)
    rig.controllers.use("box", used.append)
    rig.controllers.list_bindings(listed.append)
    rig.controllers.use("other", used.append)
    orders = [LoadMapping("box"), ListBindings(), LoadMapping("other")]
    assert rig.orders == [WriteMapping("friday"), *orders]
    rig.report(ControlFailed("box.toml cannot be read"))  # seen when a controller was plugged in
    rig.report(MappingChanged("generic", "/generic.toml", (), changed=False, follows=True))
    assert saved == used == listed == []
    rig.report(MappingWritten("/friday.toml"))
    rig.report(ControlFailed("no such mapping", "LoadMapping"))
    rig.report(BindingsListed(()))
    assert (saved, used) == ([Answer("/friday.toml")], [Answer(error="no such mapping", exit_code=2)])
    rig.report(MappingChanged("other", "/other.toml", (), changed=False, follows=False))
    rig.report(OrderDone("LoadMapping"))
    assert (used[1:], listed) == ([Answer("/other.toml")], [Answer(bindings=())])


def test_removing_and_undoing_are_answered_by_what_came_of_them(rig: Rig) -> None:
    removed, undone, table = list[Answer](), list[Answer](), CommandTable()
    rig.controllers.register(table)
    for answers, command in ((removed, Unlearn("xfade")), (undone, UndoMapping())) * 2:
        table.run(command, answers.append)
    assert rig.orders == [UnlearnControl("xfade"), UndoBinding()] * 2
    assert removed == undone == []
    rig.report(OrderDone("UnlearnControl"))
    rig.report(BindingUndone("no control moves xfade"))
    rig.report(ControlFailed("no control is mapped to 'xfade'", "UnlearnControl"))
    rig.report(ControlFailed("no change of the mapping to undo", "UndoBinding"))
    assert [(it.value, it.error) for it in removed] == [("", ""), ("", "no control is mapped to 'xfade'")]
    assert [it.value for it in undone] == ["no control moves xfade", ""]
    assert undone[1].error == "no change of the mapping to undo"


def test_a_dead_process_answers_all(rig: Rig) -> None:
    answers: list[Answer] = []
    rig.controllers.save("friday", answers.append)
    rig.controllers.use("box", answers.append)
    rig.controllers.handle_death(rig.child)
    assert [answer.error for answer in answers] == ["the MIDI process died: try again"] * 2
