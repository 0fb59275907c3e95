#!/bin/sh
# Installs the peers of the scorecard, pinned, into a directory of their own, and prints its path: node_modules is in it, and
# bin/python is the interpreter of those from PyPI. Running it again costs nothing.
set -eu
vard=1.2.0 llm_guardrail=2.1.2 llmverify=1.6.1 prompt_guardrail=1.0.1 sklearn=1.9.1
pinned="$vard $llm_guardrail $llmverify $prompt_guardrail $sklearn"
dir="${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/detect-peers"
if [ "$(cat "$dir/.holdfast-version" 2>/dev/null || true)" != "$pinned" ]; then
	rm -rf "$dir"
	mkdir -p "$(dirname "$dir")"
	python3 -m venv "$dir" >&2
	"$dir/bin/python" -m pip install --quiet --disable-pip-version-check "prompt-guardrail==$prompt_guardrail" "scikit-learn==$sklearn" >&2
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$dir" "@andersmyrmel/vard@$vard" "llm_guardrail@$llm_guardrail" "llmverify@$llmverify" >&2
	printf '%s' "$pinned" >"$dir/.holdfast-version"
fi
echo "$dir"
