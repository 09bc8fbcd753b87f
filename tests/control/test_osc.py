"""OSC: its bytes, its messages, its answers; a real port, floods; knobs that take over after OSC."""

from __future__ import annotations

import json
import math
import runpy
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pythonosc.osc_message_builder import OscMessageBuilder

from perform.control.binding import Binding
from perform.control.osc_address import host_and_port
from perform.control.osc_packets import LARGEST, BadPacket, OscCall, read_packet, write_packets
from perform.control.osc_router import OscRouter
from perform.control.osc_subscribers import MOST
from perform.control.port_routes import RoutedLayer
from perform.control.router import ControlRouter
from perform.core import params
from perform.core.arena import Arena
from perform.core.errors import WrongUse
from perform.core.params import ADDRESSES, SLOTS

DOCS = Path(__file__).parents[2] / "docs"
ME, YOU = ("127.0.0.1", 50000), ("127.0.0.1", 50001)


@pytest.fixture
def router(arena: Arena) -> OscRouter:
    return OscRouter(arena.table)


def sent(router: OscRouter) -> dict[tuple[str, int], list[OscCall]]:
    return dict(router.turn())


# -- bytes


@settings(max_examples=20, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([f"/{a}" for a in ADDRESSES[:50]]),
            st.lists(st.floats(width=32, allow_nan=False) | st.integers(-(2**31), 2**31 - 1) | st.booleans()),
        ),
        max_size=40,
    )
)
def test_what_is_written_is_read_again(messages: list[tuple[str, list[float]]]) -> None:
    calls = [OscCall(address, tuple(arguments)) for address, arguments in messages]
    packets = list(write_packets(calls))
    assert [call for packet in packets for call in read_packet(packet)] == calls
    assert all(len(packet) <= LARGEST or len(read_packet(packet)) == 1 for packet in packets)


BUNDLE = next(iter(write_packets([OscCall("/a", (1.0,)), OscCall("/b", ("text", 2))])))
NEGATIVE = b"#bundle\0" + bytes(8) + (-4).to_bytes(4, "big", signed=True) + b"/a\0\0"


@settings(max_examples=300, derandomize=True)
@given(st.binary(max_size=60), st.integers(0, len(BUNDLE)), st.booleans())
@example(NEGATIVE, 0, False)
@example(b"#bundle\0" * 500, 0, False)
@example(b"/\xff\xfe\0,f\0\0", 0, False)
@example(b"/a\0\0,[[[[[[[[[[\0\0\0\0", 0, False)
def test_no_bytes_do_harm(data: bytes, at: int, replace: bool) -> None:
    arena_table = params.defaults()
    router = OscRouter(arena_table)
    for packet in (data, BUNDLE[:at] + data + BUNDLE[at + len(data) * replace :]):
        try:
            calls = read_packet(packet)
        except BadPacket:
            continue
        for call in calls:
            try:
                router.handle(call, ME)
            except WrongUse:
                continue
    assert np.isfinite(arena_table).all()


# -- messages


@pytest.mark.parametrize(
    ("call", "address", "value"),
    [
        (OscCall("/deck/1/gain", (-3.0,)), "deck/1/gain", -3.0),
        (OscCall("/deck/1/gain", (99,)), "deck/1/gain", 12.0),
        (OscCall("/deck/2/z/5/bias", (1.5, 7.0)), "deck/2/z/5/bias", 1.5),
        (OscCall("/deck/1/mute", (True,)), "deck/1/mute", 1.0),
        (OscCall("/deck/1/source", ("walk",)), "deck/1/source", 2.0),
        (OscCall("/position/xfade", (0.25,)), "xfade", 0.25),
        (OscCall("/position/deck/1/speed", (0.5,)), "deck/1/speed", pytest.approx(0.1 * 40**0.5)),
        (OscCall("/position/deck/1/pan", (7.0,)), "deck/1/pan", 1.0),
        (OscCall("/panic"), "panic", 1.0),
        (OscCall("/panic", (1,)), "panic", 1.0),
        (OscCall("/panic", (0,)), "panic", 0.0),
        (OscCall("/tempo", (97.5,)), "tempo", 97.5),
    ],
)
def test_a_message_sets_a_parameter(
    router: OscRouter, arena: Arena, call: OscCall, address: str, value: float
) -> None:
    assert router.handle(call, ME) == []
    assert arena.table[SLOTS[address]] == value


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (OscCall("/deck/9/gain", (1.0,)), "no parameter is called 'deck/9/gain'"),
        (OscCall("/input/open", (1,)), "only the player opens input/open"),
        (OscCall("/position/input/open", (1,)), "only the player opens input/open"),
        (OscCall("/deck/1/gain", (math.nan,)), "cannot be nan"),
        (OscCall("/deck/1/gain", (10**400,)), "cannot be inf"),
        (OscCall("/deck/1/gain", ("loud",)), "cannot be 'loud'"),
        (OscCall("/deck/1/source", ("radio",)), "hand, loop, walk"),
        (OscCall("/deck/1/gain"), "needs a value"),
        (OscCall("/position/panic", (1,)), "has no positions"),
        (OscCall("/position/deck/1/attribute/1", (0.5,)), "has no positions"),
        (OscCall("/get", (3,)), "is not an address"),
        (OscCall("/subscribe", ("dekc",)), "no parameter begins with"),
        (OscCall("/subscribe", ("deck", 70000)), "there is no port"),
        (OscCall("/subscribe", ("deck", 0.5)), "there is no port"),
        (OscCall("/subscribe", ("deck", math.nan)), "there is no port nan"),
        (OscCall("/unsubscribe", (math.inf,)), "there is no port inf"),
        (OscCall("/subscribe", ("deck", 10**400)), "there is no port"),
        (OscCall("", ()), "no parameter"),
    ],
)
def test_a_wrong_message_changes_nothing_and_says_why(
    router: OscRouter, arena: Arena, call: OscCall, says: str
) -> None:
    with pytest.raises(WrongUse, match=says):
        router.handle(call, ME)
    assert np.array_equal(arena.table, params.defaults())


