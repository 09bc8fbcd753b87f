"""What is fuzzed: everything that perform reads from a file, a port or a network.

Each target reads bytes, and may only accept them or refuse them in one line. Anything else that is raised is
a fault. Files of several parts (archives, model files, gesture logs) are changed part by part, and packed
again with correct sizes and checksums, so that the changes get past the outermost check.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import os
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from perform.control import mapping_files
from perform.control.layers import MappingLayers
from perform.control.osc_packets import BadPacket, read_packet
from perform.control.osc_router import OscRouter
from perform.control.router import ControlRouter
from perform.core import params
from perform.core.arena_layout import METER_SLOTS
from perform.core.errors import PerformError, WrongUse
from perform.core.knob_ranges import KnobRanges
from perform.foreign.scan.archive_scan import scan
from perform.library import card_changes, cards, catalogue, matrices, player_config, sets
from perform.library.corpus_latents import read_corpus
from perform.rave import archive, model_files
from perform.recorder import gesture_log, wav_repair
from perform.recorder.wav_format import HEADER
from perform.stage import autosave
from perform.stage.commands import Answer
from perform.stage.server import LONGEST, Server
from perform.tui import own_keys

SEEDS = Path(__file__).parent / "seeds"
Parts = list[bytes]


class Target(NamedTuple):
    """One reader. split, join: a file as its parts, and back; read: raises PerformError or a fault."""

    read: Callable[[bytes, Path], object]
    split: Callable[[bytes], Parts] = lambda data: [data]
    join: Callable[[Parts], bytes] = b"".join


def try_one(target: Target, data: bytes, folder: Path) -> bool:
    """Read the data; False: refused in one line. AssertionError, or any other: a fault."""
    try:
        target.read(data, folder)
    except PerformError as error:
        assert "\n" not in str(error), "the refusal has more than one line"
        assert str(error).isprintable(), "the refusal steers the terminal"
        assert len(str(error)) < 3000, "the refusal is a page"
        return False
    return True


def seeds(name: str) -> list[bytes]:
    """The seeds of a target."""
    return [path.read_bytes() for path in sorted((SEEDS / name).iterdir())]


def _file(data: bytes, path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


# -- texts


def _set(data: bytes, folder: Path) -> None:
    sets.read_set(_file(data, folder / "a.toml"))


def _mapping(data: bytes, folder: Path) -> None:
    mapping_files.load(_file(data, folder / "a.toml"))


def _config(data: bytes, folder: Path) -> None:
    _file(data, player_config.path())
    player_config.values(player_config.read())


def _keys(data: bytes, folder: Path) -> None:
    chosen = own_keys.read(_file(data, player_config.keys_path()))
    for command in own_keys.EVERY:
        own_keys.applied(command, chosen)


def _autosave(data: bytes, folder: Path) -> None:
    path = _file(data, Path(os.environ["PERFORM_HOME"]) / "state" / "autosave.json")
    try:
        if saved := autosave.read():
            assert np.isfinite(saved.table()).all()
    finally:
        for kept in path.parent.glob("autosave-damaged-*"):
            kept.unlink()


def _catalogue(data: bytes, folder: Path) -> None:
    for model in catalogue.read(data, "a server").models:
        assert model.url.startswith("http") and "/" not in model.name


# -- takes


def _wav(data: bytes, folder: Path) -> None:
    path = _file(data, folder / "a.wav")
    wav_repair.read_markers(path)
    frames = wav_repair.repair(path)
    found = wav_repair.inspect(path)
    repaired, held = path.read_bytes(), HEADER + frames * found.form.frame_bytes
    assert repaired[HEADER:held] == data[HEADER:held], "a repair changed the sound"


def _log(data: bytes, folder: Path) -> None:
    from perform.offline import logged_take
    from perform.recorder.take_index import Take

    path = _file(data, folder / "a.gestures")
    gesture_log.repair(path)
    log = gesture_log.read(path)
    log.marks()
    assert log.torn == 0
    wav = path.with_suffix(".wav")
    logged_take.load(Take((wav,), log.header.rate, "pcm24", 48000, ("master",), True, (), "whole"))


def _split_log(data: bytes) -> Parts:
    """Header and records, as they are before they are compressed."""
    bodies = [body for _, body in gesture_log._bodies(data, Path("a.gestures")) if body]
    return [bodies[0], b"".join(bodies[1:])]


def _join_log(parts: Parts) -> bytes:
    chunks = []
    for body in parts:
        packed = zlib.compress(body)
        chunks.append(gesture_log.CHUNK.pack(len(packed), zlib.crc32(packed)) + packed)
    return gesture_log.MAGIC + b"".join(chunks)


# -- models


def _card(data: bytes, folder: Path) -> None:
    card = cards.read_card(_file(data, folder / "a.safetensors"))
    assert math.isfinite(cards.trim_db(card)) and len(cards.knob_ranges(card, home=False)) in (
        0,
        card.latents,
    )


def _card_changes(data: bytes, folder: Path) -> None:
    """Damaged changes are no changes, so the card is then as it was."""
    (seed,) = seeds("cards")
    model = _file(seed, folder / "b.safetensors")
    changes = card_changes.changes_path(model)
    changes.unlink(missing_ok=True)
    before = cards.read_card(model)
    changes.write_bytes(data)
    card, cloud = cards.read_card(model), cards.read_cloud(model)
    assert math.isfinite(cards.trim_db(card)) and len(cards.knob_ranges(card, home=False)) in (
        0,
        card.latents,
    )
    assert isinstance(cloud, list) and len(read_corpus(model)) in (0, len(cloud))
    if card == before:
        raise WrongUse("no changes of this card")


def _model(data: bytes, folder: Path) -> None:
    model_files.load(_file(data, folder / "a.safetensors"))


def _matrix(data: bytes, folder: Path) -> None:
    matrices.read(_file(data, folder / "a.matrix"))


def _split_header(data: bytes) -> Parts:
    """The header and the tensors of a .safetensors file."""
    size = int.from_bytes(data[:8], "little")
    return [data[8 : 8 + size], data[8 + size :]]


def _join_header(parts: Parts) -> bytes:
    return len(parts[0]).to_bytes(8, "little") + parts[0] + b"".join(parts[1:])


def _split_card(data: bytes) -> Parts:
    """Card and config, the rest of the header, the tensors."""
    head, tensors = _split_header(data)
    header = json.loads(head)
    inner = [header["__metadata__"].pop(name).encode() for name in ("card", "config")]
    return [*inner, json.dumps(header).encode(), tensors]


def _join_card(parts: Parts) -> bytes:
    try:
        header = json.loads(parts[2])
        header["__metadata__"] |= {"card": parts[0].decode("latin-1"), "config": parts[1].decode("latin-1")}
        head = json.dumps(header).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        head = parts[2]
    return _join_header([head, parts[3]])


def _archive(data: bytes, folder: Path) -> None:
    scan(archive.parse(data, Path("a.ts")))


def _split_zip(data: bytes) -> Parts:
    """The names, then the entries, of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        names = packed.namelist()
        return ["\n".join(names).encode(), *(packed.read(name) for name in names)]


