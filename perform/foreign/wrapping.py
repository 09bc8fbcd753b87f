"""Wrapping a third-party module in a model file, with a card from a probe."""

from __future__ import annotations

from pathlib import Path

from perform.core.files import write_atomically
from perform.core.loudness import LOUDNESS_DB
from perform.foreign import consent, nn_contract, probe
from perform.foreign.consent import AskConsent
from perform.foreign.module_file import wrap
from perform.foreign.rebuilding import import_texts
from perform.foreign.scan.archive_scan import repack
from perform.library.cards import Card
from perform.rave.archive import Archive


def wrap_module(
    archive: Archive,
    out: Path,
    texts: dict[str, str],
    method: str | None,
    rate: int | None,
    why: str,
    ask_consent: AskConsent,
) -> Card:
    """Ask for consent, probe the module, and write its model file to `out`. [disk, slow]

    texts  : the card's name, description and licence
    method : to play; None chooses
    rate   : sample rate in Hz, where the module does not say it
    why    : why the module was not rebuilt, kept in the file
    """
    data = repack(archive)
    consent.ask(data, archive.path, ask_consent)
    sample_rate = nn_contract.sample_rate(archive, rate)
    facts = probe.probe(archive.path, method)
    count = len(facts.inputs)
    card = Card(
        **import_texts(texts, archive),
        sample_rate=sample_rate,
        ratio=facts.frame,
        latents=count,
        full_latents=count,
        channels=facts.channels,
        delay=facts.delay or 0,
        delay_known=facts.delay is not None,
        latent_mean=[0.0] * count,
        latent_std=[1.0] * count,
        latent_p05=[-1.645] * count,
        latent_p95=[1.645] * count,
        loudness_db=LOUDNESS_DB if facts.loudness_db is None else facts.loudness_db,
        loudness_known=facts.loudness_db is not None,
        loudness_lufs=facts.loudness_lufs,
        warm_up=facts.warm_up,
        parameters=sum(int(tensor.size) for tensor in archive.tensors.values()),
    )
    options = {key: getattr(facts, key) for key in ("method", "methods", "inputs", "outputs", "attributes")}
    options |= {"prior": facts.prior, "hears": facts.has_encoder, "why": why}
    write_atomically(out, wrap(data, card, options))
    return card
