// Package json holds internal/strictjson against the JSON parsers that Go servers use, and the guard's decoders against the
// content encodings that clients use: a text that is accepted means the same to all of encoding/json, the JSON v2 of
// go-json-experiment, sonic and gjson, so that no server behind the guard reads another request than the guard did.
// Run with: go -C internal/interop/json test ./...
package json
