"""The modulation of a song: what is wrong in it is named, with its row; it survives being saved."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from perform.core import params
from perform.core.arena import Arena
from perform.core.arena_layout import ROWS, VERSION_SLOT
from perform.core.errors import WrongUse
from perform.core.modulators import MODULATORS
from perform.core.table_reader import TableReader
from perform.library import sets
from perform.library.song import ModulationRow, Song
from perform.library.song_modulation import check_modulation
from perform.stage.modulation_writer import ModulationWriter
from perform.stage.song_values import opening_values

GOOD = 'source = "lfo 1"\nto = "deck/1/z/0/bias"\nlow = -1.0\nhigh = 1.0\n'
HEAD = 'name = "a"\n[[songs]]\nname = "b"\ndecks.1 = "bells"\n'
ROW = "[[songs.modulation]]\n"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            GOOD.replace("lfo 1", "lfo 9"),
            "row 2 of modulation: no modulator is called 'lfo 9'.*did you mean 'lfo",
        ),
        (GOOD.replace("bias", "bia"), "row 2 of modulation: no parameter is called 'deck/1/z/0/bia'"),
        (GOOD.replace("deck/1/z/0/bias", "deck/1/seed"), "row 2 .*deck/1/seed cannot be modulated"),
        (GOOD.replace("deck/1/z/0/bias", "tempo"), "row 2 .*tempo cannot be modulated"),
        (GOOD.replace("-1.0", "nan"), "row 2 .*cannot add nan"),
        (GOOD.replace("-1.0", "-9.0"), "row 2 .*cannot add -9.0 to deck/1/z/0/bias.*-8..8"),
        (GOOD, "row 2 of modulation: lfo 1 moves deck/1/z/0/bias already"),
        (GOOD.replace("low", "lowest"), "unknown field `lowest`"),
        (GOOD.replace("high = 1.0", ""), "missing required field `high`"),
        (GOOD + 'mode = "times"\n', "Invalid enum value 'times'"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, says: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(HEAD + ROW + GOOD + ROW + row)
    with pytest.raises(WrongUse, match=says) as refused:
        sets.read_set(path)
    assert str(path) in str(refused.value)


def test_a_song_has_at_most_so_many_rows() -> None:
    rows = [
        ModulationRow(source, f"deck/1/z/{i}/bias", 0.0, 1.0) for source in MODULATORS[:8] for i in range(32)
    ]
    check_modulation(rows)
    assert len(rows) == ROWS
    with pytest.raises(WrongUse, match="257 rows"):
        check_modulation([*rows, ModulationRow("lfo 1", "xfade", 0.0, 1.0)])


def test_saving_keeps_rows_and_their_comments(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(HEAD + ROW + "# slow\n" + GOOD)
    made = sets.read_set(path)
    more = [*made.songs[0].modulation, ModulationRow("macro 2", "xfade", 0.0, -0.5)]
    changed = msgspec.structs.replace(made, songs=[msgspec.structs.replace(made.songs[0], modulation=more)])
    sets.save_set(changed, path)
    assert sets.read_set(path) == changed
    assert "# slow" in path.read_text()


def test_a_song_resets_the_modulators_that_it_does_not_name() -> None:
    table = params.defaults()
    for address, value in (("lfo/1/rate", 7.0), ("macro/2", 0.6), ("master/gain", -3.0)):
        params.set_value(table, address, value)
    opening = opening_values(Song("s", values={"macro/3": 0.5}), table)
    seen = dict(params.changed(opening))
    assert seen == {"macro/3": 0.5, "master/gain": -3.0}


def test_rows_arrive_with_the_values_of_the_same_batch(arena: Arena) -> None:
    writer, reader = ModulationWriter(arena), TableReader(arena)
    row = ModulationRow("macro 1", "xfade", 0.0, 1.0)
    with arena.batch():
        arena.table[params.slot("xfade")] = 0.25
        writer.play_next([row])
        assert not reader.update()
        assert reader.rows[0, 0] == 0
    assert reader.update()
    assert (reader.rows[0, 0], reader.table[params.slot("xfade")]) == (1, 0.25)
    version = arena.values[VERSION_SLOT]
    writer.write([row])
    assert arena.values[VERSION_SLOT] == version, "nothing has changed"


def test_a_change_of_rate_makes_no_jump(arena: Arena) -> None:
    writer, reader = ModulationWriter(arena), TableReader(arena)

    def cycles(frame: int) -> float:
        reader.update()
        run, since, hz = reader.phases[0]
        return float(run + (frame - since) * hz / 48000)

    arena.history.restart(48000 * 3)
    before = cycles(48000 * 3)
    params.set_value(arena.table, "lfo/1/rate", 5.0)
    writer.tick()
    assert cycles(48000 * 3) == pytest.approx(before) == 1.5
    assert cycles(48000 * 4) == pytest.approx(before + 5.0)
    writer.begin_song()
    assert cycles(48000 * 3) == 0.0
