"""The stage process: children, decks, songs, scenes and undo; the client for screen and verbs. No torch."""
