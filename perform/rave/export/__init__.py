"""Export a model for other players: TorchScript for nn~, ONNX for the rest.

`nn_module` is the module that nn~ calls: our layers, compiled, and the state of their streams
(`stream_memory`). `export_files` writes the files; `reshaping` changes latents and rate before.
"""

from perform.rave.export.export_files import ROWS, model_in_export, onnx_model, torchscript
from perform.rave.export.reshaping import at_rate, latents_for, with_latents

__all__ = ["ROWS", "at_rate", "latents_for", "model_in_export", "onnx_model", "torchscript", "with_latents"]
