"""The screen (Textual): draws the meters, writes the parameter table."""