def test_get_and_list(router: OscRouter, arena: Arena) -> None:
    params.set_value(arena.table, "deck/1/gain", -7.0)
    answer = router.handle(OscCall("/get", ("deck/1/gain", "/xfade")), ME)
    assert answer == [OscCall("/deck/1/gain", (-7.0,)), OscCall("/xfade", (0.5,))]
    router.handle(OscCall("/list", ("/master/",)), ME)
    (calls,) = sent(router).values()
    assert calls[0] == OscCall("/list", ("master/gain", -60.0, 6.0, 0.0, "dB", ""))
    assert calls[-1] == OscCall("/list/end", (len(calls) - 1,))
    router.handle(OscCall("/list"), YOU)
    listed: list[OscCall] = []
    while part := sent(router).get(YOU):
        assert len(part) <= 200
        listed += part
    assert len(listed) == len(ADDRESSES) + 1


def test_subscribers_see_everything_once_and_not_what_they_set_themselves(
    router: OscRouter, arena: Arena
) -> None:
    assert router.handle(OscCall("/subscribe", ("deck/1/z/", 50001)), ME) == [
        OscCall("/subscribed", ("deck/1/z/", len([a for a in ADDRESSES if a.startswith("deck/1/z/")])))
    ]
    seen: list[OscCall] = []
    while turn := sent(router):
        assert list(turn) == [YOU]
        seen += turn[YOU]
    assert sorted(call.address for call in seen) == sorted(
        f"/{a}" for a in ADDRESSES if a.startswith("deck/1/z/")
    )
    params.set_value(arena.table, "deck/1/z/3/bias", 1.25)
    params.set_value(arena.table, "deck/1/gain", -9.0)
    assert sent(router) == {YOU: [OscCall("/deck/1/z/3/bias", (1.25,))]}
    router.handle(OscCall("/deck/1/z/3/bias", (2.0,)), YOU)
    assert sent(router) == {}
    router.handle(OscCall("/deck/1/z/3/bias", (0.5,)), ME)
    assert sent(router) == {YOU: [OscCall("/deck/1/z/3/bias", (0.5,))]}
    router.handle(OscCall("/unsubscribe", (50001,)), ME)
    params.set_value(arena.table, "deck/1/z/3/bias", 3.0)
    assert sent(router) == {}
    for port in range(1, 100):
        router.handle(OscCall("/subscribe", ("xfade", port)), ME)
    assert list(sent(router)) == [("127.0.0.1", port) for port in range(100 - MOST, 100)]


def test_a_knob_takes_over_after_osc_without_a_jump(router: OscRouter, arena: Arena) -> None:
    hands = ControlRouter(arena.table, arena.meters, arena.hardware)
    hands.use({"box": [RoutedLayer((Binding("cc 7", "deck/1/gain"),), "scale")]})
    for value in range(0, 101):
        hands.handle("box", [0xB0, 7, value])
    slot = SLOTS["deck/1/gain"]
    router.handle(OscCall("/deck/1/gain", (-50.0,)), ME)
    before = float(arena.table[slot])
    hands.handle("box", [0xB0, 7, 101])
    assert before == -50.0
    assert abs(float(arena.table[slot]) - before) < 2.0


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("9000", ("127.0.0.1", 9000)),
        ("0.0.0.0:9000", ("0.0.0.0", 9000)),
        ("[::1]:9000", ("::1", 9000)),
        ("studio.local:57120", ("studio.local", 57120)),
    ],
)
def test_host_and_port(text: str, meant: tuple[str, int]) -> None:
    assert host_and_port(text) == meant


@pytest.mark.parametrize("text", ["", "x", ":9000", "host:", "0", "70000", "host:-1", "9000x"])
def test_a_wrong_port_is_refused(text: str) -> None:
    with pytest.raises(WrongUse, match="OSC cannot use"):
        host_and_port(text)


# -- a real port


