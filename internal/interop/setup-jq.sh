#!/usr/bin/env bash
# jq runs the queries of docs/observability over audit events.
set -euo pipefail
command -v jq >/dev/null || { apt-get update -qq && apt-get install -qq -y jq >/dev/null; }
jq --version
