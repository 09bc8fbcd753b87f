"""The host process: it renders the voices of one model just in time. A crash leaves other models playing.

It starts before it has a model (a *warm spare*), so loading one does not wait for Python and its imports. All
decks with the model are voices of this process. Frames that are due together are decoded as one batch.

    python -m perform.voice.host_process       (see core/messages/host_messages.py)
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
from perform.core.memory_limit import address_space, limit_address_space
from perform.core.messages.host_messages import (
    AssignDecks,
    FileEncoded,
    HostFailed,
    HostLoading,
    HostLog,
    HostReady,
    RaisePriority,
    SetTexts,
    StartHost,
    StartVoice,
)
from perform.core.messages.message_lines import AnyOrder
from perform.core.realtime import RENDER_PRIORITY, lower_priority, raise_priority, request_real_time
from perform.engine.protocol import PlayableModel
from perform.engine.resampling import resampling_both_ways
from perform.foreign import sandbox
from perform.foreign.opening import file_reader, open_model, open_on_gpu, open_with_openvino, prepare
from perform.library.cards import is_module, read_card
from perform.voice.assignments import Assignments
from perform.voice.frame_writer import check_room
from perform.voice.scheduler import Scheduler

MEMORY = 16 << 30  #: bytes that a host may take to convert, load and play its model


def load_and_render(
    line: Lifeline,
    order: StartHost,
    orders: queue.SimpleQueue[AnyOrder],
    priority_raised: threading.Event,
    ready: queue.SimpleQueue[Assignments],
) -> None:
    """[render] Load the model, warm it up, report it ready, then render its voices until the process ends."""
    line.report(HostLoading())
    stem = Path(order.model).stem
    wants_gpu, wants_openvino = stem in order.gpu, stem in order.openvino
    if not wants_gpu:  # CUDA reserves addresses for all memory of the computer
        limit_address_space(address_space() + MEMORY)
    arena = Arena.open(Path(order.arena))
    if order.idle:
        lower_priority()
        if priority_raised.is_set():  # the order came before `lower_priority`
            raise_priority()
    try:
        model_file = prepare(Path(order.model), lambda text: line.report(HostLoading(text)))
        check_room(arena, read_card(model_file), order.rate)
        line.report(HostLoading())
        if warning := sandbox_warning(model_file):
            line.report(HostLog(warning))
        reader = file_reader(model_file)
        name, engine = read_card(model_file).name, ""
        model: PlayableModel
        if wants_gpu and not is_module(model_file):
            model, engine = open_on_gpu(model_file)
        elif wants_openvino and not is_module(model_file):
            model, engine = open_with_openvino(model_file)
        else:
            if wants_gpu or wants_openvino:
                wanted = "GPU" if wants_gpu else "OpenVINO"
                engine = f"no {wanted}: a module from others plays on the processor, with torch"
            model = open_model(model_file, log=lambda text: line.report(HostLog(f"module {name}: {text}")))
        if engine:
            line.report(HostLog(f"{name}: {engine}"))
        line.report(HostLoading())
        assignments = Assignments(
            model,
            lambda text: line.report(HostLog(text)),
            reader,
            on_progress=lambda file, part, seconds: line.report(FileEncoded(file, part, seconds)),
        )
        ready.put(assignments)
        scheduler = Scheduler(arena, model, order.rate, order.patient, assignments)
        scheduler.warm_up()
        line.report(HostLoading())
    except PerformError as error:
        line.report(HostFailed(str(error)))
        return
    except Exception as error:  # a library's: the stage shows it
        line.report(HostFailed(f"{order.model}: {error!r}"))
        raise
    gc.collect()
    gc.freeze()
    gc.disable()
    request_real_time(RENDER_PRIORITY)
    try:
        render_s = scheduler.rehearse()
        if model.encoder and not model.card.delay_known:
            line.report(
                HostLog(
                    f"{model.card.name}: its delay is unknown and missing in the latency shown for its input"
                )
            )
        resampling_s, shift_s = resampling_both_ways(model.card.sample_rate, order.rate)
        line.report(
            HostReady(
                render_ms=render_s * 1000.0,
                sha256=model.sha256,
                made=str(model_file),
                attributes=tuple(model.attributes),
                actions=tuple(model.actions),
                has_prior=model.has_prior,
                has_encoder=model.encoder is not None,
                takes_sound=model.takes_sound,
                engine=engine,
                resampling_s=resampling_s,
                shift_s=shift_s,
            )
        )
        scheduler.run(line, orders)
    except PerformError as error:  # a third-party module that broke its contract
        line.report(HostFailed(str(error)))


def sandbox_warning(model_file: Path) -> str:
    """[disk] Return what the system does not keep a third-party module from; "" if nothing, or for a RAVE."""
    report = sandbox.available()
    if report.complete or not is_module(model_file):
        return ""
    return f"{read_card(model_file).name} is a third-party module, and {report}"


def main() -> None:
    """[main] Wait for a model, then host it."""
    line = Lifeline()
    start_order = line.next()
    if not isinstance(start_order, StartHost):
        return
    orders: queue.SimpleQueue[AnyOrder] = queue.SimpleQueue()
    unread: queue.SimpleQueue[AnyOrder] = queue.SimpleQueue()  # orders whose sounds are not read yet
    assigned: queue.SimpleQueue[AssignDecks] = queue.SimpleQueue()
    ready: queue.SimpleQueue[Assignments] = queue.SimpleQueue()
    sounding: queue.SimpleQueue[Assignments] = queue.SimpleQueue()
    priority_raised = threading.Event()

    def read_orders() -> None:
        while (order := line.next()) is not None:
            match order:
                case RaisePriority():
                    priority_raised.set()
                    raise_priority()
                case AssignDecks():
                    assigned.put(order)
                case _:
                    unread.put(order)
        os._exit(0)

    def read_sounds() -> None:
        """[disk] Read the sounds that an order names, then pass it on: the render thread opens no file."""
        assignments = sounding.get()
        while True:
            order = unread.get()
            if isinstance(order, (StartVoice, SetTexts)):
                assignments.read_sounds(order.texts)
            orders.put(order)

    def update_assignments() -> None:
        assignments = ready.get()
        sounding.put(assignments)
        while True:
            order = assigned.get()
            assignments.update(order.decks, set(order.mine), order.files)

    threading.Thread(target=read_orders, name="orders", daemon=True).start()
    threading.Thread(target=read_sounds, name="sounds", daemon=True).start()
    threading.Thread(target=update_assignments, name="assignments", daemon=True).start()
    load_and_render(line, start_order, orders, priority_raised, ready)


if __name__ == "__main__":
    main()
