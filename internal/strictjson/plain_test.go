package strictjson

import "testing"

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
