#!/bin/sh
# Fetches tink-java from Maven Central, pinned in tinkjava/pom.xml, compiles the peer program, and prints the class path to
# run it with. Running it again costs nothing.
set -eu
here="$(cd "$(dirname "$0")" && pwd)/tinkjava"
dir="${HOLDFAST_CACHE:-$HOME/.cache/holdfast}/java-tink"
jar=30df12a1f59045637213477656e01f6fbcc02616c20da1696cbd4643ada668ef # SHA-256 of tink-1.18.0.jar
want=$(cat "$here/pom.xml" "$here/Peer.java" "$0" | sha256sum)
if [ "$(cat "$dir/.installed" 2>/dev/null || true)" != "$want" ]; then
	if ! command -v mvn >/dev/null || ! command -v javac >/dev/null; then
		apt-get update -qq >&2
		apt-get install -qq -y maven default-jdk-headless >&2
	fi
	rm -rf "$dir"
	mkdir -p "$dir/lib" "$dir/classes"
	mvn --quiet --batch-mode --file "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory="$dir/lib" >&2
	echo "$jar  $dir/lib/tink-1.18.0.jar" | sha256sum --check --quiet >&2
	javac -d "$dir/classes" -cp "$dir/lib/*" "$here/Peer.java" >&2
	printf '%s' "$want" >"$dir/.installed"
fi
echo "$dir/classes:$dir/lib/*"
