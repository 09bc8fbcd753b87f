"""Scenes of the song that plays: stored, recalled with a glide, and morphed between two of them.

All scenes that a stage stores in one song hold the same parameters: those in which any scene differs from
the song's opening values. So a recall gives the same sound from anywhere. A scene that was written by hand
holds the parameters that it lists.
"""

from __future__ import annotations

import msgspec

from perform.core import params
from perform.core.errors import WrongUse
from perform.core.params import SCENES, SPEC_AT, Table, slot
from perform.library.song import Scene, Song
from perform.library.toml_values import slot_values, toml_value
from perform.stage.glides import ParameterGlides, between
from perform.stage.status import SceneStatus

_MORPH, _A, _B, _RECALL, _TEMPO = (
    slot(a) for a in ("scene/morph", "scene/a", "scene/b", "scene/recall", "tempo")
)
#: slots that no scene holds: actions, and seeds, which would start a voice over
_NEVER = {
    i
    for i, address in enumerate(params.ADDRESSES)
    if params.never_stored(address)
    or address.startswith(("clock/", "quantise"))
    or address.endswith("/seed")
    or SPEC_AT[i].action
}


class Scenes:
    """Stores, recalls and morphs scenes. A song is an immutable value: storing returns a changed one.

    current : number of the scene that was recalled last, 0 for none
    moved   : slots that the last tick wrote
    """

    def __init__(self, table: Table, glides: ParameterGlides) -> None:
        self._table, self._glides = table, glides
        self._morph = float(table[_MORPH])
        self.current = 0
        self.moved: set[int] = set()

    def store(self, song: Song, number: int, name: str, opening: Table) -> Song:
        """The song with the present values in a scene; opening: the values that the song begins with."""
        _check_number(number)
        excluded = {slot(address) for address in song.exclude}
        held = {i for scene in song.scenes.values() for i in slot_values(scene.values, song.texts)}
        held |= {i for i in range(len(opening)) if self._table[i] != opening[i]}
        held -= _NEVER | excluded
        old = song.scenes.get(str(number), Scene())
        scenes = {
            key: msgspec.structs.replace(
                scene, values=_values(held | set(slot_values(scene.values, song.texts)), scene, opening)
            )
            for key, scene in song.scenes.items()
        }
        now = {params.ADDRESSES[i]: toml_value(i, float(self._table[i])) for i in sorted(held)}
        scenes[str(number)] = msgspec.structs.replace(old, name=name or old.name, values=now)
        self.current = number
        return msgspec.structs.replace(song, scenes=dict(sorted(scenes.items())))

    @staticmethod
    def with_glide(song: Song, number: int, glide: float, *, beats: bool) -> Song:
        """The song with another glide to one of its scenes."""
        scene = msgspec.structs.replace(song.scenes[str(number)], glide=glide, beats=beats)
        return msgspec.structs.replace(song, scenes=song.scenes | {str(number): scene})

    def forget(self, song: Song, number: int) -> Song:
        """The song without a scene."""
        self._find(song, number)
        self.current = 0 if self.current == number else self.current
        return msgspec.structs.replace(
            song, scenes={key: scene for key, scene in song.scenes.items() if key != str(number)}
        )

    def recall(self, song: Song, number: int, now: float) -> Scene:
        """Glide to a scene over the time that it gives."""
        scene = self._find(song, number)
        beat = 60.0 / float(self._table[_TEMPO])
        self._glides.begin(self._targets(song, scene), scene.glide * (beat if scene.beats else 1.0), now)
        self.current = number
        return scene

    def tick(self, song: Song, opening: Table) -> int:
        """[main, about every 15 ms] Morph where the fader has moved.

        Returns the scene that a controller or key wants to recall, which may be empty; or 0.
        """
        morph = float(self._table[_MORPH])
        self.moved = set()
        if morph != self._morph:
            self._morph = morph
            self._write_morph(song, morph, opening)
        if wanted := int(self._table[_RECALL]):
            self._table[_RECALL] = 0
        return wanted

    def _write_morph(self, song: Song, morph: float, opening: Table) -> None:
        """Write every parameter that scene A or B holds, at `morph` (0..1) of the way from A to B."""
        a, b = (song.scenes.get(str(int(self._table[i]))) for i in (_A, _B))
        if a is None or b is None:
            return
        from_a, from_b = self._targets(song, a), self._targets(song, b)
        self.moved = from_a.keys() | from_b.keys()
        self._glides.stop(self.moved)
        for i in self.moved:
            spec = SPEC_AT[i]
            start, end = (spec.position(values.get(i, float(opening[i]))) for values in (from_a, from_b))
            self._table[i] = between(i, start, end, morph)

    def _targets(self, song: Song, scene: Scene) -> dict[int, float]:
        skipped = _NEVER | {slot(address) for address in song.exclude}
        return {i: value for i, value in slot_values(scene.values, song.texts).items() if i not in skipped}

    def check(self, song: Song, number: int) -> None:
        """WrongUse: there is no such scene."""
        self._find(song, number)

    def _find(self, song: Song, number: int) -> Scene:
        _check_number(number)
        if str(number) not in song.scenes:
            raise WrongUse(f"scene {number} is empty", hint="store one there first")
        return song.scenes[str(number)]

    @staticmethod
    def status(song: Song) -> tuple[SceneStatus, ...]:
        """The scenes' part of a `Status`."""
        return tuple(
            SceneStatus(int(key), scene.name, f"{scene.glide:g} {'beats' if scene.beats else 's'}")
            for key, scene in sorted(song.scenes.items())
        )


def _check_number(number: int) -> None:
    if not 1 <= number <= SCENES:
        raise WrongUse(f"there is no scene {number}", hint=f"scenes are 1 to {SCENES}")


def _values(held: set[int], scene: Scene, opening: Table) -> dict[str, float | str]:
    """A scene's values, and the song's opening values where it lists none."""
    added = {params.ADDRESSES[i]: toml_value(i, float(opening[i])) for i in sorted(held)}
    return added | scene.values
