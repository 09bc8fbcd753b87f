"""Pictures of the three layouts and of decks in trouble, at each size; one running screen takes several."""

from __future__ import annotations

import pytest
from hands import playing
from pytest_textual_snapshot import SVGImageExtension
from test_deck_states import make_trouble, troubled
from test_layouts import SIZES
from test_wide_layouts import equipped, play_on

from perform.tui.widgets.side_column import side_width


@pytest.fixture
def pictures(snapshot):  # type: ignore[no-untyped-def]
    """Compare a named picture with the kept one: `app.export_screenshot() == pictures(name="...")`."""
    return snapshot.use_extension(SVGImageExtension)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_picture_of_each_layout(pictures, tmp_path, clock, size):
    async with playing(equipped(tmp_path), clock, size) as hands:
        if side_width(size[0]):
            await hands.until(lambda: hands.app.view.control_rows)
        await play_on(hands, clock, 6.0)
        for layout in ("play", "stage", "latents"):
            assert hands.app.layout_name == layout
            assert hands.app.export_screenshot() == pictures(name=layout)
            await hands.press(*(["f10"] if layout == "stage" else []), "plus")


async def test_picture_of_decks_in_trouble_at_each_size(pictures, tmp_path, clock):
    async with playing(troubled(tmp_path), clock) as hands:
        await make_trouble(hands, clock)
        for columns, lines in SIZES:
            await hands.pilot.resize_terminal(columns, lines)
            await hands.settle()
            assert hands.app.export_screenshot() == pictures(name=f"{columns}x{lines}")
