"""Sources from outside the voice: live input, file, another deck; no gaps, and the delay that is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tiny import tiny_model

from perform.audio.mixer import Mixer
from perform.control.binding import Binding
from perform.control.mapping import Mapping
from perform.control.port_routes import RoutedLayer
from perform.control.router import ControlRouter
from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import LANE, lanes_of
from perform.core.messages.host_messages import DeckAssignment, FileAssignment
from perform.engine.compiled_model import CompiledModel
from perform.engine.file_latents import FileLatents
from perform.engine.protocol import PlayableModel
from perform.library.cards import read_card
from perform.library.matrices import LatentMatrix, MatrixSide, by_variance, save
from perform.rave.config import PriorConfig
from perform.voice.assignments import Assignments
from perform.voice.file_source import FileSource
from perform.voice.lane_context import LaneContext, followed_deck
from perform.voice.shaping import LatentShaping
from perform.voice.voice import Voice, render

RATE, BLOCK = 48000, 256
PRIOR = PriorConfig(latents=4, resolution=8, width=8, skip=16, kernel=3, layers=4, cycle=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny.safetensors")


class Rig:
    """A mixer and voices without a clock; `frames`: when each frame sounds, and its latents."""

    def __init__(self, arena: Arena, *playables: PlayableModel) -> None:
        self.arena, self.voices, self.assignments = arena, {}, {}
        for deck, model in enumerate(playables, 1):
            lane = lanes_of(deck)[0]
            arena.lanes[lane, LANE["live"]] = arena.lanes[lane, LANE["gate"]] = 1
            params.set_value(arena.table, f"deck/{deck}/temperature", 0)
            self.assignments[deck] = Assignments(model, print, wait=True)
            context = LaneContext(arena, lane, self.assignments[deck])
            self.voices[deck] = (
                model,
                context,
                Voice(model, deck, RATE, arena.table, context),
                arena.rings[lane],
            )
        self.mixer = Mixer(arena, RATE, opening=(1.0, 1.0))
        self.frames: dict[int, list[tuple[int, np.ndarray]]] = {deck: [] for deck in self.voices}

    def put(self, **values: float) -> None:
        for name, value in values.items():
            params.set_value(self.arena.table, name.replace("_", "/"), value)

    def source(self, deck: int, name: str) -> None:
        params.set_value(self.arena.table, f"deck/{deck}/source", params.SOURCES.index(name))

    def play(self, sound: np.ndarray, slack: int = 400) -> np.ndarray:
        """(frames,) in, (frames, 2) out."""
        parts = []
        for at in range(0, len(sound) - BLOCK + 1, BLOCK):
            for deck, (model, context, voice, ring) in self.voices.items():
                while ring.fill < BLOCK:
                    voice.apply(self.arena.table)
                    if voice.encoder_input:
                        voice.encoder_input.follow(context.next_sounds_at(), slack, BLOCK / 2)
                    sounds = context.next_sounds_at()
                    ring.write(render(model, [voice], [self.arena.table])[0])
                    self.frames[deck].append((sounds, voice.z.copy()))
            out = np.zeros((BLOCK, 2), np.float32)
            self.mixer.fill(out, np.repeat(sound[at : at + BLOCK, None], 2, 1).astype(np.float32))
            parts.append(out)
        return np.concatenate(parts)

    def z(self, deck: int) -> np.ndarray:
        return np.stack([z for _, z in self.frames[deck]])


def noise(frames: int, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(frames).astype(np.float32)


@pytest.mark.parametrize("source", params.SOURCES)
def test_the_same_seed_gives_the_same_samples(tmp_path: Path, source: str) -> None:
    """With each source really playing: every one but the hand gives latents that move."""
    path = tiny_model(tmp_path / "dreaming.safetensors", prior=PRIOR)
    model, file = CompiledModel(path), sound_file(tmp_path / "rain.wav")

    def played(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
        arena = Arena.create(tmp_path / f"{name}.arena")
        arena.set_meter("rate", RATE)
        arena.set_meter("burst", BLOCK)
        arena.lanes[lanes_of(1)[0], LANE["file"]] = 7
        rig = Rig(arena, model, model)
        decks = {deck: DeckAssignment(str(path), model.sha256) for deck in (1, 2)}
        rig.assignments[1].update(decks, {1}, {7: FileAssignment(str(file), 1)})
        rig.source(1, source)
        rig.source(2, "walk")
        rig.put(deck_1_seed=seed, deck_1_temperature=1, deck_1_from=1, deck_2_mute=1)
        rig.put(input_open=1, input_gate=params.GATE_FLOOR_DB)
        return rig.play(noise(RATE // 4)), rig.z(1)

    (one, z), (two, same) = played("one", 7), played("two", 7)
    assert np.array_equal(one, two)
    assert np.array_equal(z, same)
    assert one.any()
    if source == "hand":
        assert not z.any()
    else:
        assert z[20:].std(axis=0).max() > 0.02
    other, other_z = played("three", 8)
    assert not np.array_equal(one, other)
    assert np.array_equal(z, other_z) == (source not in ("walk", "prior"))


@pytest.mark.parametrize("slack", [256, 400, 1000])
def test_the_input_gives_the_latents_of_the_encoder(arena: Arena, model: Path, slack: int) -> None:
    playable = CompiledModel(model)
    rig = Rig(arena, playable)
    rig.source(1, "input")
    rig.put(input_open=1, input_gate=params.GATE_FLOOR_DB)
    sound = noise(RATE // 2)
    rig.play(sound, slack)
    voice, ratio = rig.voices[1][2], playable.card.ratio
    begins = [sounds - slack - ratio for sounds, _ in rig.frames[1]]
    assert set(np.diff(begins)) == {ratio}
    encoder, stream, wrong = playable.encoder, playable.encoder.stream(), []
    for begin, heard in zip(begins, rig.z(1), strict=True):
        if begin >= 0:
            z = encoder.encode([stream], sound[None, None, begin : begin + ratio])[0]
            wrong.append(np.abs(z - heard).max())
    assert max(wrong[60:]) < 1e-4
    assert voice.input_delay == pytest.approx(slack + ratio + playable.card.delay)


def test_at_another_rate_the_input_has_no_gaps_and_the_shown_delay(arena: Arena, tmp_path: Path) -> None:
    model = CompiledModel(tiny_model(tmp_path / "other.safetensors", sample_rate=44100))
    rig = Rig(arena, model)
    rig.source(1, "input")
    rig.put(input_open=1, input_gate=params.GATE_FLOOR_DB)
    rig.play(noise(2 * RATE))
    encoder_input = rig.voices[1][2].encoder_input
    assert encoder_input
    begun = encoder_input.delay
    rig.play(noise(4 * RATE))
    assert encoder_input.delay == begun  # it never had to be put right
    lag = rig.frames[1][-1][0] - encoder_input.end
    assert 400 - encoder_input.delay <= lag <= 400 + model.card.ratio * RATE / 44100
    assert begun > 400 + model.card.ratio * RATE / 44100


def test_input_from_before_a_gap_is_skipped(arena: Arena, model: Path) -> None:
    """After a gap the delay is the same as before."""
    playable = CompiledModel(model)
    rig = Rig(arena, playable)
    rig.source(1, "input")
    rig.put(input_open=1, input_gate=params.GATE_FLOOR_DB)
    rig.play(noise(RATE // 4))
    silence = np.zeros((BLOCK, 2), np.float32)
    for _ in range(20):  # the voice renders nothing
        rig.mixer.fill(silence)
    rig.play(noise(RATE // 4))
    sounds, encoder_input = rig.voices[1][1].next_sounds_at(), rig.voices[1][2].encoder_input
    assert encoder_input
    assert sounds - encoder_input.end == 400


def test_a_closed_input_gives_the_silence_of_the_model_or_the_deck(arena: Arena, model: Path) -> None:
    playable = CompiledModel(model)
    rig = Rig(arena, playable)
    rig.source(1, "input")
    rig.play(noise(RATE // 4))
    assert rig.z(1)[-1] == pytest.approx(playable.encoder.silence, abs=1e-6)
    rig.put(deck_1_silence=1, deck_1_z_2_silence=-1.5)
    rig.play(noise(RATE // 4))
    assert rig.z(1)[-1] == pytest.approx([0, 0, -1.5, 0])


def test_a_change_of_source_glides(arena: Arena, tmp_path: Path) -> None:
    model = CompiledModel(tiny_model(tmp_path / "dreaming.safetensors", prior=PRIOR))
    assert model.has_prior and len(model.gesture)
    rig = Rig(arena, model)
    rig.put(input_open=1, input_gate=params.GATE_FLOOR_DB)
    dice = np.random.default_rng(1)
    at, source = [], "hand"
    for _ in range(40):
        source = str(dice.choice([name for name in params.SOURCES if name != source]))
        rig.source(1, source)
        at.append(len(rig.frames[1]))
        rig.play(noise(BLOCK * int(dice.integers(4, 24))))
    z = rig.z(1)
    steps = np.abs(np.diff(z, axis=0)).max(axis=1)
    first = steps[[n - 1 for n in at[1:] if 0 < n < len(z)]]
    assert first.max() < 0.5  # a nineteenth of the way
    assert np.abs(z).max() > 1.5


def sound_file(path: Path, seconds: float = 0.5, rate: int = 44100) -> Path:
    soundfile.write(path, noise(round(seconds * rate), seed=5), rate)
    return path


def playing_a_file(arena: Arena, model: Path, path: Path, **values: float) -> Rig:
    playable = CompiledModel(model)
    rig = Rig(arena, playable)
    arena.lanes[lanes_of(1)[0], LANE["file"]] = 7
    rig.assignments[1].update(
        {1: DeckAssignment(str(model), playable.sha256)}, {1}, {7: FileAssignment(str(path), 1)}
    )
    rig.source(1, "file")
    rig.put(**values)
    return rig


def latents_of(model: Path, path: Path) -> np.ndarray:
    recording = FileLatents(path)
    recording.read(CompiledModel(model).encoder)
    assert recording.error == ""
    return np.stack([recording.at(i) for i in range(recording.length)])


def test_a_file_gives_the_latents_of_the_encoder(arena: Arena, model: Path, tmp_path: Path) -> None:
    path = sound_file(tmp_path / "rain.flac")
    wanted = latents_of(model, path)
    assert len(wanted) == pytest.approx(0.5 * RATE / 128, abs=3)
    rig = playing_a_file(arena, model, path)
    rig.play(noise(RATE // 4))
    z = rig.z(1)
    assert np.abs(z - wanted[: len(z)]).max() < 1e-6
    again = latents_of(model, path)
    assert np.array_equal(wanted, again)


def test_a_pad_starts_a_file_and_knobs_set_position_and_speed(
    arena: Arena, model: Path, tmp_path: Path
) -> None:
    path = sound_file(tmp_path / "rain.wav")
    wanted = latents_of(model, path)
    rig = playing_a_file(arena, model, path)
    router = ControlRouter(arena.table, arena.meters, arena.hardware)
    controls = {"note 36": "play", "cc 64": "play", "cc 20": "start", "cc 21": "end", "note 37": "loop"}
    binds = tuple(Binding(control, f"deck/1/file/{name}") for control, name in controls.items())
    pads = Mapping("pads", (), (*binds, Binding("cc 22", "deck/1/speed", range=(1, 2))), takeover="jump")
    router.use({"pads": [RoutedLayer(pads.bindings, pads.takeover)]})

    def after(*messages: tuple[int, int, int]) -> np.ndarray:
        """The latents after these messages, without the first 10 ms."""
        for message in messages:
            router.handle("pads", message)
        before = len(rig.frames[1])
        rig.play(noise(RATE // 8))
        return rig.z(1)[before + 5 :]

    after()
    hit = after((0x90, 36, 100))
    assert hit[:20] == pytest.approx(wanted[5:25], abs=1e-5)
    hit = after((0xB0, 20, 64), (0xB0, 64, 127))
    places = 0.5 * len(wanted) + np.arange(5, 25)
    between = [np.interp(places, np.arange(len(wanted)), wanted[:, i]) for i in range(4)]
    assert hit[:20] == pytest.approx(np.transpose(between), abs=1e-5)
    hit = after((0xB0, 20, 0), (0xB0, 22, 127), (0x80, 36, 0), (0x90, 36, 1))
    assert hit[:20] == pytest.approx(wanted[10:50:2], abs=1e-5)
    hit = after((0x90, 37, 127), (0xB0, 21, 8), (0x90, 36, 1))
    assert hit[-1] == pytest.approx(CompiledModel(model).encoder.silence, abs=1e-5), "over, and no loop"


def test_a_file_is_kept_while_a_voice_uses_it(arena: Arena, model: Path, tmp_path: Path) -> None:
    """A file that starts in its middle is silent until that part is encoded."""
    paths = [sound_file(tmp_path / name) for name in ("rain.wav", "hail.wav")]
    playable = CompiledModel(model)
    heard: dict[int, float] = {}
    assignments = Assignments(
        playable, print, wait=True, on_progress=lambda file, part, seconds: heard.update({file: part})
    )
    playing, silent = FileSource(), FileLatents(paths[0])
    ways = {"begin": 0.5, "end": 1.0, "loop": False, "plays": 0.0, "stops": 0.0}
    assert playing.next(silent, 1.0, **ways) is None
    assignments.update(
        {}, set(), {3: FileAssignment(str(paths[0]), 1, coming=True), 4: FileAssignment(str(paths[1]), 1)}
    )
    assert heard == {3: 1.0, 4: 1.0}
    wanted = latents_of(model, paths[0])
    for number in (3, 4):
        z = playing.next(assignments.files.latents[number], 1.0, **ways)
        assert z == pytest.approx(assignments.files.latents[number].at(len(wanted) / 2))
    kept = assignments.files.latents[4]
    assignments.update({}, set(), {4: FileAssignment(str(paths[1]), 1)})
    assert assignments.files.latents == {4: kept}


def test_a_moved_model_file_is_logged_and_the_next_file_plays(tmp_path: Path) -> None:
    model, sound = tiny_model(tmp_path / "tiny.safetensors"), sound_file(tmp_path / "rain.wav")
    said: list[str] = []
    heard: dict[int, float] = {}
    assignments = Assignments(
        CompiledModel(model),
        said.append,
        wait=True,
        on_progress=lambda file, part, _: heard.update({file: part}),
    )
    away = model.rename(tmp_path / "moved.safetensors")
    assignments.update({}, set(), {3: FileAssignment(str(sound), 1)})
    assert [line.startswith(f"deck 1: {model}: cannot be read") for line in said] == [True]
    assert heard == {3: 1.0}, "the stage does not wait for it"
    away.rename(model)
    assignments.update({}, set(), {4: FileAssignment(str(sound), 1)})
    assert assignments.files.latents[4].ready and len(said) == 1


def test_a_replaced_file_is_read_no_further(model: Path, tmp_path: Path) -> None:
    recording = FileLatents(sound_file(tmp_path / "rain.wav", seconds=20.0))
    recording.cancel()
    recording.read(CompiledModel(model).encoder)
    assert recording.ready < recording.length / 2


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
def test_a_file_loops_between_its_ends(arena: Arena, model: Path, tmp_path: Path, speed: float) -> None:
    path = sound_file(tmp_path / "rain.wav")
    wanted = latents_of(model, path)
    values = {"deck_1_file_start": 0.25, "deck_1_file_end": 0.5, "deck_1_speed": speed}
    rig = playing_a_file(arena, model, path, **values)
    rig.play(noise(2 * RATE))
    first, last = 0.25 * len(wanted), 0.5 * len(wanted)
    at = first + np.arange(len(rig.z(1))) * speed
    turn = (at - first) % (last - first)
    settled = (turn >= 5 * speed) & (turn + first <= len(wanted) - 1)  # 10 ms after each seam
    floor = np.floor(turn + first).astype(int)
    part = (turn + first - floor)[:, None]
    expected = (1 - part) * wanted[floor] + part * wanted[np.minimum(floor + 1, len(wanted) - 1)]
    assert np.abs(rig.z(1) - expected)[settled].max() < 1e-5


def test_a_file_without_loop_ends_in_silence_and_restarts_on_play(
    arena: Arena, model: Path, tmp_path: Path
) -> None:
    path = sound_file(tmp_path / "rain.ogg", 0.2)
    rig = playing_a_file(arena, model, path, deck_1_file_loop=0)
    rig.play(noise(RATE // 2))
    silence = CompiledModel(model).encoder.silence
    assert rig.z(1)[-1] == pytest.approx(silence, abs=1e-6)
    before = len(rig.frames[1])
    params.trigger(arena.table, "deck/1/file/play")
    rig.play(noise(RATE // 10))
    wanted = latents_of(model, path)
    assert rig.z(1)[before + 5 : before + 20] == pytest.approx(wanted[5:20], abs=1e-5)


def test_a_file_stops_until_it_is_played_again(arena: Arena, model: Path, tmp_path: Path) -> None:
    path = sound_file(tmp_path / "rain.ogg")
    params.trigger(arena.table, "deck/1/file/stop")
    rig = playing_a_file(arena, model, path)
    rig.play(noise(RATE // 8))
    silence, wanted = CompiledModel(model).encoder.silence, latents_of(model, path)
    assert rig.z(1)[5:20] == pytest.approx(wanted[5:20], abs=1e-5), "a stop from before does not count"
    params.trigger(arena.table, "deck/1/file/stop")
    rig.play(noise(RATE // 2))
    assert rig.z(1)[-1] == pytest.approx(silence, abs=1e-6)
    before = len(rig.frames[1])
    params.trigger(arena.table, "deck/1/file/play")
    rig.play(noise(RATE // 10))
    assert rig.z(1)[before + 5 : before + 20] == pytest.approx(wanted[5:20], abs=1e-5), "from its start"


def test_an_unreadable_file_is_logged_and_the_deck_plays_on(
    arena: Arena, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no sound")
    rig = playing_a_file(arena, model, path, deck_1_z_0_bias=1.0)
    rig.play(noise(RATE // 10))
    assert "deck 1" in capsys.readouterr().out
    assert rig.z(1)[-1, 0] == pytest.approx(rig.voices[1][0].encoder.silence[0] + 1.0, abs=1e-5)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Fewer latents, another frame length, another sample rate."""
    config = {"ratios": (4, 3)}
    return tiny_model(tmp_path / "other.safetensors", sample_rate=44100, seed=2, latents=3, **config)


