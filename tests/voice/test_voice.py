"""A voice turns the parameter table into latents and latents into sound, the same each time."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from test_sources import PRIOR
from tiny import tiny_model

from perform.core import params
from perform.engine.compiled_model import CompiledModel, CompiledStream
from perform.engine.protocol import PlayableModel
from perform.library.cards import read_card
from perform.voice.sources import CorpusWalk, LoopSource, WalkSource, lively_moments
from perform.voice.voice import Voice
from perform.voice.voice import render as render_together


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny.safetensors")


class Player(Voice):
    """A voice that has its model to itself."""

    def __init__(self, model: PlayableModel, table: np.ndarray, rate: float = 48000) -> None:
        super().__init__(model, 1, rate, table)
        self.model = model

    def render(self, table: np.ndarray) -> np.ndarray:
        return render_together(self.model, [self], [table])[0]


def voice(model: Path, table: np.ndarray, rate: float = 48000) -> Player:
    return Player(CompiledModel(model), table, rate)


def render(player: Player, table: np.ndarray, frames: int = 30) -> np.ndarray:
    return np.concatenate([player.render(table) for _ in range(frames)])


def test_a_voice_goes_when_nothing_refers_to_it(tmp_path: Path) -> None:
    """Hosts collect no cycles, and each song has new voices."""
    priors = tiny_model(tmp_path / "prior.safetensors", prior=PRIOR)
    for path, name in ((tiny_model(tmp_path / "tiny.safetensors"), "hand"), (priors, "prior")):
        table = params.defaults()
        params.set_value(table, "deck/1/source", params.SOURCES.index(name))
        gc.disable()
        try:
            player = voice(path, table)
            render(player, table, 3)
            gone = weakref.ref(player)
            del player
            assert gone() is None
        finally:
            gc.enable()


def test_reset_and_panic_restart_a_voice(model: Path) -> None:
    table = params.defaults()
    params.set_value(table, "deck/1/source", params.SOURCES.index("loop"))
    player = voice(model, table)
    first = render(player, table)
    for action in ("deck/1/reset", "panic"):
        params.trigger(table, action)
        assert np.array_equal(render(player, table), first)


def test_latents_are_source_times_scale_plus_bias(model: Path) -> None:
    table = params.defaults()
    player = voice(model, table)
    params.set_value(table, "deck/1/z/2/bias", 1.5)
    player.render(table)
    assert player.z == pytest.approx([0, 0, 1.5, 0])
    gesture = CompiledModel(model).gesture
    params.set_value(table, "deck/1/source", params.SOURCES.index("loop"))
    params.set_value(table, "deck/1/z/0/scale", -0.5)
    render(player, table, 20)  # the glide from one source to the other is over
    assert player.z == pytest.approx(gesture[19] * [-0.5, 1, 1, 1] + [0, 0, 1.5, 0])


def test_freeze_holds_the_source(model: Path) -> None:
    table = params.defaults()
    for source in ("loop", "walk"):
        params.set_value(table, "deck/1/source", params.SOURCES.index(source))
        player = voice(model, table)
        params.set_value(table, "deck/1/freeze", 0)
        player.render(table)
        player.render(table)
        params.set_value(table, "deck/1/freeze", 1)
        player.render(table)
        held = player.z.copy()
        render(player, table, 10)
        assert np.array_equal(player.z, held)


def test_a_loop_repeats(model: Path) -> None:
    gesture = CompiledModel(model).gesture
    loop = LoopSource(gesture)
    turn = np.array([loop.next(0.5) for _ in range(2 * len(gesture))])
    assert turn[::2] == pytest.approx(gesture)
    assert turn[1::2] == pytest.approx((gesture + np.roll(gesture, -1, axis=0)) / 2, abs=1e-6)
    assert loop.next(0.5) == pytest.approx(gesture[0])


@pytest.mark.parametrize("speed", [0.2, 1, 4])
def test_a_walk_stays_in_the_corpus(model: Path, speed: float) -> None:
    card = read_card(model)
    walk = WalkSource(card, seed=3)
    z = np.array([walk.next(speed) for _ in range(60000)])
    assert z.mean(axis=0) == pytest.approx(card.latent_mean, abs=0.25)
    assert z.std(axis=0) == pytest.approx(card.latent_std, rel=0.15)
    assert np.abs(np.diff(z, axis=0)).max() < 0.35 * speed  # smooth, so that no decoder clicks


@pytest.mark.parametrize("speed", [0.2, 1, 4])
def test_a_walk_through_the_corpus_goes_from_one_lively_moment_to_another(model: Path, speed: float) -> None:
    card, gesture = read_card(model), CompiledModel(model).gesture
    moments = lively_moments(gesture, msgspec.structs.replace(card, latent_words=["", "loud", "", ""]))
    quietest = np.quantile(gesture[:, 1], 0.25)
    assert {*map(tuple, moments)} == {tuple(z) for z in gesture.astype(float) if z[1] >= quietest}
    walk, again = (CorpusWalk(moments, card, seed=3) for _ in range(2))
    z = np.array([walk.next(speed) for _ in range(6000)])
    assert np.array_equal(z, [again.next(speed) for _ in range(6000)])
    low, high = moments.min(axis=0), moments.max(axis=0)
    assert (z >= low - 1e-9).all() and (z <= high + 1e-9).all()
    assert {tuple(one) for one in z} & {tuple(one) for one in moments}, "it arrives there"
    assert np.abs(np.diff(z, axis=0)).max() < 0.35 * speed  # smooth, so that no decoder clicks
    assert np.array_equal(walk.next(0.0), walk.next(0.0)), "speed 0 holds"
    assert not np.array_equal(
        z, np.array([CorpusWalk(moments, card, seed=4).next(speed) for _ in range(6000)])
    )


def test_the_switch_glides_from_one_walk_to_the_other(model: Path) -> None:
    table = params.defaults()
    params.set_value(table, "deck/1/source", params.SOURCES.index("walk"))
    player = voice(model, table)
    free = render(player, table, 40)
    params.set_value(table, "deck/1/walk", 1)
    before = player.source_latents
    player.render(table)
    assert np.abs(player.source_latents - before).max() < 0.5
    render(player, table, 20)
    moments = lively_moments(CompiledModel(model).gesture, read_card(model))
    assert (player.source_latents >= moments.min(axis=0)).all()
    assert np.abs(free).any()


def test_without_a_loop_a_walk_is_free(model: Path) -> None:
    assert lively_moments(np.zeros((0, 4), np.float32), read_card(model)).shape == (0, 4)


def test_a_voice_at_another_rate_keeps_its_pitch(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "other.safetensors", sample_rate=32000)
    table = params.defaults()
    own = render(voice(model, table, 32000), table, 400)[:, 0]
    resampled = render(voice(model, table, 48000), table, 400)[:, 0]
    assert len(resampled) == pytest.approx(len(own) * 1.5, abs=4000)

    def peak_hz(x: np.ndarray, rate: float) -> float:
        x = x[8192 : 8192 + 16384] * np.hanning(16384)
        return float(np.argmax(np.abs(np.fft.rfft(x))[20:]) + 20) * rate / 16384

    assert peak_hz(resampled, 48000) == pytest.approx(peak_hz(own, 32000), abs=6)


def test_nan_or_infinite_output_resets_the_decoder(model: Path) -> None:
    table = params.defaults()

    class Broken(CompiledModel):
        fail = False

        def render(self, streams: Sequence[CompiledStream], z: np.ndarray, noise: np.ndarray) -> np.ndarray:
            y = super().render(streams, z, noise)
            return np.full_like(y, np.nan) if self.fail else y

    playable = Broken(model)
    player = Player(playable, table)
    first = render(player, table, 3)
    playable.fail = True
    assert not player.render(table).any()
    assert player.resets == 1
    playable.fail = False
    assert np.isfinite(render(player, table, 3)).all()
    assert np.isfinite(first).all()


def test_voices_of_one_batch_do_not_affect_each_other(model: Path) -> None:
    """Decoded as one batch, each voice sounds the same as alone."""
    playable = CompiledModel(model)
    tables = [params.defaults() for _ in range(3)]
    for seed, table in enumerate(tables):
        params.set_value(table, "deck/1/source", params.SOURCES.index("walk"))
        params.set_value(table, "deck/1/seed", seed)
    voices = [Voice(playable, 1, 48000, table) for table in tables]
    together = [render_together(playable, voices, tables) for _ in range(30)]
    for n, table in enumerate(tables):
        alone = render(voice(model, table), table)
        assert np.abs(np.concatenate([y[n] for y in together]) - alone).max() < 1e-6


def test_adopting_a_table_restarts_nothing(model: Path) -> None:
    table = params.defaults()
    params.set_value(table, "deck/1/source", params.SOURCES.index("loop"))
    straight = render(voice(model, table), table, 10)
    player = voice(model, table)
    first = render(player, table, 5)
    params.trigger(table, "panic")
    player.adopt(table)
    assert np.array_equal(np.concatenate([first, render(player, table, 5)]), straight)
