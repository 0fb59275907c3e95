#!/bin/sh
# Installs scanners of pickles and numpy, pinned, into a virtual environment of their own, and prints the path of its interpreter.
# Running it again costs nothing.
set -eu
packages="picklescan==1.0.5 fickling==0.1.12 modelscan==0.8.8 numpy==2.4.6 typing_extensions==4.16.0"
dir="${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/py-picklescan"
if [ "$(cat "$dir/.holdfast-version" 2>/dev/null || true)" != "$packages" ]; then
	rm -rf "$dir"
	mkdir -p "$(dirname "$dir")"
	python3 -m venv "$dir" >&2
	# shellcheck disable=SC2086
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check $packages >&2
	printf '%s' "$packages" >"$dir/.holdfast-version"
fi
echo "$dir/bin/python"
