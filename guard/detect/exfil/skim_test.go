package exfil_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-ai/holdfast/guard/detect/exfil"
	"github.com/holdfast-ai/holdfast/guard/stream"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// What is passed over is read as what comes byte by byte, which never is.
func TestSkimmedIsRead(t *testing.T) {
	h := hosts(t)
	fragments := []string{
		"https://evil.example/a.png", "//evil.example/a.png", "https", ":", "//", "www.evil.example/", "?d=my.secret.password.is.hunter2", "javascript:alert(1)", "mailto:", "word", "Word,", "a/b/c", "10:30", "k:v", "a@[b]", "@", "user@", "[::1]",
		"<img", "<link", "<a", "alt", "src", "href", "style", "=", "\"", "'", ">", "<", "![", "[", "](", "](", ")", "]:", "[r]: ", "!", "`", "\\", "&colon;", "\n", "\n\n", "\r\n", " ", "    ", " \t ", strings.Repeat(" \n", 150), strings.Repeat("x ", 90), strings.Repeat("y", 300), "é", "_", "*", "~",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(fragments), 1, 14).Draw(t, "fragments"), ""))
		s := h.Start()
		var want []stream.Match
		for i := range text {
			want, _, _ = s.Write(want, text[i:i+1])
		}
		want, _ = s.Finish(want)
		if got := find(h, string(text)); !slices.Equal(got, want) {
			t.Fatalf("%q: %v, byte by byte %v", text, got, want)
		}
	})
}

// White space counts as one byte, however much of it stands in front of an attribute.
func TestSpaceHidesNoTag(t *testing.T) {
	h := hosts(t)
	for _, space := range []string{" ", "\n", " \n\t", "\r\n "} {
		for _, text := range []string{"<link rel=a" + strings.Repeat(space, 400) + "href=\"https://evil.example/a.css\">", "<link" + strings.Repeat(space, 400) + "rel=a" + strings.Repeat(space, 400) + "title=b href=https://evil.example/a.css>"} {
			for _, text := range []string{text, strings.Repeat("word ", 300) + text, strings.Repeat("a  b ", 300) + text} {
				if ms := find(h, text); len(ms) != 1 || ms[0].Rule != exfil.RuleImage {
					t.Errorf("%d × %q: %v", 400, space, ms)
				}
			}
		}
	}
	if ms := find(h, "<link "+strings.Repeat("ab  ", 75)+"href=https://evil.example/a.css>"); len(ms) != 1 {
		t.Error(ms)
	}
	if ms := find(h, "<link "+strings.Repeat("a ", 200)+"href=https://evil.example/a.css>"); len(ms) != 0 { // so far it is looked
		t.Error(ms)
	}
}

// A word that never ends is looked at twice, however long it is.
func TestLongWordsCostByTheirLength(t *testing.T) {
	h := hosts(t)
	reading := func(n int) func() {
		text := strings.Repeat("a", n)
		return func() { find(h, text) }
	}
	testkit.CostsAtMost(t, "16 times the length", 40, reading(1<<21), reading(1<<17))
}

func BenchmarkWrite(b *testing.B) {
	h := hosts(b)
	text := []byte(strings.Repeat("The harbour opens at six in the morning (local time), and `go test ./...` says so: see https://docs.example.com/a.\n", 900))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var ms []stream.Match
	for b.Loop() {
		s := h.Start()
		ms, _, _ = s.Write(ms[:0], text)
		ms, _ = s.Finish(ms)
	}
}
