#!/bin/sh
# Installs the official clients of Anthropic and Ollama for Python, and of OpenAI for JavaScript, pinned, into a directory
# of its own, and prints its path: bin/python is the interpreter, node_modules is beside it. Running it again costs nothing.
set -eu
anthropic=2.14.0 ollama=0.6.3 openai=6.49.0
pinned="$anthropic $ollama $openai"
dir="${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/clients"
if [ "$(cat "$dir/.holdfast-version" 2>/dev/null || true)" != "$pinned" ]; then
	rm -rf "$dir"
	mkdir -p "$(dirname "$dir")"
	python3 -m venv "$dir" >&2
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check "anthropic==$anthropic" "ollama==$ollama" >&2
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$dir" "openai@$openai" >&2
	printf '%s' "$pinned" >"$dir/.holdfast-version"
fi
echo "$dir"
