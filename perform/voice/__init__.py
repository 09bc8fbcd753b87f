"""The host process: it renders the voices of one model just in time."""
