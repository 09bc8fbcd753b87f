#!/bin/sh
# Checks everything: format, lint, types, who may import whom, and the tests. Types and tests that only compute run
# on all cores, at the lowest priority, in the time that the tests with stages leave free. Tests marked `alone`
# measure real time: they run last, with nothing beside them. With --long, what tests/short_run.py leaves out runs
# too. With other arguments, pytest runs once, with these.
set -eu
cd "$(dirname "$0")"
unset PYTHONDONTWRITEBYTECODE  # else each of some thousand processes compiles all of its modules anew
export PIP_NO_COMPILE=1  # of the packages, only what is imported is compiled, when it is
./setup.sh test
bin=.venv/bin
$bin/ruff format --check -q .
$bin/ruff check -q .
low="nice -n 19"
types() { $low $bin/mypy && { $low $bin/lint-imports --no-cache >/dev/null || $bin/lint-imports --no-cache; }; }
long=
[ "$*" = --long ] && long=--long && shift
[ $# -eq 0 ] || { types && exec $bin/python -m pytest "$@"; }
export OMP_NUM_THREADS=1
cores=$(getconf _NPROCESSORS_ONLN)
log=$(mktemp) types_log=$(mktemp)
PERFORM_TEST_CACHE=$(mktemp -d) && export PERFORM_TEST_CACHE
{
    failed=0
    types >"$types_log" 2>&1 &
    types=$!
    [ "${PERFORM_TEST_PEERS:-}" != build ] || $low $bin/python tests/peers/environment.py >/dev/null 2>&1 &
    $low $bin/python -m pytest -n $((2 * cores)) --dist loadfile --no-loadscope-reorder \
        -m "not alone" --ignore tests/live --ignore tests/stage $long || failed=1
    wait $types || failed=1
    cat "$types_log"
    exit $failed
} >"$log" 2>&1 &
computing=$!
trap 'pkill -P $computing || true; kill $computing 2>/dev/null || true; rm -rf "$log" "$types_log" "$PERFORM_TEST_CACHE"' EXIT
failed=0
$bin/python -m pytest -m "not alone" $long tests/stage tests/live || failed=1
wait $computing || failed=1
cat "$log"
$bin/python -m pytest -rs -m alone $long tests/stage tests/live tests/control || failed=1
exit $failed
