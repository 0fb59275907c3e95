#!/bin/sh
# Installs the reference implementation of OpenSSF Model Signing, pinned with all it depends on, into a virtual environment
# of its own, and prints the path of its command. Running it again costs nothing.
set -eu
pins="$(dirname "$0")/sign_requirements.txt"
dir="${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/py-model-signing"
if ! cmp -s "$pins" "$dir/.installed"; then
	rm -rf "$dir"
	mkdir -p "$(dirname "$dir")"
	python3 -m venv "$dir" >&2
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --requirement "$pins" >&2
	"$dir/bin/model_signing" --version >&2
	cp "$pins" "$dir/.installed"
fi
echo "$dir/bin/model_signing"
