#!/bin/sh
# The browser tests need a Chromium; where there is none, the system's package manager has one.
for name in chromium chromium-browser google-chrome; do command -v "$name" >/dev/null && exit 0; done
[ -d "/Applications/Google Chrome.app" ] && exit 0
echo "Installing Chromium"
as_root=$([ "$(id -u)" = 0 ] || echo sudo)
$as_root apt-get update -qq && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
