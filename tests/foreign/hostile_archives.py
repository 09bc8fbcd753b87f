"""Hostile archives: one harmless export, changed in a hundred ways. The same seed gives the same archive.

Each kind is a function of a Case: the export's files by name, and chance. It changes the files, or gives the
bytes of the whole.
"""

from __future__ import annotations

import io
import pickle
import random
import re
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

Files = dict[str, bytes]
KINDS: dict[str, Callable[[Case], bytes | None]] = {}


@dataclass
class Case:
    """One archive in the making."""

    files: Files
    chance: random.Random

    def pack(self, method: int = zipfile.ZIP_STORED) -> bytes:
        """The archive, unchanged."""
        return pack(list(self.files.items()), method)

    def code(self) -> str:
        """Name of the file with the module's class."""
        return next(name for name in self.files if name.endswith("modules.py"))

    def line(self, *lines: str) -> None:
        """Put lines at the beginning of some method of the module."""
        text = self.files[self.code()].decode()
        heads = [m.end() for m in re.finditer(r"  def \w+\(self[^)]*?\) -> [^\n]*:\n", text)]
        at = self.chance.choice(heads)
        inserted = "".join(f"    {line}\n" for line in lines)
        self.files[self.code()] = (text[:at] + inserted + text[at:]).encode()

    def method(self, text: str) -> None:
        """Put a method into the module's class."""
        code = self.files[self.code()].decode()
        at = re.search(r"  def ", code)
        assert at
        self.files[self.code()] = (code[: at.start()] + text + code[at.start() :]).encode()

    def append(self, text: str) -> None:
        """Put text at the end of the module's file."""
        self.files[self.code()] += text.encode()

    def attribute(self, value: bytes) -> None:
        """Give the root object one more attribute: the opcodes of a pickled value."""
        end = self.files["data.pkl"].rindex(b"ub")
        name = b"extra"
        item = b"X" + struct.pack("<I", len(name)) + name + value
        self.files["data.pkl"] = self.files["data.pkl"][:end] + item + self.files["data.pkl"][end:]


def pack(files: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED, top: str = "model/") -> bytes:
    """A zip as torch lays it out."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        with zipfile.ZipFile(out, "w", method) as archive:
            for name, data in files:
                archive.writestr(zipfile.ZipInfo(top + name), data, compress_type=method)
    return out.getvalue()


def unpack(data: bytes) -> Files:
    """An export's files by name, without the folder around them."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def kind(made: Callable[[Case], bytes | None]) -> Callable[[Case], bytes | None]:
    """Register a kind under its function's name."""
    KINDS[made.__name__] = made
    return made


def spoil(name: str, export: bytes, seed: int) -> bytes:
    """The archive of one kind."""
    case = Case(unpack(export), random.Random(f"{name} {seed}"))
    whole = KINDS[name](case)
    return case.pack() if whole is None else whole


# the zip


@kind
def empty(case: Case) -> bytes:
    return b""


@kind
def text(case: Case) -> bytes:
    return b"this is no model\n" * 10


@kind
def only_the_magic(case: Case) -> bytes:
    return b"PK\x03\x04" + case.chance.randbytes(200)


@kind
def cut_short(case: Case) -> bytes:
    whole = case.pack()
    return whole[: case.chance.randrange(4, len(whole) - 22)]


@kind
def a_byte_flipped(case: Case) -> bytes:
    whole = bytearray(case.pack())
    at = whole.index(case.files["data/0"]) + case.chance.randrange(len(case.files["data/0"]))
    whole[at] ^= 1 << case.chance.randrange(8)
    return bytes(whole)


def _twice(name: str) -> Callable[[Case], bytes]:
    return lambda case: pack([*case.files.items(), (name, case.files[name])])


KINDS["pickle_twice"] = _twice("data.pkl")
KINDS["version_twice"] = _twice("version")
KINDS["code_twice"] = lambda case: pack(
    [*case.files.items(), (case.code(), b"class Synth(Module):\n  pass\n")]
)


def _named(name: str) -> Callable[[Case], bytes]:
    return lambda case: pack([*case.files.items(), (name, b"boo")])


