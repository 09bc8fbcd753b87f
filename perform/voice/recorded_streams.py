"""Reads the streams of a lane from its event log: the model, the latents and attributes of each frame."""

from __future__ import annotations

import base64
import bisect
import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core.attributes import Texts
from perform.core.event_log import (
    ALL_VALUES,
    CHANGED_VALUES,
    FILE_MIXED,
    FIRST_VALUES,
    FRAME_OF_VOICES,
    FRAMES,
    SOUND_FED,
    FrameEvent,
    unpack_sound,
    unpack_values,
)
from perform.core.file_mix import FileMix
from perform.core.params import AttributeValues, default_attributes
from perform.library.cards import MOST_WARM_UP
from perform.voice.chord import OWN

NO_HASHES: Mapping[str, str] = MappingProxyType({})


class RecordedModel(NamedTuple):
    """The model that a voice played. warm_up: frames that it decoded unheard after each reset."""

    name: str
    sha256: str
    ratio: int
    sample_rate: int
    warm_up: int = 0


class RecordedSettings(NamedTuple):
    """A stream's attributes, their texts, the last logged style, the hashes of the sounds in its buffers."""

    bank: AttributeValues
    texts: Texts
    style: bytes | None = None
    sounds: Mapping[str, str] = NO_HASHES


class RecordedStream(NamedTuple):
    """The frames of one stream, from its beginning or from where the log begins, with its model.

    frames    : packed `FrameEvent`s, each with its kind
    ages      : for each frame, how many the stream had decoded before it
    settings  : for each frame, the attributes, and the style that was logged last
    fed       : for each frame, the packed sound that an effect module got, or b""
    mixes     : for each frame, the packed `FileMix`, or b""
    continues : a reset began the stream, so it keeps the style of the stream before, `earlier_style`
    """

    model: RecordedModel
    frames: list[tuple[int, bytes]]
    ages: list[int]
    settings: list[RecordedSettings]
    fed: list[bytes]
    mixes: list[bytes]
    continues: bool = False
    earlier_style: bytes | None = None

    def frame_at(self, age: int) -> FrameEvent:
        """The frame that plays at this age."""
        kind, payload = self.frames[self._index(age)]
        return FrameEvent.unpack(payload, kind)

    def settings_at(self, age: int) -> RecordedSettings:
        """The attributes at this age."""
        return self.settings[self._index(age)]

    def has_voices(self, age: int) -> bool:
        """Whether the frame at this age lists its voices."""
        return self.frames[self._index(age)][0] == FRAME_OF_VOICES

    def sound_at(self, age: int) -> npt.NDArray[np.float32] | None:
        """The sound, (inputs, samples), that an effect module got at this age; None if it got none."""
        packed = self.fed[self._index(age)]
        return unpack_sound(packed) if packed else None

    def mix_at(self, age: int) -> FileMix | None:
        """The sound of the deck's file beside the model's at this age; None if only the model sounds."""
        packed = self.mixes[self._index(age)]
        return FileMix.unpack(packed) if packed else None

    def style_before(self, age: int) -> bytes | None:
        """The style that was logged last before this age."""
        index = self._index(age)
        return self.settings[index - 1].style if index else self.earlier_style

    def _index(self, age: int) -> int:
        return max(0, bisect.bisect_right(self.ages, age) - 1)


def recorded_streams(
    events: Iterable[tuple[int, bytes]], places: npt.NDArray[np.intp]
) -> list[RecordedStream]:
    """The streams in one lane's events, (kind, payload) in order. ValueError: the events are damaged.

    Values in the log that are not in the deck's bank are ignored.

    places : for each slot of the log, its place in the bank of the lane's deck; -1 if it is not in the bank
    """
    found: list[RecordedStream] = []
    sound = mix = b""
    model, fresh, settings = None, True, RecordedSettings(default_attributes(), {})
    for kind, payload in events:
        if kind in (FIRST_VALUES, ALL_VALUES, CHANGED_VALUES):
            slots, values, rest = unpack_values(payload)
            if len(slots) and slots.max() >= len(places):
                raise ValueError("a value of an unknown parameter")
            at = places[slots]
            if (at >= 0).any():
                settings = settings._replace(bank=settings.bank.copy())
                settings.bank[at[at >= 0]] = values[at >= 0]
        if kind in (FIRST_VALUES, ALL_VALUES):
            details = json.loads(rest)
            new = RecordedModel(
                str(details["model"]),
                str(details["sha256"]),
                int(details["ratio"]),
                int(details["sample_rate"]),
                int(details.get("warm_up", 0)),
            )
            if new.ratio < 1 or new.sample_rate < 1 or not 0 <= new.warm_up <= MOST_WARM_UP:
                raise ValueError("an impossible model")
            fresh = fresh or kind == FIRST_VALUES or new != model
            model = new
            texts = {
                str(number): [str(text) for text in choices]
                for number, choices in details.get("words", {}).items()
            }
            settings = settings if texts == settings.texts else settings._replace(texts=texts)
            sounds = {str(text): str(digest) for text, digest in details.get("sounds", {}).items()}
            settings = settings if sounds == settings.sounds else settings._replace(sounds=sounds)
            if "learnt" in details:
                settings = settings._replace(style=base64.b64decode(str(details["learnt"]), validate=True))
        elif kind in FRAMES and model:
            frame = FrameEvent.unpack(payload, kind)
            if any(voice.since > frame.age and voice.number != OWN for voice in frame.voices or ()):
                raise ValueError("a note that is older than its stream")
            age = frame.age
            if fresh or age <= found[-1].ages[-1]:
                style = None if fresh else found[-1].settings[-1].style
                found.append(RecordedStream(model, [], [], [], [], [], not fresh, style))
                fresh = False
            found[-1].frames.append((kind, payload))
            found[-1].ages.append(age)
            found[-1].settings.append(settings)
            found[-1].fed.append(sound)
            found[-1].mixes.append(mix)
        if kind == SOUND_FED:
            unpack_sound(payload)  # a damaged one is found now, not while the take renders
        if kind == FILE_MIXED:
            FileMix.unpack(payload)
        # of the very next event, or the next but one: a frame may be lost
        mix = payload if kind == FILE_MIXED else mix if kind == SOUND_FED else b""
        sound = payload if kind == SOUND_FED else b""
    return found
