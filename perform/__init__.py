"""perform: a terminal instrument for playing RAVE neural audio models live."""

__version__ = "0.1.0"