class OscRun:
    """An OSC process, and a program that talks to it."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.arena = Arena.create(folder / "arena")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "perform.control.osc_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin
        assert self.process.stdout
        order = {"order": "StartOsc", "arena": str(folder / "arena"), "host": "127.0.0.1", "port": port}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        self.port = 0
        if not port:
            self.port = int(self.report()["name"].rpartition(":")[2])
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(10)

    def report(self) -> dict[str, str]:
        assert self.process.stdout
        report: dict[str, str] = json.loads(self.process.stdout.readline())
        return report

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, ("127.0.0.1", self.port))

    def call(self, address: str, *arguments: float | str) -> None:
        builder = OscMessageBuilder(address)
        for argument in arguments:
            builder.add_arg(argument)
        self.send(builder.build().dgram)

    def answer(self) -> list[OscCall]:
        return read_packet(self.socket.recv(1 << 16))

    def until(self, address: str, value: float) -> None:
        deadline = time.monotonic() + 10
        while self.arena.table[SLOTS[address]] != value:
            assert time.monotonic() < deadline, address
            time.sleep(0.002)


@pytest.fixture
def osc(tmp_path: Path) -> Iterator[OscRun]:
    run = OscRun(tmp_path)
    yield run
    run.socket.close()
    run.process.communicate()  # closes its lifeline
    assert run.process.returncode == 0


def test_a_real_port_takes_bundles_answers_and_survives_a_flood(osc: OscRun) -> None:
    osc.call("/deck/1/gain", -6.5)
    osc.until("deck/1/gain", -6.5)
    osc.send(next(iter(write_packets([OscCall("/deck/1/pan", (0.5,)), OscCall("/xfade", (0.75,))]))))
    osc.until("xfade", 0.75)
    assert osc.arena.table[SLOTS["deck/1/pan"]] == 0.5
    osc.call("/get", "deck/1/gain")
    assert osc.answer() == [OscCall("/deck/1/gain", (-6.5,))]
    osc.call("/subscribe", "xfade")
    assert osc.answer() == [OscCall("/subscribed", ("xfade", 1))]
    assert osc.answer() == [OscCall("/xfade", (0.75,))]
    params.set_value(osc.arena.table, "xfade", 0.25)
    assert osc.answer() == [OscCall("/xfade", (0.25,))]
    osc.call("/deck/1/gian", 1.0)
    (error,) = osc.answer()
    assert error.address == "/error"
    assert "deck/1/gian" in str(error.arguments[0])

    dice, beats = np.random.default_rng(0), osc.arena.meter("heartbeat/osc")
    noise = [dice.bytes(int(n)) for n in dice.integers(0, 200, 50)]

    def flood() -> None:
        for i in range(20_000):
            osc.send(noise[i % 50] if i % 3 else NEGATIVE)

    thread = threading.Thread(target=flood)
    thread.start()
    thread.join()
    answers = 0
    osc.socket.settimeout(0.5)
    try:
        while osc.answer()[0].address == "/error":
            answers += 1
    except TimeoutError:
        pass
    assert answers <= 100, "it does not answer every bad packet"
    assert osc.arena.meter("heartbeat/osc") > beats
    osc.call("/deck/1/gain", -12.0)
    osc.until("deck/1/gain", -12.0)


def test_a_port_that_is_taken_is_opened_as_soon_as_it_is_free(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        run = OscRun(tmp_path, port)
        assert f"OSC cannot use 127.0.0.1:{port}" in run.report()["error"]
    assert run.report() == {"report": "PortOpened", "name": f"127.0.0.1:{port}"}
    run.socket.close()
    run.process.communicate()


def widgets(node: dict[str, object]) -> Iterator[dict[str, object]]:
    for key in ("tabs", "widgets"):
        for child in node.get(key, ()):  # type: ignore[attr-defined]
            yield child
            yield from widgets(child)


def test_the_touch_screen_of_the_docs_has_only_parameters_and_their_ranges(router: OscRouter) -> None:
    made = runpy.run_path(str(DOCS / "osc_layout.py"))
    text = made["FILE"].read_text()
    assert text == made["page"](), "run: python docs/osc_layout.py"
    found = [widget for widget in widgets(json.loads(text)["content"]) if "address" in widget]
    assert len(found) > 100
    assert len({str(widget["id"]) for widget in found}) == len(found)
    for widget in found:
        address = str(widget["address"]).removeprefix("/")
        spec = params.SPECS[address]
        if widget["type"] == "fader":
            assert widget["range"] == {"min": spec.low, "max": spec.high}
        else:
            router.handle(OscCall(str(widget["address"]), (float(str(widget["on"])),)), ME)


def test_a_position_of_a_latent_is_that_of_its_knob(arena: Arena) -> None:
    """Over the range of the model, with 0 in the middle; a value may go beyond."""
    arena.knobs.set_deck(1, [(-0.5, 2.0)], ())
    router, slot = OscRouter(arena.table, arena.knobs), SLOTS["deck/1/z/0/bias"]
    for position, value in ((0.0, -0.5), (0.25, -0.25), (0.5, 0.0), (0.75, 1.0), (1.0, 2.0), (9.0, 2.0)):
        router.handle(OscCall("/position/deck/1/z/0/bias", (position,)), ME)
        assert arena.table[slot] == pytest.approx(value)
    router.handle(OscCall("/deck/1/z/0/bias", (-3.5,)), ME)
    assert arena.table[slot] == -3.5
