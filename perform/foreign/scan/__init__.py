"""What may be loaded as TorchScript at all."""
