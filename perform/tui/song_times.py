"""How long each song has played, and the worst load of each model, since this screen was opened."""

from __future__ import annotations

from perform.stage.status import SongsStatus, SongStatus


class SongTimes:
    """[ui] Notes both at every frame, by names: the numbers of songs change when a set is edited."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._loads: dict[str, float] = {}
        self._playing = ""
        self._since = 0.0

    def sample(self, now: float, songs: SongsStatus, loads: dict[str, float]) -> None:
        """Note the song that plays, and the load (1 is all of a model's time) of each model that plays."""
        line = songs.lines[songs.now - 1 : songs.now] if songs.now else ()
        playing = songs.name or (line[0].name if line else "")
        if self._playing and (playing, songs.since) != (self._playing, self._since):
            self._seconds[self._playing] = (songs.since or now) - self._since
        self._playing, self._since = (playing, songs.since) if songs.since else ("", 0.0)
        for model, load in loads.items():
            self._loads[model] = max(load, self._loads.get(model, 0.0))

    def seconds(self, song: str) -> float:
        """Seconds that a song played the last time; 0 if it has not."""
        return self._seconds.get(song, 0.0)

    def load(self, song: SongStatus) -> float:
        """The worst load that a song's models have had on this machine; 0 unless all of them have played."""
        loads = [self._loads.get(model.partition(" ")[2], 0.0) for model in song.models]
        return max(loads) if loads and all(loads) else 0.0
