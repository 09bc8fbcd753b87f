"""Tables and commands in the docs are compared with the code: a wrong, missing or extra row fails."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import msgspec
import pytest
import soundfile

from perform import cli
from perform.control import mapping_files
from perform.control.binding import Binding, Mode
from perform.control.control_names import Encoding, Kind, clicks
from perform.control.hand import Takeover
from perform.core.arena_layout import METER_SLOTS
from perform.core.errors import WrongUse
from perform.core.params import (
    SOURCES,
    SPECS,
)
from perform.core.spec import Curve
from perform.tui.page_keys import LATENTS as LATENT_KEYS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), ROOT / "README.md"])


def tables(text: str) -> dict[tuple[str, ...], list[list[str]]]:
    """Every table of a page: its headings -> its rows, each cell without the spaces around it."""
    found: dict[tuple[str, ...], list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            rows = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if set("".join(cells)) <= set("-") and rows:
            rows = found.setdefault(tuple(rows[0]), [])
        else:
            rows.append(cells)
    return found


def page(name: str) -> str:
    return (DOCS / name).read_text()


def section(text: str, title: str) -> str:
    """What stands under a heading, up to the next one."""
    return re.split(r"^#+ ", text.split(f"\n{title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def code(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


# ---------------------------------------------------------------- docs/parameters.md


PARAMETERS = runpy.run_path(str(DOCS / "parameters_page.py"))


def test_parameter_pages_are_what_their_script_makes_of_the_table() -> None:
    """The script fails where a parameter has no words, or words have no parameter."""
    for name, made in PARAMETERS["pages"]().items():
        assert page(name) == made, "run: python docs/parameters_page.py"


def test_the_script_writes_ranges_and_defaults_as_players_read_them() -> None:
    shown = {PARAMETERS["pattern"](address): PARAMETERS["shown"](spec) for address, spec in SPECS.items()}
    for address, facts in (
        ("deck/N/gain", ("-60..12 dB", "0")),
        ("deck/N/source", (", ".join(SOURCES), "hand")),
        ("deck/N/attribute/K", ("any number", "own")),
        ("deck/N/file/play", ("action", "")),
        ("scene/recall", ("-, 1..8", "-")),
        ("steps/M/value/K", ("0..1", "0.5")),
    ):
        assert shown[address] == facts
    assert "lfo 1..8" in shown["hold/M/of"][0] and "finger 1..10 bend" in shown["hold/M/of"][0]


def test_the_meters_that_the_parameters_name_exist() -> None:
    for meter in re.findall(r"`(deck/N/(?:in|z)/I)`", page("parameters.md")):
        assert meter.replace("N", "1").replace("I", "0") in METER_SLOTS


# ---------------------------------------------------------------- controllers

CONTROLLERS = "".join(
    page(f"{name}.md") for name in ("controllers", "mapping-files", "mapping-controls", "device-files")
)
MAPPINGS = page("mappings.md")


def test_controllers_lists_every_key_of_a_binding() -> None:
    rows = tables(CONTROLLERS)["key", "means", "left out"]
    assert [code(row[0]) for row in rows] == [[f.encode_name] for f in msgspec.structs.fields(Binding)]
    curves = next(row[1] for row in rows if row[0] == "`curve`")
    assert [curve.strip('"') for curve in code(curves)] == list(get_args(Curve))
    takeovers = tables(CONTROLLERS)["takeover", "what a knob does while its parameter has another value"]
    assert [code(row[0])[0] for row in takeovers] == list(get_args(Takeover))


def test_controllers_lists_every_kind_of_control_and_its_last_number() -> None:
    rows = tables(CONTROLLERS)["`control`", "is", "pressed like a button"]
    named = [text.strip('"') for row in rows for text in code(row[0])]
    assert {name.split()[0] for name in named} == set(get_args(Kind))
    for row in rows:
        for name in code(row[0]):
            assert Binding(name.strip('"'), "deck/1/tune").is_pressed == (row[2] == "yes")
    for kind, least in (("cc", 0), ("note", 0), ("program", 1)):
        first, last = next(
            code(row[0]) for row in rows if row[0].startswith(f'`"{kind} ') and " to " in row[0]
        )
        assert first.strip('"') == f"{kind} {least}"
        with pytest.raises(WrongUse):
            Binding(f"{kind} {int(last.strip(chr(34)).split()[1]) + 1}", "xfade")


def test_controllers_lists_every_encoding_with_its_values() -> None:
    rows = tables(CONTROLLERS)["`as`", "one step right, one step left", "also called"]
    assert ["absolute", *(code(row[0])[0].strip('"') for row in rows)] == list(get_args(Encoding))
    for encoding, row in zip(get_args(Encoding)[1:], rows, strict=True):
        assert [clicks(encoding, int(value)) for value in row[1].split(", ")] == [1, -1]


def test_controllers_lists_every_mode_and_what_it_is_the_default_for() -> None:
    rows = tables(CONTROLLERS)["mode", "what it does", "default for"]
    assert [code(row[0])[0] for row in rows] == list(get_args(Mode))
    defaults = {code(row[0])[0]: row[2] for row in rows}
    for control in ("cc 1", "nrpn 1/2", "rpn 0/5", "bend", "pressure", "poly 60", "program"):
        assert control.split()[0] in defaults[Binding(control, "xfade").effective_mode].split(", ")
    assert defaults[Binding("note 1", "xfade").effective_mode] == "notes that move a value, fingers"
    assert defaults[Binding("note 1", "deck/1/mute").effective_mode] == "notes that move choices"
    assert defaults[Binding("note 1", "panic").effective_mode] == "actions"


def run(cell: str) -> list[str]:
    """`a 1` to `a 3` -> a 1, a 2, a 3; else the texts as they stand."""
    texts = code(cell) or cell.split(" to ")
    if " to " not in cell:
        return texts
    first, last = (re.split(r"(\d+)", text) for text in texts)
    (place,) = (i for i, (a, b) in enumerate(zip(first, last, strict=True)) if a != b)
    numbers = range(int(first[place]), int(last[place]) + 1)
    return ["".join([*first[:place], str(n), *first[place + 1 :]]) for n in numbers]


def bindings(row: list[str]) -> Iterator[Binding]:
    """The bindings that a row of a table of a mapping stands for."""
    _, sends, moves, reach, mode = row
    reach, audible = reach.replace("audible", "").rstrip(", "), "audible" in reach
    sends, _, channel = sends.partition(", channel ")
    controls, addresses = run(sends), run(moves)
    values = run(reach) if " to " in reach else [reach] if reach and ".." not in reach else []
    if values:
        ranges: list[tuple[float, float] | None] = [(float(value), float(value)) for value in values]
    else:
        low, _, high = reach.partition("..")
        ranges = [(float(low), float(high)) if reach else None] * len(controls)
    addresses = addresses * len(controls) if len(addresses) == 1 else addresses
    modes: dict[str, Mode | None] = {"": None} | {name: name for name in get_args(Mode)}
    for control, to, ends in zip(controls, addresses, ranges, strict=True):
        yield Binding(
            control, to, int(channel) if channel else None, range=ends, mode=modes[mode], audible=audible
        )


def plain(binding: Binding) -> str:
    """The binding; a value that each press sets is written as a range of equal ends."""
    if binding.value is not None:
        binding = msgspec.structs.replace(binding, value=None, range=binding.ends)
    return repr(binding)


@pytest.mark.parametrize("path", sorted(mapping_files.bundled().glob("*.toml")), ids=lambda path: path.stem)
def test_controllers_lists_every_bind_of_the_bundled_mappings(path: Path) -> None:
    bundled = mapping_files.load(path)
    rows = tables(section(MAPPINGS, f"## {bundled.name}"))
    (listed,) = rows.values()
    documented = [binding for row in listed for binding in bindings(row)]
    assert sorted(map(repr, documented)) == sorted(map(plain, bundled.bindings))


def test_mappings_page_is_what_its_script_makes_of_the_mappings() -> None:
    made = runpy.run_path(str(DOCS / "mappings_page.py"))["page"]()
    assert made == MAPPINGS, "run: python docs/mappings_page.py"


# ---------------------------------------------------------------- keys


def test_keys_page_is_what_its_script_makes_of_the_keys() -> None:
    made = runpy.run_path(str(DOCS / "keys_page.py"))["page"]()
    assert page("keys.md") == made, "run: python docs/keys_page.py"


def test_screen_page_names_only_keys_of_the_latent_screen() -> None:
    keys = {name for key in LATENT_KEYS for name in key.shown.split()}
    rows = tables(section(page("screen.md"), "## Latents"))["key", ""]
    assert rows
    assert {name for row in rows for name in code(row[0])} <= keys


def test_playing_page_lists_every_source() -> None:
    rows = tables(page("playing.md"))["source", ""]
    assert [name for row in rows for name in code(row[0])] == list(SOURCES)


# ---------------------------------------------------------------- commands


def commands(text: str) -> Iterator[str]:
    """Every `perform ...` of a page: in code blocks (lines that go on are joined) and between backticks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for block in blocks:
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.search(r"(?:^|[\s/])(perform(?: .*)?$)", line.partition("  #")[0]):
                yield found[1]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (found for found in re.findall(r"`([^`]+)`", prose) if found.startswith("perform "))


