package sensitive

import (
	"strings"
	"testing"
)

// A token is of a key from 16 characters on of which nine in twenty are of another kind than the one in front of them, or from 40 on of which one in four is.
func TestRandomTokens(t *testing.T) {
	for _, c := range []struct {
		n, changes int
		want       bool
	}{{16, 8, true}, {16, 7, false}, {15, 14, false}, {20, 9, true}, {20, 8, false}, {39, 17, false}, {39, 18, true}, {40, 10, true}, {40, 9, false}, {60, 15, true}, {60, 14, false}} {
		text := strings.Repeat("a", c.n-c.changes) + strings.Repeat("Ab", c.n)[:c.changes]
		var k keyToken
		for i := range text {
			k.take(text[i], i)
		}
		if k.changes != c.changes || k.n != c.n || k.random() != c.want {
			t.Errorf("%q: %d of %d, random %v", text, k.changes, k.n, k.random())
		}
	}
}
