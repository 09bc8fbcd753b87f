#!/bin/sh
# Sets perform up in .venv beside this file: system packages, a Python environment, the CPU build of torch.
#   ./setup.sh         what playing needs
#   ./setup.sh test    and what the tests need: a JACK server, tmux
# Run it again at any time: what is there is left alone. On macOS and Windows it is `pip install .` alone.
set -eu
cd "$(dirname "$0")"

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

packages="libportaudio2 python3-venv"
if [ "${1:-}" = test ]; then
    packages="$packages jackd2 libjack-jackd2-0 tmux procps g++ groff-base"
    # elsewhere (Ubuntu) chromium is a snap: there a browser that is installed already is used. zsh and fish are two
    # more shells to complete words in; their tests are skipped where they are missing
    grep -qs '^ID=debian$' /etc/os-release && packages="$packages chromium zsh fish"
fi

python=""
for candidate in ${PYTHON:-python3.12 python3.11 python3 python3.13 python3.14}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
# python-rtmidi has no wheel for 3.13 and later: there it is built
if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then
    packages="$packages build-essential python3-dev libasound2-dev libjack-jackd2-dev pkg-config"
fi
[ -n "$python" ] || packages="$packages python3"

if command -v dpkg-query >/dev/null 2>&1; then
    missing=""
    for package in $packages; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
    done
    if [ -n "$missing" ]; then
        root=""
        if [ "$(id -u)" != 0 ]; then
            command -v sudo >/dev/null 2>&1 || fail "please have root run: apt-get install$missing"
            root=sudo
            sudo -v || fail "please have root run: apt-get install$missing"
        fi
        say "installing$missing"
        install() {
            $root apt-get update -qq || say "the package lists could not be refreshed; trying with the old ones"
            # shellcheck disable=SC2086
            $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2 ||
                fail "apt-get could not install$missing"
        }
        if [ -n "$python" ] && "$python" -c 'import ensurepip' 2>/dev/null; then
            install &  # while pip fetches the Python packages
            installing=$!
        else
            install
        fi
    fi
else
    say "no Debian here: PortAudio must be there for sound (else perform plays on a silent clock): $packages"
fi

python=${python:-python3}
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' ||
    fail "Python 3.11 to 3.14 is needed; name one with PYTHON=/path/to/python3.12 ./setup.sh"
[ -x .venv/bin/python ] || "$python" -m venv .venv || fail "no environment could be made with $python -m venv"

pip=".venv/bin/python -m pip --disable-pip-version-check"
if ! .venv/bin/python -c 'import importlib.metadata as m; m.version("torch")' 2>/dev/null; then
    say "installing torch (the CPU build; for CUDA install torch yourself into .venv first)"
    $pip install -q --no-deps --retries 1 --index-url https://download.pytorch.org/whl/cpu 'torch>=2.6,<2.14' ||
        fail "torch could not be fetched from download.pytorch.org; is there a network?"
fi
if [ "${1:-}" = test ]; then
    $pip install -q -e '.[test]'
else
    $pip install -q -e .
fi || fail "the Python packages could not be installed; the lines above say which"
[ -z "${installing:-}" ] || wait "$installing" || exit 1
.venv/bin/python -c 'import rtmidi' 2>/dev/null || $pip install -q -e '.[midi]' ||
    say "python-rtmidi could not be built: perform plays without MIDI; .venv/bin/perform doctor says what it needs"
say "ready: .venv/bin/perform"