for _i, _name in enumerate(
    (
        "../../evil.py",
        "code/../../evil",
        "/etc/passwd",
        "evil.so",
        "code/__torch__/evil.pth",
        "data/0x",
        "code\\__torch__\\evil.py",
        "code/__torch__/",
        "data/-1",
        "code/__torch__/b\u0430d.py",
        "extra/../../evil",
        "CON",
        "bytecode.pkl",
    )
):
    KINDS[f"odd_name_{_i}"] = _named(_name)


@kind
def two_folders(case: Case) -> bytes:
    out = io.BytesIO(case.pack())
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("other/data/77", b"x")
    return out.getvalue()


@kind
def a_bomb(case: Case) -> bytes:
    case.files["data/9999"] = bytes(40 << 20)
    return case.pack(zipfile.ZIP_DEFLATED)


@kind
def packed_by_bzip2(case: Case) -> bytes:
    return case.pack(zipfile.ZIP_BZIP2)


@kind
def packed_by_lzma(case: Case) -> bytes:
    return case.pack(zipfile.ZIP_LZMA)


def _directory(change: Callable[[bytearray, int], None]) -> Callable[[Case], bytes]:
    """Change an entry of the zip's directory: (whole, offset of the entry)."""

    def made(case: Case) -> bytes:
        whole = bytearray(case.pack())
        entries = [m.start() for m in re.finditer(b"PK\x01\x02", whole)]
        change(whole, case.chance.choice(entries[1:]))
        return bytes(whole)

    return made


def _put(at: int, form: str, value: int) -> Callable[[bytearray, int], None]:
    return lambda whole, entry: struct.pack_into(form, whole, entry + at, value)


KINDS["encrypted"] = _directory(_put(8, "<H", 1))
KINDS["wrong_checksum"] = _directory(_put(16, "<I", 0xDEADBEEF))
KINDS["claims_4_gb"] = _directory(_put(24, "<I", 0xFFFFFFF0))
KINDS["claims_another_size"] = _directory(_put(24, "<I", 77))
KINDS["points_at_another_file"] = _directory(_put(42, "<I", 0))
KINDS["points_beyond_the_end"] = _directory(_put(42, "<I", 0x7FFFFFFF))


@kind
def something_before_it(case: Case) -> bytes:
    out = io.BytesIO()
    out.write(b"PK\x03\x04 an archive behind another one")
    with zipfile.ZipFile(out, "a") as archive:
        for name, data in case.files.items():
            archive.writestr(f"model/{name}", data)
    return out.getvalue()


def _without(name: str) -> Callable[[Case], None]:
    def made(case: Case) -> None:
        del case.files[name]

    return made


for _name in ("data.pkl", "constants.pkl", "version", "data/0"):
    KINDS[f"without_{_name}"] = _without(_name)


@kind
def without_its_code(case: Case) -> None:
    del case.files[case.code()]


@kind
def too_many_files(case: Case) -> None:
    case.files |= {f"data/{i}": b"" for i in range(10**6, 10**6 + 20001)}


@kind
def big_endian(case: Case) -> None:
    case.files["byteorder"] = b"big"


@kind
def ten_megabytes_of_code(case: Case) -> None:
    case.append("# " + "x" * (10 << 20))


@kind
def ten_megabytes_of_pickle(case: Case) -> None:
    case.files["data.pkl"] = b"\x80\x02" + b"N0" * (5 << 20) + b"N."


# the pickle


def _value(opcodes: bytes) -> Callable[[Case], None]:
    return lambda case: case.attribute(opcodes)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1",)


def _ref(stored: bytes, *, size: int, stride: int, offset: int = 0, hooks: bytes = b"N") -> bytes:
    number = lambda n: b"J" + struct.pack("<i", n)  # noqa: E731
    ordered = b"ccollections\nOrderedDict\n)R" if hooks == b"N" else hooks
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + stored + number(offset) + b"(" + number(size) + b"t("
        + number(stride) + b"t\x89" + ordered + b"tR"
    )  # fmt: skip


_STORED = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
_MISSING = _STORED.replace(b"X\x01\x00\x00\x000", b"X\x04\x00\x00\x009999")

