"""The spectral distance with its gradient, and the penalties on the latents."""

from __future__ import annotations

import torch
from pytest import approx

from perform.rave.pqmf import PQMF
from perform.train.bottleneck_training import discrepancy, divergence
from perform.train.losses import FLOOR, FULL_SCALES, audio_distance, spectral_distance


def plain(x: torch.Tensor, y: torch.Tensor, scales: tuple[int, ...]) -> torch.Tensor:
    """The distance as the paper writes it, for autograd."""
    total = x.new_zeros(())
    for size in scales:
        window = torch.hann_window(size)
        window = window / window.sum() * 2
        a, b = (
            (torch.view_as_real(torch.stft(s, size, size // 4, window=window, return_complex=True)).square())
            .sum(-1)
            .add(FLOOR**2 * 1e-2)
            .sqrt()
            for s in (x, y)
        )
        total = total + (a - b).norm() / a.norm() + ((a + FLOOR).log() - (b + FLOOR).log()).abs().mean()
    return total


def test_distance_and_gradient_equal_those_of_autograd() -> None:
    for length in (4096, 4101, 1500):
        x, y = 0.1 * torch.randn(3, length), (0.1 * torch.randn(3, length)).requires_grad_()
        ours, theirs = spectral_distance(x, y, FULL_SCALES), plain(x, y, FULL_SCALES)
        assert ours.item() == approx(theirs.item(), rel=1e-5)
        (slope,), (wanted,) = (torch.autograd.grad(3 * loss, y) for loss in (ours, theirs))
        assert torch.allclose(slope, wanted, atol=1e-5 * float(wanted.abs().max())), length


def test_distance_depends_on_level_and_pitch_and_not_on_phase() -> None:
    time = torch.arange(16000) / 16000
    tone = 0.5 * torch.sin(2 * torch.pi * 440 * time)[None]
    shifted = 0.5 * torch.cos(2 * torch.pi * 440 * time)[None]
    other = 0.5 * torch.sin(2 * torch.pi * 880 * time)[None]
    assert spectral_distance(tone, tone, FULL_SCALES) == 0
    near = spectral_distance(tone, shifted, FULL_SCALES)
    assert near < 0.3 * spectral_distance(tone, other, FULL_SCALES)
    assert near < 0.3 * spectral_distance(tone, 0.1 * tone, FULL_SCALES)
    pqmf = PQMF(4, 40)
    assert audio_distance(tone[None], other[None], pqmf) > spectral_distance(tone, other, FULL_SCALES)


def test_distance_has_a_finite_gradient_at_silence() -> None:
    for x in (torch.zeros(1, 4096), torch.full((1, 4096), 0.1)):
        y = torch.zeros(1, 4096, requires_grad=True)
        torch.autograd.backward(spectral_distance(x, y, FULL_SCALES))
        assert y.grad is not None
        assert torch.isfinite(y.grad).all()


def test_the_divergence_of_a_standard_normal_is_zero() -> None:
    mean, std = torch.zeros(2, 6, 5), torch.ones(2, 6, 5)
    assert divergence(mean, std) == 0
    assert divergence(mean + 1, std) == approx(3)


def test_discrepancy_grows_as_latents_differ_from_a_normal() -> None:
    normal, other = torch.randn(4, 2, 200), torch.randn(4, 2, 200)
    near, shifted, narrow = (discrepancy(z, normal) for z in (other, other + 2, 0.1 * other))
    assert abs(float(near)) < 0.01
    assert min(float(shifted), float(narrow)) > 5 * abs(float(near))
