"""A summary of a corpus, shown before training: length, level, clipping, files left out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

LITTLE_MIN = 20.0
"""With fewer minutes, a model is likely to overfit."""
NAMED = 5
"""Most files named for each kind of problem."""


@dataclass
class CorpusSurvey:
    """For each file by name: seconds, kept, rate, peak, power, clipped; or why it was left out.

    others : files of the folder that are no sound files, each with the reason
    """

    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, facts: dict[str, Any]) -> None:
        """Add the facts of a file."""
        self.files[name] = facts

    def to_dict(self) -> dict[str, Any]:
        """Return the survey for JSON; files added later are included."""
        return {"files": self.files, "others": self.others}

    def skipped(self) -> dict[str, str]:
        """Return the files that are left out, and why."""
        reasons = {}
        for name, facts in self.files.items():
            if why := facts.get("why"):
                reasons[name] = why
            elif same := facts.get("same_as"):
                reasons[name] = f"the same sound as {same}"
            elif not facts["kept"]:
                reasons[name] = "silence"
        return reasons | self.others

    @property
    def minutes(self) -> float:
        """Minutes of sound, without silence."""
        left_out = self.skipped()
        seconds = [float(facts["kept"]) for name, facts in self.files.items() if name not in left_out]
        return sum(seconds) / 60

    def lines(self) -> list[str]:
        """Return the survey as lines of text, problems last."""
        skipped = self.skipped()
        used = {name: facts for name, facts in self.files.items() if name not in skipped}
        total, kept = (sum(facts[key] for facts in used.values()) for key in ("seconds", "kept"))
        power = sum(facts["power"] * facts["kept"] for facts in used.values()) / max(kept, 1e-9)
        peak = max((facts["peak"] for facts in used.values()), default=0.0)
        rates = sorted({facts["rate"] for facts in used.values()})
        lines = [
            f"{_count(len(used), 'file')}, {_time(total)} at {', '.join(map(str, rates))} Hz; "
            f"{_time(total - kept)} of silence left out",
            f"level {_db(math.sqrt(power)):.1f} dBFS, peak {_db(peak):+.1f} dBFS",
        ]
        levels = sorted(_db(math.sqrt(facts["power"])) for facts in used.values())
        if levels and levels[-1] - levels[0] > 20:
            spread = f"the files' levels range from {levels[0]:.0f} to {levels[-1]:.0f} dBFS"
            lines.append(f"{spread}: the model will learn little from the quiet ones")
        for what, found in (
            ("clipped", {n: f"{f['clipped']} samples" for n, f in used.items() if f["clipped"] > 10}),
            ("left out", skipped),
        ):
            lines += [f"{what}: {name} ({why})" for name, why in list(found.items())[:NAMED]]
            if len(found) > NAMED:
                lines.append(f"{what}: {len(found) - NAMED} more")
        if self.minutes < LITTLE_MIN:
            lines.append(
                f"{_time(kept)} of sound is little: the model may overfit; an hour of one kind is good"
            )
        return lines


def _time(seconds: float) -> str:
    if seconds < 60:
        return _count(round(seconds), "second")
    if seconds < 600:
        return f"{seconds / 60:.1f} minutes"
    return f"{round(seconds / 60)} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _db(level: float) -> float:
    return 20 * math.log10(max(level, 1e-6))
