"""Keys of songs, of the set as a file, and of what was done: arm, go, save, undo."""

from __future__ import annotations

from perform.stage.commands import (
    AddSong,
    Answer,
    Arm,
    Go,
    KeepSong,
    MoveSong,
    Open,
    RemoveSong,
    RenameSong,
    Save,
    Undo,
)
from perform.tui.key_group import KeyGroup
from perform.tui.screens.naming import FILE, TITLE, Confirm, Name
from perform.tui.screens.set_chooser import SetChooser
from perform.tui.screens.set_list_screen import SetListScreen


class SongKeys(KeyGroup):
    """What is NOW, what is NEXT, and the list both stand in."""

    def action_arm(self, steps: int) -> None:
        """The neighbour of what is armed becomes NEXT; of what plays where nothing is."""
        if self.instead("song/next" if steps > 0 else "song/previous"):
            return
        frame = self.look()
        wanted = (frame.armed or frame.songs.now) + steps
        if 1 <= wanted <= len(frame.songs.lines):
            self.arm(wanted)
        else:
            self.notice(f"there is no song {'behind' if steps > 0 else 'before'} this one")

    def arm(self, song: int) -> None:
        """Make a song NEXT; until the stage has said so, the wish itself is shown and counted from."""
        self.view.arming = song

        def armed(answer: Answer) -> None:
            if self.view.arming == song:
                self.view.arming = 0
            self.notice(f"NEXT {song} {self.frame.song(song)}: {answer.value}".rstrip(" :"))

        self.line.ask(Arm(song), armed)

    def action_go(self, now: bool = False) -> None:
        """NEXT becomes NOW, as soon as it is ready or at once."""
        if not self.instead("song/go"):
            self.line.ask(Go(now), self.said("go:"))

    def action_set_list(self) -> None:
        """The songs of the set."""
        if not isinstance(self.screen, SetListScreen):
            self.push_screen(SetListScreen(self.look()))

    # -- the songs of the set

    def action_add_song(self) -> None:
        """A copy of what plays, as it stands; in the set list of the marked song, where that is another."""
        frame = self.look()
        song = self.screen.marked if isinstance(self.screen, SetListScreen) else frame.songs.now
        source = "what plays now" if song == frame.songs.now else f"song {song}"
        wanted = 0 if song == frame.songs.now else song
        self.question(
            Name(f"A copy of {source} ({frame.song(song)}) is called", "", "enter puts it after that", TITLE),
            lambda name: self.line.ask(AddSong(name, wanted), lambda _: self.notice(f"new song: {name}")),
        )

    def action_rename_song(self, song: int = 0) -> None:
        """Call a song something else, the one that plays where none is named."""
        frame = self.look()
        song = song or frame.songs.now
        self.question(
            Name(f"Song {song} is called", frame.song(song), "enter renames it", TITLE),
            lambda name: self.line.ask(
                RenameSong(song, name), lambda _: self.notice(f"song {song} is called {name}")
            ),
        )

    def move_song(self, song: int, to: int) -> None:
        """Put a song at another place."""
        self.line.ask(MoveSong(song, to))

    def remove_song(self, song: int) -> None:
        """Take a song out of the set; ask first."""
        frame = self.look()
        name = frame.song(song)
        if song == frame.songs.now:
            self.notice(f"{name} plays: go to another song before it is removed")
            return
        self.question(
            Confirm(f"Remove song {song}, {name}, from the set?", "remove it; u brings it back"),
            lambda _: self.line.ask(RemoveSong(song), lambda _: self.notice(f"removed: {name}; u undoes")),
        )

    def action_keep_song(self) -> None:
        """What stands becomes the song's own."""
        frame = self.look()
        name = frame.song(frame.songs.now)
        self.line.ask(KeepSong(), lambda _: self.notice(f"{name} begins like this from now on; ctrl+s saves"))

    # -- the set as a file

    def action_open_set(self) -> None:
        """Choose another set."""
        frame = self.look()
        self.question(
            SetChooser(frame.status.set, frame.songs.changed),
            lambda name: self.line.ask(
                Open(name),
                lambda _: self.notice(f"set {name}: what plays goes on until you go to a song of it"),
            ),
        )

    def action_save(self) -> None:
        """Write the set."""
        self.line.ask(Save(), self.said("set saved:"))

    def action_save_as(self) -> None:
        """Write the set under a name."""
        self.question(
            Name("Save the set as", self.look().status.set, "enter saves it among your own sets", FILE),
            lambda name: self.line.ask(Save(name), self.said("set saved:")),
        )

    # -- what was done

    def action_undo(self, redo: bool = False) -> None:
        """Take the last change back, or make it again; say what it was."""
        verb = "redo" if redo else "undo"
        self.line.ask(
            Undo(redo),
            lambda answer: self.notice(f"{verb}ne: {answer.value}" if answer.value else f"nothing to {verb}"),
        )
