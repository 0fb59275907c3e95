#!/bin/sh
# Installs llama.cpp's reader of GGUF files for Python, pinned, into a virtual environment of its own, and prints the path of its
# interpreter. Running it again costs nothing.
set -eu
version=0.19.0
dir="${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/py-gguf"
if [ "$(cat "$dir/.holdfast-version" 2>/dev/null || true)" != "$version" ]; then
	rm -rf "$dir"
	mkdir -p "$(dirname "$dir")"
	python3 -m venv "$dir" >&2
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check "gguf==$version" numpy==2.4.6 >&2
	printf '%s' "$version" >"$dir/.holdfast-version"
fi
echo "$dir/bin/python"