def following(arena: Arena, model: Path, other: Path) -> Rig:
    one, two = CompiledModel(model), CompiledModel(other)
    rig = Rig(arena, one, two)
    seats = {1: DeckAssignment(str(model), one.sha256), 2: DeckAssignment(str(other), two.sha256)}
    for deck in seats:
        rig.assignments[deck].update(seats, {deck}, {})
    rig.source(2, "deck")
    return rig


def test_a_deck_follows_a_deck_with_other_frames_and_latents(arena: Arena, model: Path, other: Path) -> None:
    """By variance, one frame of the leader later, interpolated; without the leader's scale and bias."""
    rig = following(arena, model, other)
    rig.source(1, "walk")
    rig.put(deck_1_z_0_scale=0.5, deck_1_z_1_bias=2.0)
    rig.play(noise(RATE))
    moments, given = zip(*rig.frames[1], strict=True)
    source = (np.stack(given) - [0, 2.0, 0, 0]) / [0.5, 1, 1, 1]
    matrix = by_variance(read_card(model), "", read_card(other), "")
    for sounds, z in rig.frames[2][20:]:
        then = [np.interp(sounds - 128, moments, source[:, i]) for i in range(4)]
        assert z == pytest.approx(matrix.apply(np.array(then)), abs=1e-4)


