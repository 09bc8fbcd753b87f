"""Models ready to play: compiled graphs on ONNX Runtime, their streams, resampling."""
