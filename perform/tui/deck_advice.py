"""One line about a deck that does not simply play: what happens, what is done about it, which key helps."""

from __future__ import annotations

from perform.core import params
from perform.core.arena_layout import FAILED, LIVE, LOADING
from perform.core.params import DECKS, SIDES, SOURCES
from perform.core.spec import SILENCE_DB
from perform.tui.screen_frame import ScreenFrame

SHED = "faded out"  #: how the stage's word on an overload begins
_SILENT_S = 3.0  #: seconds of silence after which it is explained
_XFADE, _INPUT_OPEN = params.slot("xfade"), params.slot("input/open")


def deck_advice(frame: ScreenFrame, deck: int) -> str:
    """The line; "" for a deck that plays, or is empty."""
    status, state = frame.deck(deck), int(frame.meter(deck, "state"))
    if frame.view.gone:
        return status.error
    if state == LOADING:
        return (
            f"{status.error} · loading again" if status.error else "loading: it enters by itself · o: another"
        )
    if state == FAILED or status.error:
        if not status.error:
            return "its model failed · o loads another"
        key = "o loads a lighter model" if status.error.startswith(SHED) else "o loads another model"
        return f"{status.error} · {key}"
    if state != LIVE:
        return status.note
    engine = "" if status.plays_with else status.engine
    fault = _fault(frame, deck) or _insert(frame, deck)
    return fault or _source(frame, deck) or _silence(frame, deck) or engine


def _fault(frame: ScreenFrame, deck: int) -> str:
    if frame.watch.recent(deck, "bad") or frame.watch.recent(deck, "resets"):
        return "NaN: muted, its decoder starts again · o loads another model"
    if frame.watch.recent(deck, "late"):
        return "late: it faded out for a moment · a safer margin (MASTER) helps"
    return ""


def _insert(frame: ScreenFrame, deck: int) -> str:
    insert = frame.insert(deck)
    if insert is None or not insert.error:
        return ""
    return f"insert: {insert.error}; the deck plays without it · F: another" if not insert.plays else ""


def _source(frame: ScreenFrame, deck: int) -> str:
    status, source = frame.deck(deck), SOURCES[int(frame.value(deck, "source"))]
    if status.note:
        return f"{status.note} · a: another source"
    if source == "deck" and frame.meter(deck, "howl"):
        return "feedback: the guard lowered it · row feedback to 0, then up again"
    if source == "input" and not frame.table[_INPUT_OPEN]:
        return "no input: it is closed, silence is encoded · I I opens it"
    if source == "file" and not status.file:
        return "no file: silence is encoded · O chooses one"
    return ""


def _silence(frame: ScreenFrame, deck: int) -> str:
    """Why a deck that is live is not heard; mute shows itself."""
    if frame.watch.silence(deck) < _SILENT_S or frame.value(deck, "mute"):
        return ""
    if any(frame.value(other, "solo") for other in range(1, DECKS + 1)) and not frame.value(deck, "solo"):
        return "silent: another deck is soloed · its s ends that"
    if frame.value(deck, "gain") <= SILENCE_DB:
        return "silent: its fader is down · row gain"
    side, xfade = SIDES[int(frame.value(deck, "side"))], frame.table[_XFADE]
    if (side == "A" and xfade >= 1) or (side == "B" and xfade <= 0):
        return f"silent: the crossfader is away from {side} · \\ centres it"
    if frame.value(deck, "voices") > 1 and not frame.meter(deck, "notes"):
        return "silent: no note sounds · play a key, or set voices to 1"
    return "silent: its model is quiet here · move a latent, or a: another source"