for _name, _opcodes in {
    "calls_system": b"cos\nsystem\nX\x02\x00\x00\x00id\x85R",
    "calls_posix_system": b"cposix\nsystem\nX\x02\x00\x00\x00id\x85R",
    "calls_eval": pickle.dumps(_Evil(), 2)[2:-1],
    "calls_open": b"cbuiltins\nopen\nX\x01\x00\x00\x00x\x85R",
    "calls_torch_load": b"ctorch\nload\nX\x01\x00\x00\x00x\x85R",
    "calls_numpy_load": b"cnumpy\nload\nX\x01\x00\x00\x00x\x85R",
    "calls_getattr": b"cbuiltins\ngetattr\n)R",
    "calls_a_class": b"c__torch__.modules\nSynth\n)R",
    "calls_a_storage": b"ctorch\nFloatStorage\n)R",
    "by_inst": b"(ios\nsystem\n",
    "by_obj": b"(cos\nsystem\no",
    "by_stack_global": b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93)R",
    "by_extension": b"\x82\x01)R",
    "by_persid": b"Pevil\n",
    "by_newobj_ex": b"ccollections\nOrderedDict\n)}\x92",
    "by_bytes": b"B\x01\x00\x00\x00x",
    "by_string": b"S'x'\n",
    "new_of_what_is_no_class": b"ccollections\nOrderedDict\n)\x81",
    "a_global_as_a_value": b"ccollections\nOrderedDict\n0\x80\x02ccopyreg\n_reconstructor\n",
    "compiled_class": b"c__torch__.torch.classes.quantized\nConv2dPackedParamsBase\n)\x81",
    "class_that_is_not_there": b"c__torch__.evil\nEvil\n)\x81}b",
    "class_of_another_name": b"ctorch__.x\nY\n)\x81}b",
    "number_of_1000_bits": b"\x8a\x7f" + b"\x11" * 127,
    "number_of_a_megabyte": b"\x8b" + struct.pack("<i", 1000) + b"\x11" * 1000,
    "unpacks_itself": b"c__torch__.modules\nSynth\n)\x81K\x01b",
    "filled_twice": b"c__torch__.modules\nSynth\n)\x81}b}b",
    "list_in_itself": b"]q\xfa(h\xfae",
    "a_hundred_lists_deep": b"(" * 100 + b"l" * 100,
    "ninety_tuples_deep": b")" + b"\x85" * 90,
    "nothing_to_take": b"0" * 50,
    "a_mark_too_few": b"e",
    "memo_that_is_not_there": b"h\xfb",
    "key_that_is_a_list": b"}(]Ku",
    "attribute_without_a_name": b"c__torch__.modules\nSynth\n)\x81}(K\x01K\x02ub",
    "attribute_with_a_point": b"c__torch__.modules\nSynth\n)\x81}(X\x03\x00\x00\x00a.bK\x02ub",
    "type_that_is_a_word_too_far": b"ctorch.jit._pickle\nrestore_type_tag\n]X\x04\x00\x00\x00x;y!\x86R",
    "list_of_something_else": b"ctorch.jit._pickle\nbuild_intlist\n](X\x01\x00\x00\x00xe\x85R",
    "unknown_storage": _STORED.replace(b"FloatStorage", b"QInt8Storage"),
    "storage_on_a_strange_device": _STORED.replace(b"\x03\x00\x00\x00cpu", b"\x03\x00\x00\x00fpg"),
    "storage_alone": _STORED,
    "tensor_of_no_storage": _ref(b"N", size=1, stride=1),
    "tensor_that_is_missing": _ref(_MISSING, size=1, stride=1),
    "tensor_beyond_its_storage": _ref(_STORED, size=4000, stride=1),
    "tensor_of_negative_size": _ref(_STORED, size=-4, stride=1),
    "tensor_of_negative_stride": _ref(_STORED, size=2, stride=-1),
    "tensor_of_negative_offset": _ref(_STORED, size=2, stride=1, offset=-8),
    "tensor_of_two_billion": _ref(_STORED, size=2**31 - 1, stride=0),
    "tensor_with_hooks": _ref(_STORED, size=1, stride=1, hooks=b"}(K\x01K\x02u"),
}.items():
    KINDS[_name] = _value(_opcodes)