def _join_zip(parts: Parts) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, entry in zip(parts[0].decode("latin-1").split("\n"), parts[1:], strict=False):
            if name and name not in packed.namelist():
                packed.writestr(zipfile.ZipInfo(name[:60000]), entry)
    return out.getvalue()


# -- ports and networks


@cache
def _layers() -> MappingLayers:
    layers = MappingLayers()
    layers.read_all({})
    return layers


MIDI_PORTS = ("nanoKONTROL2", "Midi Fighter Twister", "Seaboard", "Keys")


def _midi(data: bytes, folder: Path) -> None:
    """Messages of up to eight bytes at four ports: a byte with port and length, then the message."""
    table, clock = params.defaults(), itertools.count(0.0, 0.003)
    hardware = np.full_like(table, math.nan)
    meters = np.zeros(len(METER_SLOTS))
    router = ControlRouter(table, meters, hardware, lambda: next(clock), KnobRanges.full())
    router.use(_layers().routes(MIDI_PORTS))
    at = 0
    while at < len(data):
        port, size = MIDI_PORTS[data[at] & 3], data[at] >> 2 & 7
        router.handle(port, tuple(data[at + 1 : at + 1 + size]))
        at += 1 + size
    router.tick()
    for slot in np.flatnonzero(table != params.defaults()):
        assert params.SPEC_AT[slot].clamp(float(table[slot])) == table[slot], params.ADDRESSES[slot]


def _osc(data: bytes, folder: Path) -> None:
    table = params.defaults()
    router = OscRouter(table)
    try:
        calls = read_packet(data)
    except BadPacket as error:
        raise WrongUse("not OSC") from error
    for call in calls:
        try:
            router.handle(call, ("127.0.0.1", 9))
        except WrongUse:
            continue
    assert np.isfinite(table).all()


@cache
def _line(folder: Path) -> Connection:
    """The only client of a server whose stage does nothing."""
    server = Server(folder, lambda command, reply: reply(Answer("done")))
    line = Client(server.address, authkey=server.key.encode())
    server.close()  # it accepts no other
    return line


def _socket(data: bytes, folder: Path) -> None:
    line = _line(folder)
    line.send_bytes(data[:LONGEST])
    assert line.poll(20), "no answer"
    answer = msgspec.json.decode(line.recv_bytes(), type=Answer)
    if answer.error:
        assert answer.exit_code == 2
        assert len(answer.error) < 3000, "the answer is a page"
        raise WrongUse(answer.error)


TARGETS = {
    "sets": Target(_set),
    "mappings": Target(_mapping),
    "config": Target(_config),
    "keys": Target(_keys),
    "autosaves": Target(_autosave),
    "gesture-logs": Target(_log, _split_log, _join_log),
    "wav-repair": Target(_wav),
    "cards": Target(_card, _split_card, _join_card),
    "card-changes": Target(_card_changes),
    "safetensors-headers": Target(_model, _split_header, _join_header),
    "matrices": Target(_matrix, _split_header, _join_header),
    "archives": Target(_archive, _split_zip, _join_zip),
    "midi": Target(_midi),
    "osc": Target(_osc),
    "socket": Target(_socket),
    "http-index": Target(_catalogue),
}
