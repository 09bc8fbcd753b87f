"""Scanning TorchScript archives before they are loaded."""
