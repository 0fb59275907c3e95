package guard

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
	"github.com/holdfast-ai/holdfast/guard/stream"
	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// escapedScanners returns a function that begins to follow arguments, for identifiers and secrets alone.
func escapedScanners(t *testing.T, set *sensitive.Set) func() *scanner {
	t.Helper()
	p := DefaultPolicy()
	for _, id := range set.IDs() {
		p.Rules[id] = ModeRedact
	}
	g, err := New(p, WithScanner(set.Start, set.IDs()...))
	if err != nil {
		t.Fatal(err)
	}
	return func() *scanner {
		tx := &Transaction{g: g, pol: g.policy.Load(), st: &state{}, restores: []restore{{"[CARD 1]", "\"4111\"\n"}}}
		s := new(scanner)
		tx.start(s, true)
		return s
	}
}

// What is redacted in arguments is what is redacted in what their strings say, wherever they are cut, and they stay JSON.
func TestEscapesInArguments(t *testing.T) {
	set, err := sensitive.New("pii.email", "pii.card", "secret.github", "pii.birth-date")
	if err != nil {
		t.Fatal(err)
	}
	begin := escapedScanners(t, set)
	fragments := []string{
		"ghp_16C7e42F292c6912E7710c838347Ae178B4a", "ann@example.com", "4111 1111 1111 1111", "born 03/14/1987", "\n", "\t", "\b", "\"", "\\", "/", "é", "字", "😀", "\u00a0", " ", "n", "u0040", "x", "[CARD 1]", "\u2028",
	}
	rapid.Check(t, func(rt *rapid.T) {
		said := strings.Join(rapid.SliceOfN(rapid.SampledFrom(fragments), 1, 6).Draw(rt, "fragments"), rapid.SampledFrom([]string{"", " ", "\n"}).Draw(rt, "between"))
		var raw strings.Builder
		for _, r := range said { // as any writer of JSON may write it
			q, _ := json.Marshal(string(r))
			switch rapid.IntRange(0, 5).Draw(rt, "way") {
			case 0:
				for _, u := range fmt.Sprintf("%c", r) {
					if u > 0xffff {
						hi, lo := (u-0x10000)>>10+0xd800, (u-0x10000)&0x3ff+0xdc00
						fmt.Fprintf(&raw, `\u%04x\u%04X`, hi, lo)
					} else {
						fmt.Fprintf(&raw, `\u%04x`, u)
					}
				}
			case 1:
				if r == '/' {
					raw.WriteByte('\\')
				}
				fallthrough
			default:
				raw.Write(q[1 : len(q)-1])
			}
		}
		text := `{"t":"` + raw.String() + `"}`
		run := func(sizes func() int) string {
			s := begin()
			var ms []stream.Match
			clear := 0
			for at := 0; at < len(text); {
				n := min(sizes(), len(text)-at)
				before := len(ms)
				found, held, err := s.Write(ms, []byte(text[at:at+n]))
				if err != nil {
					rt.Fatal(err)
				}
				ms, at = found, at+n
				for _, m := range ms[before:] {
					if m.Start < clear || m.End > at {
						rt.Fatalf("%q: %v when %d of %d had been given up", text, m, clear, at)
					}
				}
				if clear = at - held; held < 0 || clear < 0 {
					rt.Fatalf("%q: %d held of %d", text, held, at)
				}
			}
			ms, err := s.Finish(ms)
			if err != nil {
				rt.Fatal(err)
			}
			return string(stream.Redact(nil, []byte(text), ms))
		}
		got := run(func() int { return len(text) })
		var v map[string]string
		if err := strictjson.Unmarshal([]byte(got), &v, strictjson.Limits{MaxBytes: 1 << 20, MaxDepth: 3}); err != nil {
			rt.Fatalf("%s: %s: %v", text, got, err)
		}
		plain := begin()
		plain.json = nil
		plain.t.start(plain, false)
		want, _, err := plain.Write(nil, []byte(said))
		if err != nil {
			rt.Fatal(err)
		}
		if want, err = plain.Finish(want); err != nil || v["t"] != string(stream.Redact(nil, []byte(said), want)) {
			rt.Fatalf("%s: %q, want %q %v", text, v["t"], stream.Redact(nil, []byte(said), want), err)
		}
		for size := 1; size < 14; size++ {
			if again := run(func() int { return size }); again != got {
				rt.Fatalf("%q in pieces of %d: %q, whole %q", text, size, again, got)
			}
		}
	})
}

// What is no escape is read as it stands, and all that is read has a place.
func TestUnescaper(t *testing.T) {
	for text, want := range map[string]string{
		`a\nb`: "a\nb", `\u0041\u00e9\u5b57\ud83d\ude00`: "Aé字😀", `\ud83dx\udc00\ud800\u0041`: "\ufffdx\ufffd\ufffdA", `\q\`: `\q\`, `\u12`: `\u12`, `\u12\n\u00zz`: "\\u12\n\\u00zz", `\\u0040`: `\u0040`, `\\\u0040`: `\@`, `\"\/`: `"/`, ``: ``, `\ud83d`: "\ufffd", `\ud83d\u12`: "\ufffd\\u12",
	} {
		for size := 1; size <= len(text)+1; size++ {
			var u unescaper
			var got []byte
			for rest := range slices.Chunk([]byte(text), size) {
				got = append(got, u.read(rest)...)
			}
			got = append(got, u.finish()...)
			if string(got) != want || u.in != len(got) || u.of != len(text) {
				t.Errorf("%q in pieces of %d: %q, want %q (%d, %d)", text, size, got, want, u.in, u.of)
			}
			last := 0
			for i := range u.in + 1 {
				start, end := u.at(i)
				if start < last || end < start || end > len(text) || i < u.in && utf8.RuneStart(got[i]) && start != end {
					t.Fatalf("%q: byte %d stands from %d to %d", text, i, start, end)
				}
				last = start
			}
		}
	}
}

// Arguments that are all escapes cost no memory for each of them.
func TestEscapesAreForgotten(t *testing.T) {
	set, err := sensitive.New("pii.email")
	if err != nil {
		t.Fatal(err)
	}
	s := escapedScanners(t, set)()
	if _, _, err := s.Write(nil, []byte(strings.Repeat(`\n`, 1<<20))); err != nil || cap(s.json.escapes) > 2*maxRead {
		t.Error(cap(s.json.escapes), err)
	}
}
