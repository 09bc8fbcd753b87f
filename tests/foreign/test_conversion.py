"""An export becomes a model file: rebuilt and compared, or wrapped with the player's consent."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from hostile_archives import spoil
from modules import Bare, Synth, export
from peers.environment import export as genuine
from tiny import tiny_model

from perform.cli import main
from perform.core.errors import PerformError, WrongUse
from perform.engine.compiled_model import CompiledModel
from perform.foreign import comparison, consent, conversion, model_check, probe
from perform.foreign.model_check import check
from perform.foreign.module_file import unwrap
from perform.foreign.opening import open_model, prepare
from perform.library import places
from perform.library.cards import is_module, read_card
from perform.library.model_library import find_model
from perform.rave import upstream
from perform.rave.archive import read
from perform.rave.export import torchscript
from perform.rave.model_files import load

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def verb(*args: str) -> Result:
    """A verb in this process: torch is here already."""
    return CliRunner().invoke(main, list(args))


@pytest.fixture(scope="module")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(Synth(), tmp_path_factory.mktemp("synth") / "synth.ts")


def test_a_module_is_wrapped_after_the_player_consents(synth: Path, tmp_path: Path) -> None:
    refused = verb("models", "import", str(synth))
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert not (places.user("models") / "synth.safetensors").exists()
    done = verb("models", "import", str(synth), "--yes", "--json")
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["name"], said["rebuilt"], said["difference"]) == ("synth", False, None)
    card = read_card(find_model("synth"))
    assert (card.latents, card.channels, card.ratio, card.sample_rate) == (2, 2, 512, 44100)
    assert -30 < card.loudness_db < 6
    assert card.loudness_lufs is not None and abs(card.loudness_lufs - card.loudness_db) < 12
    data, options = unwrap(find_model("synth"))
    assert consent.is_given(data)
    assert options["inputs"] == ["pitch", "level"]
    assert options["attributes"]["gain"] == ["float", "float"]
    again = verb("models", "import", str(synth), "--replace")
    assert again.exit_code == 0, "it was agreed to once"
    assert verb("models", "import", str(synth)).exit_code == 2, "but nothing is overwritten"
    assert "synth" in verb("models", "list").stdout
    info = json.loads(verb("models", "info", "synth", "--json").stdout)
    assert info["kind"].startswith("nn~ module")
    assert info["method"] == "play"
    assert verb("models", "check", "synth").exit_code == 0


def test_a_module_without_a_sample_rate_needs_one_from_the_player(tmp_path: Path) -> None:
    bare = Bare()
    del bare.sampling_rate
    path = export(bare, tmp_path / "bare.ts")
    refused = verb("models", "import", str(path), "--yes")
    assert refused.exit_code == 2
    assert "--rate" in refused.stderr
    done = verb("models", "import", str(path), "--yes", "--rate", "48000", "--name", "plain")
    assert done.exit_code == 0, done.stderr
    assert read_card(find_model("plain")).sample_rate == 48000


def test_a_module_without_consent_does_not_play(synth: Path) -> None:
    with pytest.raises(WrongUse, match=r"not agreed to.*perform models import"):
        open_model(synth)
    conversion.convert(
        read(synth), places.user("models") / "synth.safetensors", _words(), ask_consent=lambda _: True
    )
    (places.user("models") / "confirmed.txt").unlink()
    with pytest.raises(WrongUse, match="not agreed to"):
        open_model(find_model("synth"))


def _words() -> dict[str, str]:
    return {"name": "x", "description": "", "licence": "unknown"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("hang", "hung"),
        ("nan", "not finite"),
        ("shape", "gave"),
        ("raise", "not today"),
    ],
)
def test_a_module_that_misbehaves_is_not_imported(tmp_path: Path, body: str, says: str) -> None:
    path = export(Bare(body), tmp_path / "bare.ts")
    done = verb("models", "import", str(path), "--yes")
    assert done.exit_code == 1
    assert says in done.stderr.splitlines()[-1]
    assert not (places.user("models") / "bare.safetensors").exists()


@pytest.mark.parametrize(
    "kind", ["reads_a_file", "calls_system", "code_twice", "unpacks_by_its_own_code", "a_bomb"]
)
def test_a_hostile_archive_is_refused_by_verb_and_deck(synth: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "evil.ts"
    path.write_bytes(spoil(kind, synth.read_bytes(), 0))
    done = verb("models", "import", str(path), "--yes", "--method", "play")
    assert done.exit_code == 2
    assert len(done.stderr.strip().splitlines()) == 1
    with pytest.raises(WrongUse, match=r"evil\.ts"):
        open_model(path)
    assert not list(places.cache().glob("*"))


def test_a_run_of_rave_is_answered_with_what_to_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "version_0").mkdir(parents=True)
    checkpoint = run / "version_0" / "best.ckpt"
    torch.save({"state_dict": {"a": torch.zeros(3)}}, checkpoint)
    for path, says in (
        (run, "a folder of RAVE's training"),
        (checkpoint, "a checkpoint, not a TorchScript module"),
    ):
        done = verb("models", "import", str(path))
        assert done.exit_code == 2 and len(done.stderr.strip().splitlines()) == 1
        assert says in done.stderr and "rave export --run FOLDER --streaming" in done.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "name a file in it" in verb("models", "import", str(empty)).stderr


def test_only_a_complete_model_file_is_copied(tmp_path: Path) -> None:
    path = tiny_model(tmp_path / "mine.safetensors")
    assert verb("models", "import", str(path)).exit_code == 0
    assert find_model("mine").read_bytes() == path.read_bytes()
    assert verb("models", "check", "mine", "--json").exit_code in (0, 1)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(path.read_bytes()[:-100])
    done = verb("models", "import", str(broken))
    assert done.exit_code == 2
    assert "cut short" in done.stderr


@pytest.mark.parametrize("name", ["storm", "bells"])
def test_a_bundled_model_is_as_loud_as_its_card_says(shared_cache: None, name: str) -> None:
    """Its loop has loud and soft parts; the card has the loudness of all of it."""
    path = find_model(name)
    assert check(path)["loudness_db"] == pytest.approx(read_card(path).loudness_db, abs=1)


def test_a_model_is_compared_with_an_export_of_perform(shared_cache: None, tmp_path: Path) -> None:
    export = tmp_path / "a.ts"
    export.write_bytes(torchscript(load(tiny_model(tmp_path / "a.safetensors")), 1))
    other = tiny_model(tmp_path / "b.safetensors", seed=1)
    assert verb("models", "import", str(export), "--name", "again").exit_code == 0
    assert model_check._compare(find_model("again"), export) == {"difference": 0.0}
    refused = verb("models", "check", str(other), "--against", str(export))
    assert refused.exit_code == 1 and "from a.ts; import that file again" in refused.stderr


EXPORTS = ("v2_small", "noise", "v1", "discrete", "wasserstein", "stereo", "v2_offline", "widened", "v3")


@pytest.mark.parametrize("name", EXPORTS)
def test_a_rebuilt_export_sounds_the_same(tmp_path: Path, name: str) -> None:
    out = tmp_path / "made.safetensors"
    made = conversion.convert(read(genuine(name)), out, _words())
    assert made.rebuilt
    assert made.difference is not None
    assert made.difference < comparison.TOLERANCE
    card = read_card(out)
    assert card == made.card
    if name in ("v2_small", "v1", "stereo"):  # causal and discrete nets answer when their weights say
        assert card.delay == pytest.approx(made.delay, abs=2 * card.ratio)
    assert not is_module(out)


def test_a_rebuilt_model_that_sounds_different_is_wrapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison detects a change of one percent in one weight tensor."""
    archive = read(genuine("v2_small"))
    model, facts = upstream.convert(archive)
    assert comparison.difference(model, facts, archive) < comparison.TOLERANCE
    with torch.no_grad():
        next(model.decoder.parameters()).mul_(1.01)
    assert comparison.difference(model, facts, archive) > comparison.TOLERANCE
    monkeypatch.setattr(upstream, "convert", lambda archive: (model, facts))
    made = conversion.convert(archive, tmp_path / "made.safetensors", _words(), ask_consent=lambda _: True)
    assert not made.rebuilt
    assert "differs by" in made.why
    assert is_module(tmp_path / "made.safetensors")


