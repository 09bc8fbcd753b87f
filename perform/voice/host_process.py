"""The process around a host: it renders its model's voices just in time into their lanes, and dies alone.

Started idle, it waits for its order: a warm spare, so that loading a model costs the load alone. All decks
that play one model are voices of one process; those whose frames fall together are decoded together.

    python -m perform.voice.host_process       (orders and reports: perform/core/messages.py)
"""

from __future__ import annotations

import gc
import os
import queue
import threading
from pathlib import Path

from perform.core.arena import Arena
from perform.core.errors import PerformError
from perform.core.lifeline import Lifeline
from perform.core.messages import (
    AnyOrder,
    AssignDecks,
    FileEncoded,
    HostFailed,
    HostLoading,
    HostLog,
    HostReady,
    RaisePriority,
    StartHost,
)
from perform.core.realtime import RENDER_PRIORITY, hurry, idle, real_time
from perform.foreign.opening import file_reader, open_model, prepare
from perform.library.cards import read_card
from perform.voice.assignments import Assignments
from perform.voice.frame_writer import check_room
from perform.voice.scheduler import Scheduler


def start(
    line: Lifeline,
    order: StartHost,
    orders: queue.SimpleQueue[AnyOrder],
    hurried: threading.Event,
    desks: queue.SimpleQueue[Assignments],
) -> None:
    """[render] Load, warm up, report, then render whatever lanes are given until the process ends."""
    arena = Arena.open(Path(order.arena))
    if order.idle:
        idle()
        if hurried.is_set():  # before that
            hurry()
    try:
        made = prepare(Path(order.model), lambda text: line.report(HostLoading(text)))
        check_room(arena, read_card(made), order.rate)
        reader = file_reader(made)
        host = open_model(made)
        desk = Assignments(
            host,
            lambda text: line.report(HostLog(text)),
            reader,
            heard=lambda file, part, seconds: line.report(FileEncoded(file, part, seconds)),
        )
        desks.put(desk)
        renderer = Scheduler(arena, host, order.rate, order.patient, desk)
        renderer.warm_up()
    except PerformError as error:
        line.report(HostFailed(str(error)))
        return
    except Exception as error:  # whatever a library raises, the stage is told what it was
        line.report(HostFailed(f"{order.model}: {error!r}"))
        raise
    gc.collect()
    gc.freeze()
    gc.disable()
    real_time(RENDER_PRIORITY)
    try:
        render_s = renderer.rehearse()
        if host.encoder and not host.card.delay_known:
            words = f"{host.card.name}: its own delay is not known, and not in the time shown for its input"
            line.report(HostLog(words))
        line.report(
            HostReady(
                render_ms=render_s * 1000.0,
                sha256=host.sha256,
                made=str(made),
                attributes=tuple(host.attributes),
                actions=tuple(host.actions),
                has_prior=host.has_prior,
            )
        )
        renderer.run(line, orders)
    except PerformError as error:  # a stranger's module that no longer does what it promised
        line.report(HostFailed(str(error)))


def main() -> None:
    """[main] Be warm, then be a model's host."""
    line = Lifeline()
    start_order = line.next()
    if not isinstance(start_order, StartHost):
        return
    orders: queue.SimpleQueue[AnyOrder] = queue.SimpleQueue()
    assigned: queue.SimpleQueue[AssignDecks] = queue.SimpleQueue()
    desks: queue.SimpleQueue[Assignments] = queue.SimpleQueue()
    hurried = threading.Event()

    def listen() -> None:
        while (order := line.next()) is not None:
            match order:
                case RaisePriority():
                    hurried.set()
                    hurry()
                case AssignDecks():
                    assigned.put(order)
                case _:
                    orders.put(order)
        os._exit(0)

    def read() -> None:
        desk = desks.get()
        while True:
            order = assigned.get()
            desk.tell(order.decks, set(order.mine), order.files)

    threading.Thread(target=listen, name="orders", daemon=True).start()
    threading.Thread(target=read, name="assignments", daemon=True).start()
    start(line, start_order, orders, hurried, desks)


if __name__ == "__main__":
    main()
