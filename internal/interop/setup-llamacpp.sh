#!/bin/sh
# Installs llama.cpp, as node-llama-cpp packs it for Linux on x86 (some 85 MB), pinned, and prints the directory that has it. No
# script of the packages is run, and nothing is built. Running it again costs nothing.
set -eu
version=3.22.1
dir="${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/node-llamacpp"
if [ "$(cat "$dir/.holdfast-version" 2>/dev/null || true)" != "$version" ]; then
	rm -rf "$dir"
	mkdir -p "$dir"
	echo '{"private": true}' >"$dir/package.json"
	npm install --prefix "$dir" --ignore-scripts --no-audit --no-fund --silent --omit=optional "node-llama-cpp@$version" "@node-llama-cpp/linux-x64@$version" >&2
	printf '%s' "$version" >"$dir/.holdfast-version"
fi
echo "$dir"
