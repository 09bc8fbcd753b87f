"""Everything that writes the parameter table."""
