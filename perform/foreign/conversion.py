"""Converting an export or another TorchScript archive to a model file.

scan -> an export of perform: take the model out of it
     -> a RAVE export: rebuild it (`rebuilding`), compare it with the export (`comparison`)
     -> anything else, or if these differ: wrap the module unchanged (`wrapping`), with the player's consent
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perform.core.paths import to_text
from perform.foreign import comparison, consent, rebuilding, wrapping
from perform.foreign.consent import AskConsent
from perform.foreign.module_file import unwrap
from perform.foreign.scan.archive_scan import scan
from perform.library.cards import Card, is_module, read_card
from perform.rave import upstream
from perform.rave.archive import Archive, parse
from perform.rave.export import model_in_export
from perform.rave.model import RAVE
from perform.rave.model_files import load, save


@dataclass(frozen=True)
class ConvertedModel:
    """The result of a conversion.

    rebuilt    : the file holds a RAVE; otherwise the module itself
    ours       : the archive was an export of perform, and its model was taken out of it
    why        : why it was not rebuilt
    difference : largest difference from the export, if they were compared
    delay      : samples, calculated from the layers; the card has the measured delay
    """

    card: Card
    rebuilt: bool
    why: str = ""
    difference: float | None = None
    delay: int | None = None
    ours: bool = False


def convert(
    archive: Archive,
    out: Path,
    texts: dict[str, str],
    *,
    method: str | None = None,
    rate: int | None = None,
    verify: bool = True,
    ask_consent: AskConsent = lambda question: False,
    log: Callable[[str], None] = lambda line: None,
) -> ConvertedModel:
    """Write the model file of an archive to `out`. [disk, slow]

    texts       : the card's name, description and licence
    method      : do not rebuild; play this method of the module
    rate        : sample rate in Hz, for a module that does not say it
    verify      : compare a rebuilt RAVE with its export
    ask_consent : called if running the archive's code needs the player's consent
    WrongUse: the scan or the player refuses the archive. PerformError: it cannot be played.
    """
    scan(archive)
    if method is None:
        if (model := model_in_export(archive)) is not None:
            return _take_out(model, archive.path, out, texts)
        try:
            compare = verify and consent.ask_to_compare(ask_consent)
            return _rebuild(archive, out, texts, compare, log)
        except upstream.Unrecognised as error:
            why = error.what
        except comparison.Different as error:
            why = str(error)
        log(f"not rebuilt ({why}): perform plays the module itself, in a sandbox")
    else:
        why = f"you chose its method {method!r}"
    card = wrapping.wrap_module(archive, out, texts, method, rate, why, ask_consent)
    return ConvertedModel(card, False, why)


def validate(path: Path, ask_consent: AskConsent) -> None:
    """Check that a model file is complete; for a module, ask for consent. WrongUse: it is damaged. [disk]"""
    if is_module(path):
        data, _ = unwrap(path)
        scan(parse(data, path))
        consent.ask(data, path, ask_consent)
    else:
        load(path)


def _take_out(model: RAVE, path: Path, out: Path, texts: dict[str, str]) -> ConvertedModel:
    """Write the model inside an export of perform; its card keeps its texts unless others are given."""
    given = {
        key: value for key, value in texts.items() if value not in ("", "unknown", to_text(path.stem)[:80])
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    save(out, model, {**model.card, **given}, model.gesture)
    return ConvertedModel(read_card(out), True, ours=True)


def _rebuild(
    archive: Archive, out: Path, texts: dict[str, str], compare: bool, log: Callable[[str], None]
) -> ConvertedModel:
    """Rebuild a RAVE export. Unrecognised: it is none that we know. Different: the copy sounds different."""
    model, facts = upstream.convert(archive)
    difference = None
    if compare:
        log("comparing it with the export, in a sandbox")
        difference = comparison.difference(model, facts, archive)
        if not difference <= comparison.TOLERANCE:
            raise comparison.Different(f"rebuilt, it differs by {difference:.2g} from the export")
    card = rebuilding.write(model, facts, archive, out, texts)
    return ConvertedModel(card, True, difference=difference, delay=facts["delay"])
