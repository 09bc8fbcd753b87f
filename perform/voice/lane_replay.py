"""A lane again, from what its voices told: latents in, the same frames of the ring out.

At another rate, and by another model, the same latents at the same moments. It knows no mixer and no file.
"""

from __future__ import annotations

import base64
import bisect
import json
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from perform.core.attributes import Words
from perform.core.event_log import BEGIN, FRAME, VALUES, WHOLE, FrameEvent, unpack_values
from perform.core.params import Bank, blank
from perform.core.ring_buffers import Audio
from perform.engine.protocol import PlayableModel
from perform.voice.voice import VoiceStream

FLUSH = 1 << 14  #: samples that bring out what a resampler holds back
WARM_S = 10.0  #: decoders are begun so long before what is wanted of them


class RecordedModel(NamedTuple):
    """What a voice told of its model."""

    name: str
    sha256: str
    ratio: int
    sample_rate: int


class RecordedSettings(NamedTuple):
    """What the attributes of a stream were, their words, and what it was last told to have learnt."""

    bank: Bank
    words: Words
    learnt: bytes | None = None


class RecordedStream(NamedTuple):
    """The frames of one stream, from its beginning or from where the log begins, with its model.

    frames : as the journal holds them; ages : the frames of the stream before each
    given  : the stream's attributes as they were for each, and what it was told last to have learnt after it
    goes_on : its voice began anew, as by a deck's reset, and knows what it had learnt: before
    """

    model: RecordedModel
    frames: list[bytes]
    ages: list[int]
    given: list[RecordedSettings]
    goes_on: bool = False
    before: bytes | None = None

    def frame(self, age: int) -> FrameEvent:
        """The one that was decoded last when so many had been."""
        return FrameEvent.unpack(self.frames[self._at(age)])

    def settings(self, age: int) -> RecordedSettings:
        """What its attributes were then."""
        return self.given[self._at(age)]

    def learnt(self, age: int) -> bytes | None:
        """What it was last told to have learnt before then."""
        at = self._at(age)
        return self.given[at - 1].learnt if at else self.before

    def _at(self, age: int) -> int:
        return max(0, bisect.bisect_right(self.ages, age) - 1)


def runs(records: Iterable[tuple[int, bytes]], places: npt.NDArray[np.intp]) -> list[RecordedStream]:
    """What a lane's voices told, (kind, payload) in order -> its streams. ValueError where it is mangled.

    places : of each slot of the log its place in the bank of the lane's deck, -1 where it is not of it
    """
    found: list[RecordedStream] = []
    model, fresh, given = None, True, RecordedSettings(blank(), {})
    for kind, payload in records:
        if kind in (BEGIN, WHOLE, VALUES):
            slots, values, rest = unpack_values(payload)
            if len(slots) and slots.max() >= len(places):
                raise ValueError("no such number")
            at = places[slots]
            if (at >= 0).any():
                given = given._replace(bank=given.bank.copy())
                given.bank[at[at >= 0]] = values[at >= 0]
        if kind in (BEGIN, WHOLE):
            told = json.loads(rest)
            new = RecordedModel(
                str(told["model"]), str(told["sha256"]), int(told["ratio"]), int(told["sample_rate"])
            )
            if new.ratio < 1 or new.sample_rate < 1:
                raise ValueError("no such model")
            fresh = fresh or kind == BEGIN or new != model
            model = new
            words = {
                str(number): [str(word) for word in own] for number, own in told.get("words", {}).items()
            }
            given = given if words == given.words else given._replace(words=words)
            if "learnt" in told:
                given = given._replace(learnt=base64.b64decode(str(told["learnt"]), validate=True))
        elif kind == FRAME and model:
            age = FrameEvent.unpack(payload).age
            if fresh or age <= found[-1].ages[-1]:
                before = None if fresh else found[-1].given[-1].learnt
                found.append(RecordedStream(model, [], [], [], goes_on=not fresh, before=before))
                fresh = False
            found[-1].frames.append(payload)
            found[-1].ages.append(age)
            found[-1].given.append(given)
    return found


