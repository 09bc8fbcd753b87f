"""Several configurations applied in order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perform.core.errors import WrongUse
from perform.rave.combined_config import MISSING, PARTS, combined
from perform.rave.config import PRESETS

V2 = PRESETS["v2"]


@pytest.mark.parametrize("name", PRESETS)
def test_one_name_is_the_config_of_that_name(name: str) -> None:
    assert combined([name]) == PRESETS[name]


def test_a_part_keeps_what_it_does_not_set() -> None:
    assert combined(["v2", "causal"]) == replace(V2, padding="causal") == PRESETS["causal"]
    assert combined(["v1", "causal"]) == replace(PRESETS["v1"], padding="causal")
    assert combined(["v2", "snake", "adain"]) == PRESETS["v3"]
    assert combined(["discrete", "snake"]) == PRESETS["discrete_v3"]
    assert combined(["live", "wasserstein"]).encoder == "spectral"
    assert combined(["v2_small", "noise"]).noise_hidden == PRESETS["noise"].noise_hidden
    after_discrete = combined(["discrete", "spherical"])
    assert (after_discrete.bottleneck, after_discrete.codebook) == ("spherical", 0)
    assert after_discrete.ratios == PRESETS["discrete"].ratios
    assert set(PARTS) - {"snake", "adain"} <= PRESETS.keys()


def test_a_whole_config_keeps_only_the_parts_that_it_does_not_name() -> None:
    assert combined(["causal", "v2"]) == PRESETS["causal"]
    assert combined(["noise", "v2"]) == PRESETS["noise"]
    assert combined(["snake", "adain", "v2"]) == PRESETS["v3"]
    assert combined(["noise", "v1"]) == PRESETS["v1"], "v1 has a noise synthesiser of another kind"
    assert combined(["wasserstein", "v2"]) == V2
    assert combined(["causal", "live"]) == PRESETS["live"], "ours names everything"
    assert combined(["live", "v2"]) == V2


@pytest.mark.parametrize("name", MISSING)
def test_what_cannot_be_trained_is_refused_with_what_to_use(name: str) -> None:
    with pytest.raises(WrongUse, match=f"there is no config {name} here: ") as refused:
        combined(["v2", name])
    assert refused.value.hint and refused.value.hint.startswith("use --")


def test_configs_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(WrongUse, match="a pitched model"):
        combined(["live_pitch", "causal"])
