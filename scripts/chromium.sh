#!/bin/sh
# Prints the path of a Chromium for the browser tests; installs one where there is none. Messages go to stderr.
set -eu
cd "$(dirname "$0")/.."

found() { # print $1 and stop if it is a browser that starts
    if [ -n "$1" ] && [ -x "$1" ] && "$1" --version >/dev/null 2>&1; then
        echo "$1"
        exit 0
    fi
}

system_browser() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        found "$(command -v "$name" 2>/dev/null || true)"
    done
    for path in /usr/bin/chromium \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
        "/Applications/Chromium.app/Contents/MacOS/Chromium"; do
        found "$path"
    done
}

playwright_browser() {
    found "$(.venv/bin/python - 2>/dev/null <<'PYTHON' || true
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
PYTHON
    )"
}

install_with_apt() { # only where nobody is asked for a password
    command -v apt-get >/dev/null 2>&1 || return 0
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        return 0
    fi
    echo "Installing Chromium for the browser tests (apt-get)" >&2
    # shellcheck disable=SC2086  # as_root is none or two words
    { $as_root apt-get update -q &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium; } >&2 || true
}

if [ -n "${CHROMIUM:-}" ]; then
    found "$CHROMIUM"
    echo "vgg-viz: CHROMIUM=$CHROMIUM does not start; give the path of a Chromium or Chrome, or leave it out." >&2
    exit 1
fi

system_browser
playwright_browser
install_with_apt
system_browser
echo "Installing Chromium for the browser tests (playwright)" >&2
# Without --with-deps: that would upgrade libraries of the whole system for the sake of a test.
.venv/bin/python -m playwright install chromium >&2 || true
playwright_browser

echo "vgg-viz: the browser tests need Chromium and none could be installed; install Chromium or Chrome" \
    "(Debian/Ubuntu: apt-get install chromium, macOS: brew install --cask chromium) or set CHROMIUM to its path." >&2
exit 1
