package strictjson

import (
	"strings"
	"testing"
)

// Every byte at every place of a word ends a run of plain bytes, or does not, as the grammar says (RFC 8259, section 7).
func TestPlainRun(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				for _, around := range []byte{'a', ' ', 0x7f, '!', '#', '[', ']'} { // neighbours of those that are not plain too
					d := make([]byte, n)
					for i := range d {
						d[i] = around
					}
					d[at] = byte(c)
					want := n
					if c < 0x20 || c >= 0x80 || c == '"' || c == '\\' {
						want = at
					}
					if got := plainRun(d, 0); got != want {
						t.Fatalf("%q: %d, want %d", d, got, want)
					}
				}
			}
		}
	}
}

// A walker reads one text after the other without allocating, whatever the last one was, and keeps nothing of it: names are
// content.
func TestWalker(t *testing.T) {
	var w Walker
	ordinary := []byte(`{"secret":{"other":[1,"x"],"a":{"b":{}}},"c":null}`)
	for _, c := range []struct {
		text string
		ok   bool
	}{{string(ordinary), true}, {`{"secret":1,"SECRET":2}`, false}, {`{"secret":{"more":[`, false}, {"{" + strings.Repeat(`"`+strings.Repeat("secret", 20)+`":{`, 30) + strings.Repeat("}", 31), true}, {string(ordinary), true}} {
		if err := w.Walk([]byte(c.text), Limits{}, nil); (err == nil) != c.ok || (Check([]byte(c.text), Limits{}) == nil) != c.ok {
			t.Errorf("%.30s: %v", c.text, err)
		}
		if w.buf != [256]byte{} || w.s.data != nil || w.s.keys.buf != nil {
			t.Errorf("%.30s: names are left", c.text)
		}
		for _, f := range w.frames {
			if f.seen != nil {
				t.Errorf("%.30s: names are left", c.text)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { _ = w.Walk(ordinary, Limits{}, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
