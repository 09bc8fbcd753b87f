"""The scan of a TorchScript archive, before it is loaded."""
