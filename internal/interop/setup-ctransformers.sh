#!/bin/sh
# Installs ctransformers for Python, pinned, into a virtual environment of its own, and prints the path of its interpreter: an
# engine of GGUF files built on llama.cpp, in one wheel of 10 MB. Its client of model hubs is left out, and stood in for by
# foreign_engine.py. Running it again costs nothing.
set -eu
version=0.2.27
dir="${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/py-ctransformers"
if [ "$(cat "$dir/.holdfast-version" 2>/dev/null || true)" != "$version" ]; then
	rm -rf "$dir"
	mkdir -p "$(dirname "$dir")"
	python3 -m venv "$dir" >&2
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "ctransformers==$version" py-cpuinfo==9.0.0 >&2
	printf '%s' "$version" >"$dir/.holdfast-version"
fi
echo "$dir/bin/python"
