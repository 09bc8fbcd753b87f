"""How long each song has played since this screen was opened."""

from __future__ import annotations

from perform.stage.status import SongsStatus


class SongTimes:
    """[ui] Notes it at every frame, by names: the numbers of songs change when a set is edited."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._playing = ""
        self._since = 0.0

    def sample(self, now: float, songs: SongsStatus) -> None:
        """Note the song that plays."""
        line = songs.lines[songs.now - 1 : songs.now] if songs.now else ()
        playing = songs.name or (line[0].name if line else "")
        if self._playing and (playing, songs.since) != (self._playing, self._since):
            self._seconds[self._playing] = (songs.since or now) - self._since
        self._playing, self._since = (playing, songs.since) if songs.since else ("", 0.0)

    def seconds(self, song: str) -> float:
        """Seconds that a song played the last time; 0 if it has not."""
        return self._seconds.get(song, 0.0)
