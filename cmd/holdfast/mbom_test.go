package main

import (
	"testing"

	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/mbom/model"
)

// What mbom lists as refused is what a server refuses by default, each for its own reason.
func TestUnsafeFormat(t *testing.T) {
	for _, c := range []struct {
		name, format string
		size         int64
		want         string
	}{
		{"LICENSE", "text", 10, ""},
		{"train.txt", "text", mbom.MaxInspected, ""},
		{"train.txt", "text", mbom.MaxInspected + 1, "text above 64 MiB"},
		{"vocab.json", "json", mbom.MaxInspected + 1, "json above 64 MiB"},
		{"model.safetensors", "safetensors", 1 << 40, ""},
		{"Model.GGUF", "gguf", 1 << 40, ""},
		{"weights.bin", "safetensors", 1 << 40, "safetensors under another name"},
		{"model.bin", "torch", 1 << 40, "torch"},
		{"model.pt", "text", 1, "pickle"},
		{"config.json", "text", 1, "text under another name"},
	} {
		if got := unsafeFormat(model.File{Name: c.name, Size: c.size, Format: c.format}); got != c.want {
			t.Errorf("%s of %d bytes, %s: %q, want %q", c.name, c.size, c.format, got, c.want)
		}
	}
}
