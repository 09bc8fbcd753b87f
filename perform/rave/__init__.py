"""The RAVE model: torch only, usable without the rest of perform."""