@kind
def storage_of_another_size(case: Case) -> None:
    case.files["data/0"] += b"0000"


@kind
def bytes_after_the_pickle(case: Case) -> None:
    case.files["data.pkl"] += case.chance.randbytes(9)


@kind
def pickle_cut_short(case: Case) -> None:
    case.files["data.pkl"] = case.files["data.pkl"][: case.chance.randrange(len(case.files["data.pkl"]) - 1)]


@kind
def pickle_of_protocol_4(case: Case) -> None:
    case.files["data.pkl"] = pickle.dumps({"weight": [1.0, 2.0]}, 4)


@kind
def a_state_dict(case: Case) -> None:
    case.files["data.pkl"] = b"\x80\x02ccollections\nOrderedDict\n)R."


@kind
def constants_that_call(case: Case) -> None:
    case.files["constants.pkl"] = b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00id\x85R\x85."


# the code

_LINES: dict[str, tuple[str, ...]] = {
    "reads_a_file": ('_q = torch.from_file("/etc/passwd", True, 10)',),
    "writes_a_file": ('_q = torch.save(x, "/tmp/evil")',),
    "alias": ("_q = torch.from_file", '_r = _q("/etc/passwd", True, 10)'),
    "alias_of_torch": ("_q = torch", '_r = _q.from_file("/etc/passwd")'),
    "alias_of_a_function": ("_q = torch.add", "_r = _q(1, 1)"),
    "alias_of_a_method": ("_q = self.get_methods",),
    "method_of_a_word": ('_q = ("/etc/passwd").from_file(True, 10)',),
    "method_of_a_tensor": ("_q = (self.phase).resize_([10])",),
    "getattr_of_torch": ('_q = getattr(torch, "from_file")',),
    "getattr_of_nothing": ('_q = getattr(self, "from_file")',),
    "getattr_computed": ('_q = getattr(self, torch.add("ph", "ase"))',),
    "getattr_of_a_name": ('_n = "phase"', "_q = getattr(self, _n)"),
    "torch_as_an_argument": ("_q = torch.len([torch])",),
    "function_in_a_list": ("_q = [torch.add]",),
    "another_namespace": ("_q = ops.aten.from_file(1)",),
    "a_custom_operator": ("_q = ops.evil.run(1)",),
    "remote_call": ('_q = ops.prim.rpc_async("a", "b")',),
    "fork": ("_q = fork(self.play, self.phase)",),
    "prints_a_function": ("print(torch.add)",),
    "prints_torch": ("print(torch)",),
    "python_operator": ("_q = ^Evil()(1)",),
    "python_operator_by_name": ("_q = ops.prim.PythonOp(1)",),
    "compiled_classes": ("_q = torch.classes.evil.Evil(1)",),
    "loads_a_library": ('_q = torch.ops.load_library("/tmp/evil.so")',),
    "memory_by_address": ("_q = torch.set_(self.phase, self.sample)",),
    "memory_by_stride": ("_q = torch.as_strided(self.phase, [100], [1], 0)",),
    "seeds_everything": ("_q = torch.manual_seed(1)",),
    "unknown_operation": ("_q = torch._evil(1)",),
    "eval": ('_q = eval("1")',),
    "exec": ('exec("1")',),
    "open": ('_q = open("/etc/passwd")',),
    "import": ("import os",),
    "dunder_import": ('_q = __import__("os")',),
    "dunder_class": ("_q = self.__class__",),
    "a_field_it_has_not": ("_q = self.evil",),
    "puts_an_object_elsewhere": ("self.phase = self",),
    "item_assignment": ("self.phase[0] = 1",),
    "torch_as_a_name": ("torch = self.phase",),
    "getattr_as_a_name": ("getattr = self.phase",),
    "one_name_two_kinds": ("_q = self", "_q = self.phase"),
    "lambda": ("_q = lambda: 1",),
    "comprehension": ("_q = [i for i in [1]]",),
    "walrus": ("(_q := 1)",),
    "f_string": ('_q = f"{self}"',),
    "function_within": ("def evil():", "  pass"),
    "class_within": ("class Evil:", "  pass"),
    "try": ("try:", "  pass", "except Exception:", "  pass"),
    "with": ("with self as x:", "  pass"),
    "raise": ("raise ValueError",),
    "delete": ("del self.phase",),
    "global": ("global x",),
    "yield": ("yield 1",),
    "starred": ("_q = torch.add(*[1, 1])",),
    "augmented": ("self.frames += 1",),
    "comparison": ("_q = 1 < 2",),
    "power": ("_q = 10 ** 10 ** 10",),
    "bytes": ('_q = b"x"',),
    "imaginary": ("_q = 1j",),
    "comment": ("_q = 1 # hidden",),
    "semicolon": ('_q = 1; _r = open("x")',),
    "continued_line": ("_q = 1 + \\", "  1"),
    "single_quotes": ("_q = 'x'",),
    "three_quotes": ('_q = """x"""',),
    "other_letters": ("_q = torch.\u0430dd(1, 1)",),
    "a_tab": ("_q =\t1",),
    "a_carriage_return": ("_q = 1\r_r = 2",),
    "control_character": ('_q = "\x07"',),
    "a_constant_by_name": ("_q = CONSTANTS.evil",),
    "constants_as_a_value": ("_q = CONSTANTS",),
    "a_type_that_is_none": ("_q = annotate(torch.evil, 1)",),
    "a_type_that_runs": ("_q = annotate(List[evil(1)], 1)",),
}