class LaneReplay:
    """[render] One lane. Positions are frames of its ring, scaled to the new rate.

    host : gives a model's host; rate, told_rate: frames a second now, and when it was played
    """

    def __init__(
        self,
        played: Sequence[RecordedStream],
        host: Callable[[RecordedModel], PlayableModel],
        rate: int,
        told_rate: int,
    ) -> None:
        self._runs, self._host, self._rate, self._told_rate = played, host, rate, told_rate
        self._starts = [self._position(run, run.ages[0]) for run in played]
        self._at = -1  # which run sounds
        self._speech: VoiceStream | None = None
        self._sound = np.zeros((0, 2), np.float32)  # what was decoded and not yet taken
        self._end = 0  # position after it
        self._over = False  # its last frame has been decoded

    def _scaled(self, position: int) -> int:
        return round(position * self._rate / self._told_rate)

    def _position(self, run: RecordedStream, age: int) -> int:
        """Where the first sample of a frame lies, or for a resampled one a little later."""
        time = age * run.model.ratio / run.model.sample_rate
        return self._scaled(run.frame(age).base) + round(time * self._rate)

    def take(self, position: int, frames: int) -> Audio:
        """(frames, 2) from a scaled position of the ring on; silence where nothing is known."""
        out = np.zeros((frames, 2), np.float32)
        done = 0
        while done < frames:
            at = position + done
            index = bisect.bisect_right(self._starts, at) - 1
            if index < 0:
                return out
            if index != self._at:
                self._begin(index, at)
            limit = self._starts[index + 1] if index + 1 < len(self._starts) else position + frames
            n = min(position + frames, limit) - at
            self._decode(at + n)
            begin = len(self._sound) - (self._end - at)
            part = self._sound[max(0, begin) : max(0, begin + n)]
            out[done + max(0, -begin) : done + max(0, -begin) + len(part)] = part
            self._sound = self._sound[max(0, begin + n) :]
            done += n
        return out

    def _begin(self, index: int, position: int) -> None:
        """A stream, from its beginning or from WARM_S before what is wanted of it."""
        late = position - self._starts[index] - round(WARM_S * self._rate)
        if index == self._at + 1 and self._runs[index].goes_on and late <= 0 and self._speech:
            self._go_on(index)
            return
        self._at, run = index, self._runs[index]
        host = self._host(run.model)
        self._card, self._render = host.card, host.render
        self._speech = speech = VoiceStream(host, self._rate)
        self._same = host.sha256 == run.model.sha256  # else its attributes mean something else
        self._recalled: bytes | None = None
        age = run.ages[0]
        speech.begin(run.frame(age).seed)
        if late > 0:
            age += late * run.model.sample_rate // (run.model.ratio * self._rate)
        speech.settings.begin(run.settings(age).bank)  # what was done until then is done
        speech.skip(self._own_age(run, age))
        self._sound, self._over = np.zeros((0, 2), np.float32), False
        self._end = self._scaled(run.frame(age).base) + speech.sent

    def _go_on(self, index: int) -> None:
        """The stream that was played, at its beginning again: what it could learn from has been decoded."""
        assert self._speech
        while not self._over:
            self._decode(self._end + 1)
        self._at, run = index, self._runs[index]
        self._speech.begin(run.frame(run.ages[0]).seed)
        self._speech.skip(self._own_age(run, run.ages[0]))
        self._sound, self._over = np.zeros((0, 2), np.float32), False
        self._end = self._scaled(run.frame(run.ages[0]).base) + self._speech.sent

    def _own_age(self, run: RecordedStream, age: int) -> int:
        """Frames of the model that decodes in the time of `age` frames of the one that did."""
        told, own = run.model, self._card
        return age * told.ratio * own.sample_rate // (told.sample_rate * own.ratio)

    def _told_age(self, run: RecordedStream, age: int) -> int:
        told, own = run.model, self._card
        return age * own.ratio * told.sample_rate // (own.sample_rate * told.ratio)

    def _decode(self, until: int) -> None:
        """Frame by frame, until the sound reaches a position or the stream's last frame."""
        run, speech = self._runs[self._at], self._speech
        assert speech
        while self._end < until:
            age = self._told_age(run, speech.age)
            if age > run.ages[-1]:
                if not self._over:  # what the resampler holds back was heard
                    self._over = True
                    self._keep(speech.sound(np.zeros((self._card.channels, FLUSH), np.float32)))
                return
            frame = run.frame(age)
            z = np.zeros(self._card.latents, np.float32)
            n = min(len(z), len(frame.z))
            z[:n] = frame.z[:n]
            self._recall(run.learnt(age))
            self._give(run.settings(age))
            noise = speech.chance(frame.temperature)
            self._keep(speech.sound(self._render([speech.stream], z[None], noise[None])[0]))
            self._end = self._scaled(frame.base) + speech.sent

    def _recall(self, learnt: bytes | None) -> None:
        """What the stream knew; where it was played from its beginning it does."""
        if self._same and learnt is not None and learnt is not self._recalled:
            assert self._speech
            self._speech.stream.restore_style(learnt)
        self._recalled = learnt

    def _give(self, given: RecordedSettings) -> None:
        """The attributes of a frame, to the model that had them."""
        assert self._speech
        settings = self._speech.settings
        if self._same:
            if settings.words is not given.words:
                settings.hear(given.words)
            settings.apply(given.bank)

    def _keep(self, audio: Audio) -> None:
        self._sound = np.concatenate([self._sound, audio])
        self._end += len(audio)
