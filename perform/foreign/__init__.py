"""Third-party modules: scanned, asked for consent, sandboxed, played."""
