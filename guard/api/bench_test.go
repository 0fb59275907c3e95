package api

import (
	"strings"
	"testing"
)

func BenchmarkChat1KiB(b *testing.B) {
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat(`a line of prose that is quoted \"here\"\n`, 24) + `"}],"max_tokens":64}`)
	var c Request
	d, _ := New(OpenAIChat)
	v := NewValidator()
	b.Run("parse", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			if err := d.Request(&c, body, nil, Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("validate", func(b *testing.B) { // the share of the tags
		b.ReportAllocs()
		for b.Loop() {
			if err := v.Struct(&c.Params); err != nil {
				b.Fatal(err)
			}
		}
	})
}