def test_a_module_that_is_not_a_rave_is_named_and_wrapped(tmp_path: Path) -> None:
    made = conversion.convert(
        read(genuine("recurrent")), tmp_path / "made.safetensors", _words(), ask_consent=lambda _: True
    )
    assert not made.rebuilt
    assert "unknown block rave.blocks.GRU" in made.why


def test_an_export_loaded_into_a_deck_is_converted_once(tmp_path: Path) -> None:
    path = genuine("v2_small")
    made = prepare(path)
    stamp = made.stat().st_mtime_ns
    assert prepare(path) == made
    assert made.stat().st_mtime_ns == stamp
    assert prepare(made) == made
    model = open_model(path)
    assert isinstance(model, CompiledModel)
    assert model.card.ratio == 512


def test_the_verb_prints_what_it_measured(tmp_path: Path) -> None:
    done = verb("models", "import", str(genuine("causal")), "--name", "c", "--licence", "CC0", "--json")
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["rebuilt"]
    assert said["difference"] < 1e-3
    assert "64 frames" in done.stderr
    assert read_card(find_model("c")).licence == "CC0"
    assert check(find_model("c"), genuine("causal"))["difference"] < 1e-3
    with pytest.raises(PerformError, match="differs"):
        check(find_model("c"), genuine("v2"))
    done = verb("models", "import", str(genuine("causal")), "--name", "d", "--no-verify", "--json")
    assert json.loads(done.stdout)["difference"] is None


def test_a_module_is_probed_in_a_sandbox(synth: Path) -> None:
    facts = probe.probe(synth, None)
    assert (facts.method, facts.frame, facts.channels) == ("play", 512, 2)
    if sys.platform == "linux":
        assert facts.sandbox == "the system keeps it from files, network and other programs"


def test_a_method_that_a_module_lacks_is_wrong_use(synth: Path) -> None:
    with pytest.raises(WrongUse, match=r"has no method 'sing'; it offers .*play"):
        probe.probe(synth, "sing")


def test_consent_is_remembered() -> None:
    assert not consent.is_given(b"one")
    consent.give(b"one", "A model / with\nodd name")
    consent.give(b"two", "two")
    assert consent.is_given(b"one")
    assert not consent.is_given(b"three")
    assert len((places.user("models") / "confirmed.txt").read_text().splitlines()) == 2