def test_a_follower_of_a_deck_with_live_input_shows_the_delay(tmp_path: Path) -> None:
    """The delay of the leader's encoder and the follower's decoder, measured with an impulse."""
    shape = {"encoder": "convolutional", "padding": "centred", "dilations": ((1, 3), (1, 3))}
    one = tiny_model(tmp_path / "one.safetensors", seed=3, **shape)
    other = tiny_model(tmp_path / "other.safetensors", seed=4, decoder="v1", **shape)
    x, heard = np.zeros((2, RATE // 4), np.float32), []
    x[0, RATE // 8] = 1.0
    for sound in x:
        arena = Arena.create(tmp_path / f"{len(heard)}.arena")
        arena.set_meter("rate", RATE)
        arena.set_meter("burst", BLOCK)
        rig = following(arena, one, other)
        rig.source(1, "input")
        rig.put(input_open=1, input_gate=params.GATE_FLOOR_DB, deck_1_gain=params.GATE_FLOOR_DB)
        rig.play(np.zeros(BLOCK * 4, np.float32))
        arena.lanes[lanes_of(1)[0], LANE["behind"]] = round(rig.voices[1][2].input_delay)  # as the stage does
        heard.append(rig.play(sound))
    energy = np.square(heard[0] - heard[1]).sum(axis=1).cumsum()
    late = int(np.searchsorted(energy, energy[-1] / 2)) - RATE // 8 - rig.mixer.delay
    behind = rig.voices[2][2].input_delay
    assert abs(late - behind) < 128
    assert behind > rig.voices[1][0].card.delay
    rig.source(2, "walk")
    rig.play(np.zeros(BLOCK * 4, np.float32))
    assert rig.voices[2][2].input_delay == 0


def test_a_learnt_matrix_is_used_if_it_fits(arena: Arena, model: Path, other: Path, tmp_path: Path) -> None:
    rig = following(arena, model, other)
    playables = [rig.voices[deck][0] for deck in (1, 2)]
    sides = [MatrixSide(playable.card.name, playable.sha256, playable.card.latents) for playable in playables]
    weight = np.zeros((3, 4), np.float32)
    weight[2, 3] = -1.0
    save(tmp_path / "learnt.matrix", LatentMatrix(*sides, weight, np.full(3, 0.25, np.float32), fit=0.5))
    seats = {
        1: DeckAssignment(str(model), playables[0].sha256),
        2: DeckAssignment(str(other), playables[1].sha256, str(tmp_path / "learnt.matrix")),
    }
    rig.assignments[2].update(seats, {2}, {})
    rig.put(deck_1_z_3_bias=0)
    rig.source(1, "loop")
    rig.play(noise(RATE // 2))
    z = rig.z(2)[20:]
    assert np.abs(z[:, :2] - 0.25).max() < 1e-6
    assert z[:, 2].std() > 0.1


def test_decks_that_follow_in_a_circle_get_zeros(arena: Arena, model: Path) -> None:
    table = params.defaults()
    for deck, leader in ((1, 2), (2, 3), (3, 1), (4, 4), (5, 1), (6, 7)):
        params.set_value(table, f"deck/{deck}/source", params.SOURCES.index("deck"))
        params.set_value(table, f"deck/{deck}/from", leader - 1)
    assert [followed_deck(table, deck) for deck in range(1, 7)] == [0, 0, 0, 0, 0, 7]


def test_mute_freeze_and_smooth_act_on_single_latents(model: Path) -> None:
    table, shaping = params.defaults(), LatentShaping(1, 4, 0.01)
    assert shaping(np.ones(4), table, 0, 0) == pytest.approx(np.ones(4))
    for address, value in (
        ("0/mute", 1),
        ("0/bias", 0.5),
        ("1/freeze", 1),
        ("2/smooth", 0.1),
        ("3/level", 2),
    ):
        params.set_value(table, f"deck/1/z/{address}", value)
    params.set_value(table, "deck/1/z/3/pitch", -1)
    z = shaping(np.full(4, 3.0), table, 0.5, 2.0)
    assert z == pytest.approx([0.5, 1.0, 3 - 2 * np.exp(-0.1), 3 + 1 - 2])
    params.set_value(table, "deck/1/wet", 0.5)
    params.set_value(table, "deck/1/z/1/freeze", 0)
    assert shaping(np.full(4, 3.0), table, 0, 0)[1] == pytest.approx(1.5)
