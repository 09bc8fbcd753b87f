"""A child that does nothing until its orders end."""

import sys

sys.stdin.read()
