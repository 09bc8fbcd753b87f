#!/bin/sh
# Checks everything: format, lint, types, who may import whom, and the tests. Arguments go to pytest.
set -eu
cd "$(dirname "$0")"
./setup.sh test
bin=.venv/bin
$bin/ruff format --check -q .
$bin/ruff check -q .
$bin/mypy
$bin/lint-imports --no-cache >/dev/null || { $bin/lint-imports --no-cache; exit 1; }
exec $bin/python -m pytest "$@"
