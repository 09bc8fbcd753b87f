"""perform: a terminal instrument for playing RAVE neural audio models live."""

import os
import sys
import time

__version__ = "0.1.0"

# ONNX Runtime 1.29 and later reports to its maker and writes a device id to the user's cache. It reads this
# variable once, when it is imported; every process of perform imports this package before that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Before Python 3.13 this clock moves in steps of 15.6 ms on Windows, too coarse for frames. All processes of
# perform compare times of `time.monotonic`, and import this package first.
if sys.platform == "win32" and sys.version_info < (3, 13):
    time.monotonic = time.perf_counter
