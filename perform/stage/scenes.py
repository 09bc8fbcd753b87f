"""Scenes of the song that plays: stored, recalled with a glide, morphed between two on a fader.

All scenes a stage stores in one song hold the same numbers, those in which any of them differs from how the
song opens: so each recall is the whole way, from anywhere. One written by hand holds what it lists.
"""

from __future__ import annotations

import msgspec

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import SCENES, SPEC_AT, Table, slot
from perform.library.sets import Scene, Song, numbers, words
from perform.stage.glides import ParameterGlides, between
from perform.stage.status import SceneStatus

_MORPH, _A, _B, _RECALL, _TEMPO = (
    slot(a) for a in ("scene/morph", "scene/a", "scene/b", "scene/recall", "tempo")
)
#: what no scene holds: what is done, and what would start a voice over
_NEVER = {
    i
    for i, address in enumerate(params.ADDRESSES)
    if address.startswith(params.NEVER_STORED) or address.endswith("/seed") or SPEC_AT[i].action
}


class Scenes:
    """Recalls and morphs; what it stores it gives back as a changed song."""

    def __init__(self, table: Table, glides: ParameterGlides) -> None:
        self._table, self._glides = table, glides
        self._morph = float(table[_MORPH])
        self.current = 0  #: the scene recalled last
        self.moved: set[int] = set()  #: what the last tick wrote

    def store(self, song: Song, number: int, name: str, opening: Table) -> Song:
        """The song with the numbers as they stand in a scene; opening: the numbers it begins with."""
        _check(number)
        excluded = {slot(address) for address in song.exclude}
        held = {i for scene in song.scenes.values() for i in numbers(scene.values, song.words)}
        held |= {i for i in range(len(opening)) if self._table[i] != opening[i]}
        held -= _NEVER | excluded
        old = song.scenes.get(str(number), Scene())
        scenes = {
            key: msgspec.structs.replace(
                scene, values=_values(held | set(numbers(scene.values, song.words)), scene, opening)
            )
            for key, scene in song.scenes.items()
        }
        now = {params.ADDRESSES[i]: words(i, float(self._table[i])) for i in sorted(held)}
        scenes[str(number)] = msgspec.structs.replace(old, name=name or old.name, values=now)
        self.current = number
        return msgspec.structs.replace(song, scenes=dict(sorted(scenes.items())))

    def forget(self, song: Song, number: int) -> Song:
        """The song without a scene."""
        self._find(song, number)
        self.current = 0 if self.current == number else self.current
        return msgspec.structs.replace(
            song, scenes={key: scene for key, scene in song.scenes.items() if key != str(number)}
        )

    def recall(self, song: Song, number: int, now: float) -> Scene:
        """Glide to a scene, in its own time."""
        scene = self._find(song, number)
        beat = 60.0 / float(self._table[_TEMPO])
        self._glides.begin(self._targets(song, scene), scene.glide * (beat if scene.beats else 1.0), now)
        self.current = number
        return scene

    def tick(self, song: Song, opening: Table) -> int:
        """A few times each 100 ms: morph where the fader has moved; the scene MIDI asks for, or 0."""
        morph = float(self._table[_MORPH])
        self.moved = set()
        if morph != self._morph:
            self._morph = morph
            self._blend(song, morph, opening)
        if asked := int(self._table[_RECALL]):
            self._table[_RECALL] = 0
        return asked if str(asked) in song.scenes else 0

    def _blend(self, song: Song, morph: float, opening: Table) -> None:
        """Every number that a or b holds, `morph` of the way from a to b."""
        a, b = (song.scenes.get(str(int(self._table[i]))) for i in (_A, _B))
        if a is None or b is None:
            return
        one, two = self._targets(song, a), self._targets(song, b)
        self.moved = one.keys() | two.keys()
        self._glides.stop(self.moved)
        for i in self.moved:
            spec = SPEC_AT[i]
            start, end = (spec.position(values.get(i, float(opening[i]))) for values in (one, two))
            self._table[i] = between(i, start, end, morph)

    def _targets(self, song: Song, scene: Scene) -> dict[int, float]:
        left_alone = _NEVER | {slot(address) for address in song.exclude}
        return {i: value for i, value in numbers(scene.values, song.words).items() if i not in left_alone}

    def _find(self, song: Song, number: int) -> Scene:
        _check(number)
        if str(number) not in song.scenes:
            raise WrongUse(f"scene {number} is empty", hint="store one there first")
        return song.scenes[str(number)]

    @staticmethod
    def lines(song: Song) -> tuple[SceneStatus, ...]:
        """For a status."""
        return tuple(
            SceneStatus(int(key), scene.name, f"{scene.glide:g} {'beats' if scene.beats else 's'}")
            for key, scene in sorted(song.scenes.items())
        )


def _check(number: int) -> None:
    if not 1 <= number <= SCENES:
        raise WrongUse(f"there is no scene {number}", hint=f"scenes are 1 to {SCENES}")


def _values(held: set[int], scene: Scene, opening: Table) -> dict[str, float | str]:
    """A scene's values, and how the song opens where it lists none."""
    fresh = {params.ADDRESSES[i]: words(i, float(opening[i])) for i in sorted(held)}
    return fresh | scene.values
