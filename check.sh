#!/bin/sh
# Checks everything: format, lint, types, who may import whom, and the tests: first those that only compute, on
# all cores; then those that start stages. With arguments, pytest runs once, with these.
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
exec $bin/python -m pytest tests/stage tests/live
