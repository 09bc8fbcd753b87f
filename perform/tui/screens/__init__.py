"""The screens: the one that plays, and the dialogs above it."""
