"""Third-party modules (scan, consent, sandbox, playing), and the conversion of RAVE exports."""