def options(command: click.Command) -> set[str]:
    own = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    own |= {"--help", "-h", "--version"}
    if isinstance(command, click.Group):
        own |= {name for sub in command.commands.values() for name in options(sub)}
    return {name for name in own if name.startswith("-")}


def check_command(text: str) -> None:
    """The verb is one, and so is each option of it."""
    words = shlex.split(re.sub(r"\s{3,}.*", "", text).replace("[", "").replace("]", ""))[1:]
    command: click.Command = cli.main
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    if command is cli.main and words and not words[0].startswith("-"):
        command = cli.main.commands["open"]  # `perform SET`
    for word in words:
        name = word.partition("=")[0]
        if re.fullmatch(r"--?[a-z][a-z-]*", name):
            assert name in options(command), f"`{text}`: {command.name} has no {name}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_in_the_docs_exist(path: Path) -> None:
    for text in commands(path.read_text()):
        check_command(text)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_options_in_the_docs_exist(path: Path) -> None:
    scripts = "".join(script.read_text() for script in DOCS.glob("*.py"))
    there = options(cli.main) | set(re.findall(r"--[a-z][a-z-]*", scripts))
    for text in re.findall(r"`(--[a-z][a-z-]*)[^`]*`", path.read_text()):
        assert text in there, f"no command has {text}"


