"""The process around a host: it renders its model's voices just in time into their lanes, and dies alone.

Started idle, it waits for its order: a warm spare, so that loading a model costs the load alone. All decks
that play one model are voices of one process; those whose frames fall together are decoded together.

    python -m perform.voice.host_process       (orders and reports: perform/core/lifeline.py)
    order  start {arena, model, rate, patient, idle}    the first; `idle`: take only what nobody else wants
           hurry {}                                     idle no more: somebody waits for the model
           voice {lane, deck, words}                    a new voice on a lane that is this process's alone now
           words {lane, words}                          other words of its attributes
           drop  {lane}                                 end it; nothing is written to the lane from then on
           seats {seats, mine, files}                   how all decks are (`desk.Seat`); who plays this; what
                                                        they play or will (`desk.File`)
    report loading {words} | says {words} | ready {render_ms, sha256, made, attributes, actions, prior}
           failed {error} | dropped {lane}
           refused {lane, place, number, kept, error}: an attribute, by the module
           heard {file, part, seconds}: so much of a file, 0..1, has been encoded in so long
"""

from __future__ import annotations

import gc
import os
import queue
import threading
from pathlib import Path

import msgspec

from perform.core.arena import Arena
from perform.core.errors import PerformError
from perform.core.lifeline import Lifeline, Message
from perform.core.realtime import RENDER_PRIORITY, hurry, idle, real_time
from perform.foreign.opening import file_reader, open_model, prepare
from perform.library.cards import read_card
from perform.voice.assignments import Assignments, DeckAssignment, FileAssignment
from perform.voice.frame_writer import check_room
from perform.voice.scheduler import Scheduler


def start(
    line: Lifeline,
    order: Message,
    orders: queue.SimpleQueue[Message],
    hurried: threading.Event,
    desks: queue.SimpleQueue[Assignments],
) -> None:
    """[render] Load, warm up, report, then render whatever lanes are given until the process ends."""
    arena = Arena.open(Path(order["arena"]))
    if order["idle"]:
        idle()
        if hurried.is_set():  # before that
            hurry()
    try:
        made = prepare(Path(order["model"]), lambda words: line.report("loading", words=words))
        check_room(arena, read_card(made), order["rate"])
        reader = file_reader(made)
        host = open_model(made)
        desk = Assignments(
            host,
            lambda words: line.report("says", words=words),
            reader,
            heard=lambda file, part, seconds: line.report("heard", file=file, part=part, seconds=seconds),
        )
        desks.put(desk)
        renderer = Scheduler(arena, host, order["rate"], order["patient"], desk)
        renderer.warm_up()
    except PerformError as error:
        line.report("failed", error=str(error))
        return
    except Exception as error:  # whatever a library raises, the stage is told what it was
        line.report("failed", error=f"{order['model']}: {error!r}")
        raise
    gc.collect()
    gc.freeze()
    gc.disable()
    real_time(RENDER_PRIORITY)
    try:
        render_s = renderer.rehearse()
        if host.encoder and not host.card.delay_known:
            words = f"{host.card.name}: its own delay is not known, and not in the time shown for its input"
            line.report("says", words=words)
        attributes = {"attributes": msgspec.to_builtins(host.attributes), "actions": list(host.actions)}
        about = {"sha256": host.sha256, "made": str(made), "prior": host.has_prior}
        line.report("ready", render_ms=render_s * 1000.0, **about, **attributes)
        renderer.run(line, orders)
    except PerformError as error:  # a stranger's module that no longer does what it promised
        line.report("failed", error=str(error))


def main() -> None:
    """[main] Be warm, then be a model's host."""
    line = Lifeline()
    order = line.next()
    if order is None:
        return
    orders: queue.SimpleQueue[Message] = queue.SimpleQueue()
    seats: queue.SimpleQueue[Message] = queue.SimpleQueue()
    desks: queue.SimpleQueue[Assignments] = queue.SimpleQueue()
    hurried = threading.Event()

    def listen() -> None:
        while (message := line.next()) is not None:
            if message["order"] == "hurry":
                hurried.set()
                hurry()
            elif message["order"] == "seats":
                seats.put(message)
            else:
                orders.put(message)
        os._exit(0)

    def read() -> None:
        desk = desks.get()
        while True:
            told = seats.get()
            seats_now = msgspec.convert(told["seats"], dict[int, DeckAssignment], strict=False)
            files = msgspec.convert(told["files"], dict[int, FileAssignment], strict=False)
            desk.tell(seats_now, set(told["mine"]), files)

    threading.Thread(target=listen, name="orders", daemon=True).start()
    threading.Thread(target=read, name="seats", daemon=True).start()
    start(line, order, orders, hurried, desks)


if __name__ == "__main__":
    main()
