"""A model for other players: TorchScript for nn~, ONNX for the rest.

`layers`, `parts` and `prior` are what TorchScript makes of a model, `nntilde` the module around them, `files`
what is written.
"""

from perform.rave.export.export_files import ROWS, onnx_model, own, torchscript

__all__ = ["ROWS", "onnx_model", "own", "torchscript"]
