"""Export a model for other players: TorchScript for nn~, ONNX for the rest.

`nn_module` is the module that nn~ calls: our layers, compiled, and the state of their streams
(`stream_memory`). `export_files` writes the files.
"""

from perform.rave.export.export_files import ROWS, onnx_model, own, torchscript

__all__ = ["ROWS", "onnx_model", "own", "torchscript"]
