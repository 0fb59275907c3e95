#!/bin/sh
# Installs SentencePiece, the last version that follows the offsets of a model wherever they lead, and the tokenizers that
# Mistral publishes in a package for Python, pinned, into a virtual environment of their own, and prints the path of its
# interpreter. Running it again costs nothing.
set -eu
version="0.2.0 1.13.1"
dir="${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/py-sentencepiece"
if [ "$(cat "$dir/.holdfast-version" 2>/dev/null || true)" != "$version" ]; then
	rm -rf "$dir"
	mkdir -p "$(dirname "$dir")"
	python3 -m venv "$dir" >&2
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check "sentencepiece==${version% *}" >&2
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps "mistral-common==${version#* }" >&2
	printf '%s' "$version" >"$dir/.holdfast-version"
fi
echo "$dir/bin/python"
