"""perform: a terminal instrument for playing RAVE neural audio models live."""

import os

__version__ = "0.1.0"

# ONNX Runtime 1.29 and later reports to its maker and writes a device id to the user's cache. It reads this
# variable once, when it is imported; every process of perform imports this package before that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
