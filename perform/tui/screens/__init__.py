"""The play screen, the latent screen, and the dialogs above them."""
