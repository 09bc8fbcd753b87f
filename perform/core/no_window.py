"""A flag for starting a process, so that on Windows none of perform's processes opens a console window."""

from __future__ import annotations

import sys

NO_WINDOW = 0x08000000 if sys.platform == "win32" else 0
"""For `creationflags` of `subprocess.Popen`: CREATE_NO_WINDOW; the other systems have no such flag."""
