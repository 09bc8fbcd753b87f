"""The scan passes genuine modules and exports, and refuses a hundred kinds of hostile archives."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import pytest
import torch
from hostile_archives import KINDS, Case, spoil, unpack
from modules import Bare, Synth, export
from peers.environment import export as genuine

from perform.core.errors import WrongUse
from perform.foreign.scan.archive_scan import repack, scan
from perform.foreign.scan.operations import OPERATIONS
from perform.rave.archive import parse, read

MANGLED = 2000  #: a millisecond or two each


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return export(Synth(), tmp_path_factory.mktemp("modules") / "synth.ts").read_bytes()


def test_a_harmless_module_passes_and_loads_from_what_was_scanned(harmless: bytes, tmp_path: Path) -> None:
    packed = tmp_path / "packed.ts"
    packed.write_bytes(repack(parse(harmless, Path("synth.ts"))))
    loaded = torch.jit.load(str(packed))  # type: ignore[no-untyped-call]
    assert loaded.get_methods() == ["play", "prior"]
    assert "model/data.pkl" in repr(packed.read_bytes())
    assert b"debug_pkl" not in packed.read_bytes(), "only what was scanned"


def test_a_harmless_line_may_be_added(harmless: bytes) -> None:
    """A harmless line passes, so the lines below are refused for their contents."""
    for seed in range(20):
        case = Case(unpack(harmless), random.Random(seed))
        case.line("_q = torch.add(1, 1)", "_r = self.phase", '_s = getattr(self, "frames")')
        case.attribute(b"K\x01")
        scan(parse(case.pack(), Path("synth.ts")))


def test_there_are_more_than_sixty_kinds() -> None:
    assert len(KINDS) >= 150


@pytest.mark.parametrize("name", KINDS)
def test_hostile_archives_are_refused_in_one_line(harmless: bytes, tmp_path: Path, name: str) -> None:
    for seed in range(2):
        path = tmp_path / f"{seed}.ts"
        path.write_bytes(spoil(name, harmless, seed))
        with pytest.raises(WrongUse) as caught:
            repack(read(path))
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith(str(path))
        assert len(caught.value.what) < 400


def test_mangled_archives_are_refused_or_harmless(harmless: bytes) -> None:
    """Bytes changed, cut, repeated: never anything but an answer."""
    chance = random.Random(4)
    files = unpack(harmless)
    small = {name: data for name, data in files.items() if not name.endswith("debug_pkl")}
    refused = 0
    for _ in range(MANGLED):
        case = Case(dict(small), chance)
        name = chance.choice([*small, "data.pkl", "data.pkl", case.code()])
        data = bytearray(case.files[name])
        for _ in range(chance.randrange(1, 4)):
            at, length = chance.randrange(len(data)), chance.randrange(1, 9)
            data[at : at + length] = chance.choice(
                [b"", chance.randbytes(length), data[at : at + length] * 2, bytes(data[:length])]
            )
            data = data or bytearray(b"x")
        case.files[name] = bytes(data)
        try:
            repack(parse(case.pack(), Path("mangled.ts")))
        except WrongUse as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > MANGLED / 2


def test_no_operation_takes_a_file_or_memory() -> None:
    for schema in torch._C._jit_get_all_schemas():
        name = schema.name.replace("aten::", "torch.").replace("prim::", "ops.prim.")
        for argument in schema.arguments if name in OPERATIONS else ():
            assert "Storage" not in str(argument.type), name
            text = "str" in str(argument.type)
            assert not (text and argument.name in ("filename", "file_name", "path", "worker_name")), name
    assert not {f"torch.{n}" for n in ("from_file", "save", "as_strided", "set_", "manual_seed")} & OPERATIONS


@pytest.mark.parametrize("body", ["gain", "nan", "shape", "raise", "hang"])
def test_any_module_that_only_computes_passes(tmp_path: Path, body: str) -> None:
    scan(read(export(Bare(body), tmp_path / "bare.ts")))


EXPORTS = (
    *("v2", "causal", "noise", "v1", "v2_small", "v3", "discrete", "wasserstein", "spherical", "raspberry"),
    *(
        "stereo",
        "adain",
        "snake",
        "biased",
        "resampled",
        "prior",
        "widened",
        "recurrent",
        "v2_offline",
        "v1_cold",
    ),
)


@pytest.mark.parametrize("name", EXPORTS)
def test_genuine_exports_pass(name: str) -> None:
    scan(read(genuine(name)))
