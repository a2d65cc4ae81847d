#!/bin/sh
# Makes .venv and installs into it: `install.sh run` what the dashboard needs, `install.sh dev` also what tests need.
#
# A stamp inside .venv holds a checksum of everything that decides what is installed. It is removed before pip starts
# and written after pip succeeded, so that an interrupted install is done again and a finished one costs milliseconds.
set -eu
cd "$(dirname "$0")/.."

# torch 2.14 has wheels for these; a newer Python would end in a page of resolver output.
MINORS="11 12 13 14"

fail() {
    echo "vgg-viz: $*" >&2
    exit 1
}

fits() { # does command $1 start a Python we can use?
    "$1" -c "import sys; sys.exit(str(sys.version_info[1]) not in '$MINORS'.split() or sys.version_info[0] != 3)" \
        >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        fits "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11 to 3.14; give another one or leave PYTHON out."
        command -v "$PYTHON"
        return
    fi
    for candidate in python3 python3.13 python3.12 python3.11 python3.14; do
        if fits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    fail "needs Python 3.11 to 3.14, found $(python3 --version 2>/dev/null || echo none); install one" \
        "(macOS: brew install python@3.13, Debian/Ubuntu: apt-get install python3 python3-venv) and run make again."
}

case "${1:-}" in
    run) requirements=requirements.txt ;;
    dev) requirements=requirements-dev.txt ;;
    *) fail "usage: scripts/install.sh run|dev" ;;
esac

# The path is part of it: an editable install of a checkout that was moved points to the old place.
wanted=$({ pwd && cat requirements.txt requirements-dev.txt pyproject.toml scripts/install.sh; } | cksum)
stamp=.venv/.installed-$1
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

# Also repairs a .venv whose making was interrupted or whose Python has been uninstalled.
if ! fits .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    # Debian and Ubuntu ship Python without these two.
    "$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || fail "$python cannot make virtual environments;" \
        "on Debian/Ubuntu: apt-get install python3.$("$python" -c 'import sys; print(sys.version_info[1])')-venv" \
        "(as root), then run make again."
    echo "Making .venv with $python"
    "$python" -m venv --clear .venv || fail "could not make .venv with $python; see the message above."
fi

echo "Installing from $requirements (the first time: minutes, and several GB for PyTorch)"
quiet=
[ -t 1 ] || quiet=--quiet # a log needs no progress bars; a person waiting does
rm -f .venv/.installed-run .venv/.installed-dev
# All opencv packages lie in one folder, and whichever was installed last wins: an older .venv may have another one
# than requirements.txt asks for. Taking it away takes files of the right one along, so both go.
for other in opencv-python opencv-python-headless opencv-contrib-python; do
    if .venv/bin/python -m pip show --quiet "$other" >/dev/null 2>&1; then
        .venv/bin/python -m pip uninstall --yes --quiet "$other" opencv-contrib-python-headless
    fi
done
# shellcheck disable=SC2086  # quiet is none or one word
PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install $quiet -r "$requirements" ||
    fail "the installation failed (pip's message is above); with network and disk space checked, run make again."

# It asks for opencv-python-headless, which must not lie beside opencv-contrib-python-headless; pyproject.toml lists
# what else it needs.
if [ "$1" = dev ]; then
    PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install $quiet --no-deps 'grad-cam>=1.5,<2' ||
        fail "grad-cam could not be installed (pip's message is above); run make again."
fi

# What tests need includes what the dashboard needs.
[ "$1" = run ] || echo "$wanted" >.venv/.installed-run
echo "$wanted" >"$stamp"
