"""Export a model for other players: TorchScript for nn~, ONNX for the rest.

`nn_module` is the module that nn~ calls: our layers, compiled, and the state of their streams
(`stream_memory`). `export_files` writes the files.
"""

from perform.rave.export.export_files import ROWS, model_in_export, onnx_model, torchscript

__all__ = ["ROWS", "model_in_export", "onnx_model", "torchscript"]
