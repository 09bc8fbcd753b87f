import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from perform.rave.kernels import kaiser_beta, kaiser_taps, prototype
from perform.rave.pqmf import PQMF


@pytest.mark.parametrize(("attenuation", "error_db"), [(40, -44), (100, -58)])
def test_synthesis_undoes_analysis(attenuation: int, error_db: float) -> None:
    torch.manual_seed(0)
    pqmf = PQMF(16, attenuation)
    x = torch.randn(1, 1, 48000)
    bands, _ = pqmf.analyse(x, pqmf.analysis_state(1))
    y, _ = pqmf.synthesise(bands, pqmf.synthesis_state(1))
    error = y[..., pqmf.delay :] - x[..., : -pqmf.delay]
    assert 20 * math.log10(error.std() / x.std()) < error_db
    assert not torch.allclose(y, x, atol=0.1), "the delay is not 0, so this test can tell"


@pytest.mark.parametrize(("attenuation", "delay"), [(40, 75), (100, 242)])
def test_delay_is_where_an_impulse_comes_out(attenuation: int, delay: int) -> None:
    pqmf = PQMF(16, attenuation)
    x = torch.zeros(1, 1, 1024)
    x[..., 100] = 1
    bands, _ = pqmf.analyse(x, pqmf.analysis_state(1))
    y, _ = pqmf.synthesise(bands, pqmf.synthesis_state(1))
    assert int(y.abs().argmax()) - 100 == pqmf.delay == delay


def test_stop_band() -> None:
    for attenuation in (40, 100):
        response = 20 * np.log10(np.abs(np.fft.rfft(prototype(16, attenuation), 1 << 14)) + 1e-12)
        beyond = response[int(len(response) * 1.05 / 16) :]
        assert beyond.max() < -attenuation
        assert response[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("band", [0, 1, 6, 7, 15])
def test_a_rising_tone_rises_in_its_band(band: int) -> None:
    pqmf = PQMF(16, 100)
    share = 0.25  # of the way up the band
    nyquists = (band + share) / 16
    x = torch.cos(math.pi * nyquists * torch.arange(16 * 1024))[None, None]
    bands, _ = pqmf.analyse(x, pqmf.analysis_state(1))
    energy = bands[0, :, 100:].square().mean(-1)
    assert int(energy.argmax()) == band
    spectrum = torch.fft.rfft(bands[0, band, 512:] * torch.hann_window(512))
    assert int(spectrum.abs().argmax()) == pytest.approx(share * 256, abs=1)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.sampled_from([40, 100]))
def test_streamed_equals_offline(blocks: list[int], attenuation: int) -> None:
    pqmf = PQMF(16, attenuation)
    x = torch.randn(2, 1, sum(blocks) * pqmf.block)
    whole_bands, _ = pqmf.analyse(x, pqmf.analysis_state(2))
    whole, _ = pqmf.synthesise(whole_bands, pqmf.synthesis_state(2))
    analysis, synthesis = pqmf.analysis_state(2), pqmf.synthesis_state(2)
    bands, out = [], []
    for block in torch.split(x, [n * pqmf.block for n in blocks], -1):
        y, analysis = pqmf.analyse(block, analysis)
        back, synthesis = pqmf.synthesise(y, synthesis)
        bands.append(y)
        out.append(back)
    torch.testing.assert_close(torch.cat(bands, -1), whole_bands, atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.cat(out, -1), whole, atol=1e-5, rtol=0)


def test_kaisers_formulas_agree_with_scipy() -> None:
    signal = pytest.importorskip("scipy.signal")
    for attenuation in (25.0, 40.0, 60.0, 100.0):
        taps, beta = signal.kaiserord(attenuation, 0.05)
        assert kaiser_beta(attenuation) == pytest.approx(beta)
        assert abs(kaiser_taps(attenuation, 0.05 * math.pi) - taps) <= 1
