#!/bin/sh
# Checks everything: format, lint, types, who may import whom, and the tests: first those that only compute, on
# all cores; then those that start stages, three at a time; last those that need the machine to themselves,
# because they count what is lost in real time. With arguments, pytest runs once, with these.
set -eu
cd "$(dirname "$0")"
./setup.sh test
bin=.venv/bin
$bin/ruff format --check -q .
$bin/ruff check -q .
$bin/mypy
$bin/lint-imports --no-cache >/dev/null || { $bin/lint-imports --no-cache; exit 1; }
[ $# -eq 0 ] || exec $bin/python -m pytest "$@"
export OMP_NUM_THREADS=1
$bin/python -m pytest -n auto --dist loadfile --ignore tests/live --ignore tests/stage
$bin/python -m pytest -n 3 --dist load -m "not alone" tests/stage tests/live
exec $bin/python -m pytest -m alone tests/stage tests/live
