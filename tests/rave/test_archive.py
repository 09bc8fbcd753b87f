"""A TorchScript archive read as data has the same contents as for torch, and none of its code runs."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from perform.core.errors import WrongUse
from perform.rave.archive import Archive, parse, read
from perform.rave.unpickle import unpickle


class Part(nn.Module):
    __constants__ = ("stride",)

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.stride = (16,)
        self.weight = nn.Parameter(torch.randn(3, 4) * scale)
        self.register_buffer("view", torch.randn(8, 6)[2:5, ::2])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight.sum()


class Whole(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = Part(1.0)
        self.parts = nn.ModuleList([Part(2.0), Part(3.0)])
        self.tied = self.part.weight
        self.sr = 44100
        self.labels = ["a", "b"]
        self.gains = {"a": 1.5}
        self.pair = (1, 2.5, True)
        self.numbers = torch.jit.Attribute([1.0, 2.0], list[float])
        self.nothing = None
        for kind in ("float64", "float16", "bfloat16", "int8", "uint8", "int16", "int32", "int64", "bool"):
            self.register_buffer(f"as_{kind}", torch.tensor([[1, 0, 1]]).to(getattr(torch, kind)))
        self.register_buffer("empty", torch.zeros(0, 3))
        self.register_buffer("scalar", torch.tensor(7.0))
        self.register_buffer("repeated", torch.tensor([2.0]).expand(5))

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return self.part(x) + torch.tensor([1.0, 2.0])

    @torch.jit.export
    def other(self, x: Tensor) -> Tensor:
        return x


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "whole é.ts"
    torch.manual_seed(0)
    torch.jit.save(torch.jit.script(Whole()), path, _extra_files={"notes.txt": b"hello"})
    return path


@pytest.fixture(scope="module")
def archive(saved: Path) -> Archive:
    return read(saved)


def test_tensors_equal_those_that_torch_loads(saved: Path, archive: Archive) -> None:
    loaded = torch.jit.load(str(saved)).state_dict()
    assert archive.tensors.keys() == loaded.keys() | {"tied"}
    for name, tensor in loaded.items():
        mine = torch.from_numpy(archive.tensors[name].copy())
        assert mine.shape == tensor.shape
        assert torch.equal(mine.to(tensor.dtype), tensor), name
        assert not archive.tensors[name].flags.writeable or not tensor.numel()


def test_attributes_and_constants_are_plain_values(archive: Archive) -> None:
    wanted = {"sr": 44100, "labels": ["a", "b"], "gains": {"a": 1.5}, "pair": (1, 2.5, True)}
    for name, value in (wanted | {"numbers": [1.0, 2.0], "nothing": None}).items():
        assert archive.attributes[name] == value
    assert archive.sha256 == __import__("hashlib").sha256(archive.path.read_bytes()).hexdigest()


def test_modules_have_types_children_finals_and_methods(archive: Archive) -> None:
    assert archive.plain_type().endswith("test_archive.Whole")
    assert archive.children() == ["part", "parts"]
    assert archive.children("parts") == ["0", "1"]
    assert archive.plain_type("parts.1").endswith("test_archive.Part")
    assert archive.finals("parts.0") == {"stride": (16,)}
    assert archive.methods() == ["forward", "other"]
    assert archive.fields("part") == ["weight", "view", "training", "_is_full_backward_hook"]
    with pytest.raises(KeyError):
        archive.module_type("parts.2")


def test_reading_needs_no_torch(saved: Path) -> None:
    import subprocess

    code = (
        f"import sys; from perform.rave.archive import read; read(__import__('pathlib').Path({str(saved)!r}))"
    )
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)


def test_a_file_that_is_not_an_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no such model file"):
        read(tmp_path / "nothing.ts")
    (tmp_path / "text.ts").write_text("text")
    with pytest.raises(WrongUse, match="not a TorchScript archive"):
        read(tmp_path / "text.ts")
    torch.save({"weights": torch.zeros(3)}, tmp_path / "checkpoint.ckpt")
    with pytest.raises(WrongUse, match="not a TorchScript module"):
        read(tmp_path / "checkpoint.ckpt")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("hello/readme.md", "hello")
    with pytest.raises(WrongUse, match="which no TorchScript module has"):
        read(tmp_path / "other.zip")


def nothing_stored(key: str, dtype: object, count: int) -> np.ndarray:
    raise WrongUse("nothing is stored")


@given(st.binary(max_size=200))
@settings(max_examples=500)
def test_any_bytes_give_a_value_or_are_refused(data: bytes) -> None:
    try:
        unpickle(b"\x80\x02" + data + b".", nothing_stored, "here")
    except WrongUse as error:
        assert str(error).startswith("here: ")
        assert "\n" not in str(error)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


@given(plain)
def test_plain_values_come_back_as_python_wrote_them(value: object) -> None:
    import pickle

    assert unpickle(pickle.dumps(value, 2), nothing_stored, "here") == value


@given(st.data())
@settings(max_examples=200)
def test_a_truncated_or_changed_archive_is_read_or_refused(saved: Path, data: st.DataObject) -> None:
    whole = bytearray(saved.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        del whole[at:]
    else:
        whole[at] ^= data.draw(st.integers(1, 255))
    try:
        parse(bytes(whole), saved)
    except WrongUse as error:
        assert "\n" not in str(error)


def test_a_deep_tree_of_shared_parts_is_refused_quickly() -> None:
    """Two to the fortieth paths through forty objects."""
    value = b"c__torch__\nA\nq\x00)\x81}b"
    for number in range(1, 41):
        again = bytes([number])
        value = b"c__torch__\nA\n)\x81}(X\x01\x00\x00\x00a" + value + b"q" + again
        value += b"X\x01\x00\x00\x00bh" + again + b"ub"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("m/data.pkl", b"\x80\x02" + value + b".")
        packed.writestr("m/constants.pkl", b"\x80\x02).")
        packed.writestr("m/version", "3")
    with pytest.raises(WrongUse, match="more parts than any model"):
        parse(out.getvalue(), Path("deep.ts"))
