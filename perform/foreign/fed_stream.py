"""The sound that a stream of an effect module is fed, until its next frame."""

from __future__ import annotations

from perform.engine.protocol import Vector


class FedStream:
    """[render] Keeps the sound of one frame; see `perform.engine.protocol.EffectStream`."""

    def __init__(self) -> None:
        self._sound: Vector | None = None

    def feed(self, sound: Vector) -> None:
        """Give the sound of the next frame, (latents, ratio)."""
        self._sound = sound

    def take_sound(self) -> Vector | None:
        """Return the sound of this frame, and forget it."""
        sound, self._sound = self._sound, None
        return sound
