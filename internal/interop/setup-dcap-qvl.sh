#!/bin/sh
# Installs dcap-qvl, pinned, into a virtual environment of its own, and prints the path of its interpreter.
set -eu
version=0.7.0
dir="${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/py-dcap-qvl"
if [ "$(cat "$dir/.holdfast-version" 2>/dev/null || true)" != "$version" ]; then
	rm -rf "$dir"
	mkdir -p "$(dirname "$dir")"
	python3 -m venv "$dir" >&2
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check "dcap-qvl==$version" >&2
	printf '%s' "$version" >"$dir/.holdfast-version"
fi
echo "$dir/bin/python"
