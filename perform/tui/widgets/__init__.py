"""What the playing screen is made of: a few large widgets that draw whole lines."""
