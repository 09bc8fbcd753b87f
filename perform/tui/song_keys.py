"""Actions for songs, the set file, and the undo history: arm, go, save, undo."""

from __future__ import annotations

from perform.stage.commands import (
    AddSong,
    Answer,
    Arm,
    Go,
    KeepSong,
    MoveSong,
    NewSet,
    Open,
    RemoveSong,
    RenameSong,
    Save,
    Undo,
    UndoMapping,
)
from perform.tui.base_app import BaseApp
from perform.tui.screens.naming import FILE, TITLE, ConfirmDialog, NameDialog
from perform.tui.screens.set_chooser import SetChooser
from perform.tui.screens.set_list_screen import SetListScreen
from perform.tui.screens.song_details import SongDetails


class SongKeys(BaseApp):
    """Actions for songs, sets and undo."""

    def action_arm(self, steps: int) -> None:
        """Arm the neighbour of the song that the player armed, else of the current one."""
        if self.learn_instead("song/next" if steps > 0 else "song/previous"):
            return
        frame = self.read_frame()
        chosen = frame.songs.next if frame.songs.chosen else 0
        wanted = (frame.view.arming or chosen or frame.songs.now) + steps
        if 1 <= wanted <= len(frame.songs.lines):
            self.arm(wanted)
        else:
            self.show_notice(f"this is the {'last' if steps > 0 else 'first'} song")

    def arm(self, song: int) -> None:
        """Arm a song; the screen shows it at once, before the stage confirms."""
        self.view.arming = song

        def answered() -> None:
            if self.view.arming == song:
                self.view.arming = 0

        def armed(answer: Answer) -> None:
            answered()
            self.show_notice(f"NEXT {song} {self.frame.song(song)}: {answer.value}".rstrip(" :"))

        self.stage_line.ask(Arm(song), armed, answered)

    def action_arm_song(self, song: int) -> None:
        """Arm the song that was clicked."""
        self.arm(song)

    def action_go(self, now: bool = False) -> None:
        """Switch to the armed song as soon as it is ready, or at once."""
        if not self.learn_instead("song/go"):
            self.stage_line.ask(Go(now), self.notice_answer("go:"))

    def action_set_list(self) -> None:
        """Open the set list."""
        if not isinstance(self.screen, SetListScreen):
            self.push_screen(SetListScreen(self.read_frame()))

    # -- the songs of the set

    def action_add_song(self) -> None:
        """Copy the current song with its current settings; in the set list, copy the marked song."""
        frame = self.read_frame()
        song = self.screen.marked if isinstance(self.screen, SetListScreen) else frame.songs.now
        source = f"song {song} ({frame.song(song)})"
        if song == frame.songs.now:
            source = f"the current song ({frame.playing_song})"
        wanted = 0 if song == frame.songs.now else song
        self.open_dialog(
            NameDialog(f"Copy {source} as", "", "enter adds the copy after it", TITLE),
            lambda name: self.stage_line.ask(AddSong(name, wanted), lambda _: self._added(name, song + 1)),
        )

    def action_new_song(self) -> None:
        """Add an empty song after the current one; in the set list after the marked one."""
        number = self.screen.marked if isinstance(self.screen, SetListScreen) else 0
        self.open_dialog(
            NameDialog("A new, empty song", "", "enter adds it; ⏎ ⏎ on it goes there", TITLE),
            lambda name: self.stage_line.ask(
                AddSong(name, number, empty=True), lambda _: self._added(name, number + 1)
            ),
        )

    def _added(self, name: str, song: int) -> None:
        """Say so, and mark the song in the set list: the next one that is added comes after it."""
        self.show_notice(f"new song: {name}")
        if isinstance(self.screen, SetListScreen):
            self.screen.mark_new(song)

    def action_song_details(self) -> None:
        """Edit notes, length, tempo, switch, fade and mapping of a song."""
        frame = self.read_frame()
        number = self.screen.marked if isinstance(self.screen, SetListScreen) else frame.songs.now
        if not 1 <= number <= len(frame.songs.lines):
            self.show_notice("this song belongs to another set")
            return
        self.open_dialog(
            SongDetails(number, frame.songs.lines[number - 1]),
            lambda edit: self.stage_line.ask(edit, lambda answer: self.show_notice(answer.value)),
        )

    def action_new_set(self) -> None:
        """Open a new set with one empty song."""
        self.open_dialog(
            NameDialog("A new set", "", "enter opens it; the sound continues", FILE),
            lambda name: self.stage_line.ask(
                NewSet(name), lambda _: self.show_notice(f"set {name} is open: ⏎ goes to its song")
            ),
        )

    def action_rename_song(self, song: int = 0) -> None:
        """Rename a song; 0: the current song."""
        frame = self.read_frame()
        song = song or frame.songs.now
        self.open_dialog(
            NameDialog(f"Rename song {song}", frame.song(song), "enter renames it", TITLE),
            lambda name: self.stage_line.ask(
                RenameSong(song, name), lambda _: self.show_notice(f"song {song} renamed to {name}")
            ),
        )

    def move_song(self, song: int, to: int) -> None:
        """Move a song to another place in the set."""
        self.stage_line.ask(MoveSong(song, to))

    def remove_song(self, song: int) -> None:
        """Remove a song from the set, after asking."""
        frame = self.read_frame()
        name = frame.song(song)
        if song == frame.songs.now:
            self.show_notice(f"{name} is playing: go to another song before you remove it")
            return
        self.open_dialog(
            ConfirmDialog(f"Remove song {song}, {name}, from the set?", "remove it; u undoes"),
            lambda _: self.stage_line.ask(
                RemoveSong(song), lambda _: self.show_notice(f"removed: {name}; press u to undo")
            ),
        )

    def action_keep_song(self) -> None:
        """Keep the current settings as the start of the song."""
        name = self.read_frame().playing_song
        self.stage_line.ask(
            KeepSong(), lambda _: self.show_notice(f"{name} now starts with these settings; ctrl+s saves")
        )

    # -- the set as a file

    def action_open_set(self) -> None:
        """Choose another set to open."""
        frame = self.read_frame()
        self.open_dialog(
            SetChooser(frame.status.set, frame.songs.changed),
            lambda name: self.stage_line.ask(
                Open(name),
                lambda _: self.show_notice(
                    f"set {name} is open; the sound continues until you go to one of its songs"
                ),
            ),
        )

    def action_save(self) -> None:
        """Save the set."""
        self.stage_line.ask(Save(), self.notice_answer("set saved:"))

    def action_save_as(self) -> None:
        """Save the set under a new name."""
        self.open_dialog(
            NameDialog(
                "Save the set as", self.read_frame().status.set, "enter saves it with your sets", FILE
            ),
            lambda name: self.stage_line.ask(Save(name), self.notice_answer("set saved:")),
        )

    # -- undo

    def action_undo(self, redo: bool = False) -> None:
        """Undo or redo the last change and name it; while learning, undo the last change of the mapping."""
        if self.view.learning:
            if not redo:
                self.stage_line.ask(UndoMapping())
            return
        verb = "redo" if redo else "undo"
        self.stage_line.ask(
            Undo(redo),
            lambda answer: self.show_notice(
                f"{verb}ne: {answer.value}" if answer.value else f"nothing to {verb}"
            ),
        )
