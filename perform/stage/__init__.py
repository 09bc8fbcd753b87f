"""In charge: songs, supervision, the handle that screens and verbs hold. No torch."""
