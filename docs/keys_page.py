"""Writes docs/keys.md from the keys of the screen. `python docs/keys_page.py`"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from perform.tui import keys, page_keys
from perform.tui.key_command import KeyCommand

INTRO = """# Keys

Read this page to look up a key, or to give actions other keys.

Made from perform/tui/keys.py and page_keys.py by docs/keys_page.py. In the program, `?` shows the same list;
`perform docs --key-card > keys.html` makes one page of it to print, with your own keys.

`keys.toml`, beside [config.toml](config.md), gives actions other keys, by their names in the last column.
The help then shows yours; other texts on the screen keep the default keys. An action that has your key by
default loses it; only panic keeps its keys. You cannot give one key to two actions of one place.

```toml
[keys]
"stage.record" = "ctrl+t"
"xfade.less" = "é"
"screen.help" = "?,f5"
```
"""


def page() -> str:
    """The page: one table for each group of keys."""
    every = (*keys.KEYS, *keys.ALWAYS, *page_keys.SET_LIST, *page_keys.LATENTS)
    groups = dict.fromkeys(key.group for key in every)
    return INTRO + "".join(_table(group, (key for key in every if key.group == group)) for group in groups)


def _table(group: str, rows: Iterable[KeyCommand]) -> str:
    head = f"\n## {group}\n\n| key | what it does | name |\n| --- | --- | --- |\n"
    return head + "".join(f"| `{key.shown}` | {key.description} | `{key.id}` |\n" for key in rows)


if __name__ == "__main__":
    (Path(__file__).parent / "keys.md").write_text(page())
