package detect

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// What an automaton finds in lanes is what looking for each pattern at each place finds.
func FuzzScan(f *testing.F) {
	for _, patterns := range []string{"he\nshe\nhis\nhers\nhe is", "a\naa\naaa\naaaa", "ab\n=ab\n=b c\nc", "忽略\n=略\n忽略之", "ignore\nall previous\nprevious instructions\n=reveal", "=\x00\n=\xff\xfe\n0"} {
		f.Add(patterns, "ushers and his; he is hers. aaaab ab cab 忽略之 ignore all previous instructions", uint16(3))
		f.Add(patterns, strings.Repeat("he is his. aaa ", 300), uint16(2000))
	}
	f.Fuzz(func(t *testing.T, list, text string, cut uint16) {
		var patterns []string
		var whole []bool
		for p := range strings.SplitSeq(list, "\n") {
			if name := strings.TrimPrefix(p, "="); name != "" && len(patterns) < 12 {
				patterns, whole = append(patterns, name), append(whole, name == p)
			}
		}
		if len(text) > 3*scanPiece || len(list) > 1<<8 {
			return
		}
		a, ok := newAutomaton(patterns, whole, false)
		if !ok {
			t.Fatal("too many states")
		}
		type found struct{ pattern, end int }
		var got, want []found
		for p, pattern := range patterns {
			for i := range len(text) {
				if strings.HasPrefix(text[i:], pattern) && (!whole[p] || standsAlone([]byte(text), i, i+len(pattern))) {
					want = append(want, found{p, i + len(pattern)})
				}
			}
		}
		keep := func(s state, end int) {
			if !s.ends() {
				t.Fatalf("nothing ends at %d", end)
			}
			for _, p := range a.outs[a.number(s)] {
				if !whole[p] || standsAlone([]byte(text), end-int(a.length[p]), end) {
					got = append(got, found{int(p), end})
				}
			}
		}
		var h hits
		s := state(0)
		for start := 0; start < len(text); {
			size := min(int(cut)%scanPiece+1, len(text)-start)
			var n int
			s, n = a.scan(s, []byte(text[start:start+size]), &h)
			for k, x := range h[:n] {
				if k > 0 && h[k-1].end >= x.end {
					t.Fatal("not in order")
				}
				keep(x.state, start+int(x.end))
			}
			start += size
		}
		if s.ends() {
			keep(s, len(text))
		}
		order := func(a, b found) int { return (a.end-b.end)*100 + a.pattern - b.pattern }
		slices.SortFunc(got, order)
		slices.SortFunc(want, order)
		if !slices.Equal(got, want) {
			t.Fatalf("found %v, want %v", got, want)
		}
	})
}

// A byte of any value may be in a pattern, and all of them at once.
func TestAutomatonOfAllBytes(t *testing.T) {
	var all []byte
	for c := range 256 {
		all = append(all, byte(c))
	}
	a, ok := newAutomaton([]string{string(all), "b"}, nil, true)
	if !ok {
		t.Fatal("too many states")
	}
	s, ended := state(0), 0
	for _, c := range bytes.ToUpper(all[:128]) {
		s = a.step(s, c)
	}
	for _, c := range all[128:] {
		if s = a.step(s, c); s.ends() {
			ended = a.longest(s)
		}
	}
	if ended != 256 || a.step(s, 'B') == a.step(s, 'C') || a.step(s, 'C') != 0 {
		t.Errorf("a pattern of all bytes ends with %d", ended)
	}
}
