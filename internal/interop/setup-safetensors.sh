#!/bin/sh
# Installs the reference reader of safetensors, pinned, into a virtual environment of its own, and prints the path of its
# interpreter. Running it again costs nothing.
set -eu
packages="safetensors==0.8.0"
dir="${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/py-safetensors"
if [ "$(cat "$dir/.holdfast-version" 2>/dev/null || true)" != "$packages" ]; then
	rm -rf "$dir"
	mkdir -p "$(dirname "$dir")"
	python3 -m venv "$dir" >&2
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check "$packages" >&2
	printf '%s' "$packages" >"$dir/.holdfast-version"
fi
echo "$dir/bin/python"