def test_verbs_page_is_what_its_script_makes_of_the_helps() -> None:
    made = runpy.run_path(str(DOCS / "verbs_page.py"))["page"]()
    assert page("verbs.md") == made, "run: python docs/verbs_page.py"


def test_man_page_is_what_its_script_makes_of_the_helps() -> None:
    made = runpy.run_path(str(DOCS / "man_page.py"))["page"]()
    assert (DOCS / "perform.1").read_text() == made, "run: python docs/man_page.py"
    assert ".SS perform render\n" in made


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_groff_formats_the_man_page_without_a_warning() -> None:
    command = ["groff", "-man", "-Tutf8", "-ww", "-K", "utf8", str(DOCS / "perform.1")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "perform render last -o - | aplay" in done.stdout


def test_every_help_has_an_example_whose_options_exist() -> None:
    for part in page("verbs.md").split("\n## ")[1:]:
        name = part.partition("\n")[0]
        examples = [line.strip() for line in part.splitlines() if re.match(" {2,6}perform ", line)]
        assert examples, f"`{name} --help` has no example"
        for text in examples:
            check_command(text)


def test_every_verb_is_in_the_docs() -> None:
    text = "\n".join(path.read_text() for path in PAGES if path.name != "verbs.md")
    for name in cli.main.commands:
        assert re.search(rf"perform {name}\b", text), f"no page shows `perform {name}`"


def test_tables_reads_a_table() -> None:
    found = tables("| a | |\n| --- | --- |\n| `1` | x |\n\ntext\n| b |\n| --- |\n| 2 |\n")
    assert found == {("a", ""): [["`1`", "x"]], ("b",): [["2"]]}
    assert run("`cc 1` to `cc 3`") == ["cc 1", "cc 2", "cc 3"]


# ---------------------------------------------------------------- links and the map

GENERATED = {"keys.md", "verbs.md", "mappings.md"}
LINKING = [*PAGES, *ROOT.glob("[A-Z]*.md"), *ROOT.glob("models/**/*.md")]


def anchors(text: str) -> list[str]:
    """The anchors of the headings, outside of code blocks, as GitHub makes them."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"(?m)^#+ (.*)$", prose)
    ]


@pytest.mark.parametrize("path", LINKING, ids=lambda path: path.name)
def test_links_lead_to_a_page_and_a_heading(path: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", prose):
        if target.startswith(("http", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        linked = path.parent / name if name else path
        assert linked.exists(), target
        if anchor:
            assert anchors(linked.read_text()).count(anchor) == 1, target


def test_docs_name_only_files_that_exist() -> None:
    found = []
    for path in [*DOCS.glob("*.md"), ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"]:
        names = re.findall(r"`((?:[a-z]\w*/)+[\w.]+\.py)`", path.read_text("utf-8"))
        found += [(path.name, name) for name in names]
    assert len(found) > 50
    places = (ROOT, ROOT / "perform")
    assert [(page, name) for page, name in found if not any((it / name).exists() for it in places)] == []


def test_code_names_only_pages_that_exist() -> None:
    names = {page.stem for page in DOCS.glob("*.md")}
    found = []
    for script in [*ROOT.glob("perform/**/*.py"), *ROOT.glob("tests/**/*.py"), *DOCS.glob("*.py")]:
        text = script.read_text("utf-8")
        found += [(script, name) for name in re.findall(r"docs/([\w-]+)\.md", text)]
        found += [(script, name) for name in re.findall(r"`perform docs ([a-z][\w-]*)", text)]
    assert len(found) > 10
    assert [(script, name) for script, name in found if name not in names] == []


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_a_page_has_one_title_says_who_needs_it_and_has_few_words(path: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert len(re.findall(r"(?m)^# ", prose)) == 1
    assert not re.search(r"\|\n\n\|", prose), "an empty line cuts a table in two"
    assert prose.split("\n\n")[1].startswith("Read this page "), "say first who needs the page"
    assert path.name in GENERATED or len(path.read_text().split()) <= 1200, "split it by what a reader wants"


def test_the_map_lists_every_page_once() -> None:
    listed = re.findall(r"\]\((\w[\w-]*\.md)\)", page("index.md"))
    assert sorted(listed) == sorted(path.name for path in DOCS.glob("*.md") if path.name != "index.md")


# ---------------------------------------------------------------- the site and its sounds


def pages_of(entries: list[dict[str, object]]) -> Iterator[str]:
    """The pages that a navigation names."""
    for entry in entries:
        for target in entry.values():
            yield from pages_of(target) if isinstance(target, list) else [str(target)]


def test_the_sites_navigation_names_every_page_once_in_the_order_of_the_map() -> None:
    site = runpy.run_path(str(DOCS / "site_pages.py"))
    named = list(pages_of(site["nav"]()))
    mapped = re.findall(r"\]\((\w[\w-]*\.md)\)", page("index.md"))
    assert [name.removeprefix("docs/") for name in named if name.startswith("docs/")] == ["index.md", *mapped]
    markdown = [name for name in site["files"]() if name.endswith(".md")]
    assert sorted(named) == sorted(markdown)
    assert all((ROOT / name).is_file() for name in named)
    assert "docs/site_pages.py" in (ROOT / "mkdocs.yml").read_text()


def test_the_site_has_every_file_that_a_page_links_to() -> None:
    shown = set(runpy.run_path(str(DOCS / "site_pages.py"))["files"]())
    for name in [name for name in shown if name.endswith(".md")]:
        prose = re.sub(r"^```.*?^```", "", (ROOT / name).read_text(), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\(([^)#]+)", prose):
            if not target.startswith(("http", "mailto:")):
                linked = ((ROOT / name).parent / target).resolve().relative_to(ROOT).as_posix()
                assert linked in shown, f"{name} links to {target}"


def test_each_bundled_voice_can_be_heard() -> None:
    samples = set(re.findall(r"\]\(sounds/(\w+)\.ogg\)", page("voices.md")))
    assert samples == {path.stem for path in ROOT.glob("models/*.safetensors")}
    assert samples == {path.stem for path in DOCS.glob("sounds/*.ogg")}
    for name in samples:
        sound, rate = soundfile.read(DOCS / "sounds" / f"{name}.ogg")
        assert len(sound) == 10 * rate
        assert abs(sound).max() > 0.05