def _lines(lines: tuple[str, ...]) -> Callable[[Case], None]:
    return lambda case: case.line(*lines)


for _name, _inserted in _LINES.items():
    KINDS[_name] = _lines(_inserted)


@kind
def unpacks_by_its_own_code(case: Case) -> None:
    case.method(
        '  def __setstate__(self, state: int) -> NoneType:\n    _q = torch.warn("boo")\n    return None\n'
    )


@kind
def packs_by_its_own_code(case: Case) -> None:
    case.method("  def __getstate__(self) -> int:\n    return 1\n")


@kind
def ends_by_its_own_code(case: Case) -> None:
    case.method("  def __del__(self) -> NoneType:\n    return None\n")


@kind
def a_method_named_like_an_operation(case: Case) -> None:
    case.method("  def from_file(self, x: str) -> NoneType:\n    return None\n")
    case.line('_q = ("/etc/passwd").from_file(True)')


@kind
def a_decorator(case: Case) -> None:
    case.method("  @evil\n  def helper(self) -> NoneType:\n    return None\n")


@kind
def any_number_of_arguments(case: Case) -> None:
    case.method("  def helper(self, *x: int) -> NoneType:\n    return None\n")


@kind
def a_default_that_runs(case: Case) -> None:
    case.method('  def helper(self, x: int=open("x")) -> NoneType:\n    return None\n')


@kind
def a_class_that_runs(case: Case) -> None:
    case.method('  evil = open("/etc/passwd")\n')


@kind
def a_constant_that_runs(case: Case) -> None:
    case.method("  evil : Final[int] = len([1])\n")


@kind
def a_base_that_is_unknown(case: Case) -> None:
    case.append("class Evil(Base):\n  pass\n")


@kind
def a_metaclass(case: Case) -> None:
    case.append("class Evil(Module, metaclass=Base):\n  pass\n")


@kind
def code_outside_of_classes(case: Case) -> None:
    case.append('_q = open("/etc/passwd")\n')


@kind
def a_class_defined_twice(case: Case) -> None:
    case.append("class Synth(Module):\n  pass\n")


@kind
def a_method_defined_twice(case: Case) -> None:
    case.method("  def play(self) -> int:\n    return 1\n")


@kind
def no_python(case: Case) -> None:
    case.append("class Evil(:\n")


@kind
def no_text(case: Case) -> None:
    case.files[case.code()] += b"\xff\xfe"


@kind
def ten_thousand_brackets(case: Case) -> None:
    case.append("def f(x: int) -> int:\n  return " + "(" * 10_000 + "1" + ")" * 10_000 + "\n")


@kind
def ten_thousand_minus_signs(case: Case) -> None:
    case.append("def f(x: int) -> int:\n  return " + "-" * 10_000 + "1\n")


@kind
def ten_thousand_points(case: Case) -> None:
    case.append("def f(x: int) -> int:\n  return x" + ".a" * 10_000 + "\n")
