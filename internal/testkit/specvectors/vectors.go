package main

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/transcript"
)

func build() ([]file, error) {
	dsse, err := dsseVectors()
	if err != nil {
		return nil, err
	}
	seal, err := sealVectors()
	if err != nil {
		return nil, err
	}
	model, err := modelVectors()
	if err != nil {
		return nil, err
	}
	release, err := releaseVectors()
	if err != nil {
		return nil, err
	}
	receipts, err := receiptVectors()
	if err != nil {
		return nil, err
	}
	denied, err := denyListVectors()
	if err != nil {
		return nil, err
	}
	detector, err := detectModelVectors()
	if err != nil {
		return nil, err
	}
	return []file{
		{name: "transcript.json", Section: "1", Vectors: append(transcriptVectors(), keyHashVectors()...)},
		{name: "model.json", Section: "2", Vectors: model},
		{name: "seal.json", Section: "3", Vectors: seal},
		{name: "evidence.json", Section: "4", Vectors: evidenceVectors()},
		{name: "dsse.json", Section: "5", Vectors: dsse},
		{name: "channel.json", Section: "6", Vectors: channelVectors()},
		{name: "release.json", Section: "7", Vectors: release},
		{name: "receipt.json", Section: "8", Vectors: receipts},
		{name: "denylist.json", Section: "10", Vectors: denied},
		{name: "detectmodel.json", Section: "10", Vectors: detector},
	}, nil
}

// fill returns n bytes that count up from first.
func fill(n int, first byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func fill32(first byte) [32]byte { return [32]byte(fill(32, first)) }

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// A field is one field of a transcript: exactly one of Bytes (hex), String, Uint64 (decimal text) or Absent is set.
type field map[string]any

func bytesField(b []byte) field  { return field{"bytes": hexOf(b)} }
func stringField(s string) field { return field{"string": s} }
func uint64Field(v uint64) field { return field{"uint64": v} }
func absentField() field         { return field{"absent": true} }
func apply(t *transcript.T, f field) {
	switch {
	case f["bytes"] != nil:
		b, _ := hex.DecodeString(f["bytes"].(string))
		t.Bytes(b)
	case f["string"] != nil:
		t.String(f["string"].(string))
	case f["uint64"] != nil:
		t.Uint64(f["uint64"].(uint64))
	default:
		t.Absent()
	}
}

func transcriptVectors() []vector {
	cases := []struct {
		name, label string
		fields      []field
	}{
		{"no fields", "holdfast/test/v1", nil},
		{"empty label", "", nil},
		{"empty is not absent: empty", "holdfast/test/v1", []field{bytesField(nil)}},
		{"empty is not absent: absent", "holdfast/test/v1", []field{absentField()}},
		{"all kinds", "holdfast/test/v1", []field{stringField("a/b"), bytesField([]byte{0, 1, 255}), uint64Field(7), absentField(), stringField("")}},
		{"boundary left", "holdfast/test/v1", []field{stringField("ab"), stringField("c")}},
		{"boundary right", "holdfast/test/v1", []field{stringField("a"), stringField("bc")}},
		{"label is a field", "holdfast/test", []field{stringField("/v1")}},
		{"integers", "holdfast/test/v1", []field{uint64Field(0), uint64Field(1 << 32), uint64Field(math.MaxUint64)}},
		{"utf-8", "holdfast/test/v1", []field{stringField("modèle-模型")}},
		{"longer than one block", "holdfast/test/v1", []field{bytesField(fill(300, 0)), stringField(strings.Repeat("x", 257))}},
	}
	var out []vector
	for _, c := range cases {
		t := transcript.New(c.label)
		for _, f := range c.fields {
			apply(t, f)
		}
		h256, h512 := t.SHA256(), t.SHA512()
		out = append(out, vector{c.name, "transcript",
			map[string]any{"label": c.label, "fields": c.fields},
			map[string]any{"encoding": hexOf(t.Encoding()), "sha256": hexOf(h256[:]), "sha512": hexOf(h512[:])}})
	}
	return out
}

func keyHashVectors() []vector {
	var out []vector
	for _, suite := range []string{transcript.SuiteECDSAP256, transcript.SuiteMLKEM768X25519, "unknown"} {
		key := fill(91, 3)
		h := transcript.KeyHash(suite, key)
		out = append(out, vector{suite, "key-hash", map[string]any{"suite": suite, "key": hexOf(key)}, map[string]any{"hash": hexOf(h[:])}})
	}
	return out
}

func sum(b []byte) []byte {
	d := sha256.Sum256(b)
	return d[:]
}
