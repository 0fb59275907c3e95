package detect

import (
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// What is skimmed is found as byte by byte, where nothing is: texts are prose with prompts, canaries and pieces of both in every code between words, and
// the state behind each of two cuts holds as much.
func TestSkimmedAsByteByByte(t *testing.T) {
	const canary = "canary-7f3a9b2c41"
	prompts := []string{prompt, "tell no one the tide", "Ne dites à personne les heures des marées avant que la cloche ait sonné deux fois, ni où dort l'éclusier."}
	rng := rand.New(rand.NewPCG(3, 5))
	words := strings.Fields(prompt + " deaf ed added faced x0 exact bead cafe-bee a I xe fed Zm9v YWJj SGVsbG8gd29ybGQ abcdefghijklmno abcdefghijklmnop the of, (and) it's é naïve 字 \\u0041 12 3a4b \"so\" end. -- _x_ a/b \xe2\x80 \xc2")
	codes := []func(string) string{
		func(s string) string { return s }, reverse, b64, func(s string) string { return hex.EncodeToString([]byte(s)) }, func(s string) string { return strings.Map(rot13, s) }, func(s string) string { return b64(b64(s)) },
		func(s string) string { return strings.Join(strings.Split(s, ""), " ") }, func(s string) string { return strings.ReplaceAll(s, " ", "\n") }, strings.ToUpper,
		func(s string) string { // word for word
			var b strings.Builder
			for w := range strings.FieldsSeq(s) {
				b.WriteString(base64.RawStdEncoding.EncodeToString([]byte(w)) + " ")
			}
			return b.String()
		},
		func(s string) string {
			var b strings.Builder
			for w := range strings.FieldsSeq(s) {
				b.WriteString(hex.EncodeToString([]byte(w)) + ", ")
			}
			return b.String()
		},
	}
	seps, texts, leaking := []string{" ", " ", " ", "\n", ", ", ". ", "-", "", "\t", "\r\n", " \\", "|"}, 3000, 0
	if testing.Short() {
		texts = 300
	}
	for i := range texts {
		l := newLeak(t, [][]string{nil, {canary}}[i&1], prompts[:1+i%3])
		var b strings.Builder
		for range 1 + rng.IntN(60) {
			b.WriteString(seps[rng.IntN(len(seps))])
			switch code := codes[rng.IntN(len(codes))]; rng.IntN(24) {
			case 0:
				p := prompts[rng.IntN(len(prompts))]
				from := rng.IntN(len(p) / 2)
				b.WriteString(code(p[from : from+rng.IntN(len(p)-from)]))
			case 1:
				b.WriteString(code(canary))
			case 2:
				b.WriteString(code(words[rng.IntN(len(words))]))
			default:
				b.WriteString(words[rng.IntN(len(words))])
			}
		}
		text := []byte(b.String())
		slow := l.Start()
		var want []stream.Match
		helds := []int{0}
		for k := range text {
			var held int
			want, held, _ = slow.Write(want, text[k:k+1])
			helds = append(helds, held)
		}
		want, _ = slow.Finish(want)
		if len(want) > 0 {
			leaking++
		}
		for range 4 {
			a, c := rng.IntN(len(text)+1), rng.IntN(len(text)+1)
			a, c = min(a, c), max(a, c)
			fast := l.Start()
			got, h1, _ := fast.Write(nil, text[:a])
			got, h2, _ := fast.Write(got, text[a:c])
			got, h3, _ := fast.Write(got, text[c:])
			if got, _ = fast.Finish(got); !slices.Equal(got, want) || h1 != helds[a] || h2 != helds[c] || h3 != helds[len(text)] {
				t.Fatalf("%q cut at %d and %d: %v, %d %d %d held, byte by byte %v, %d %d %d held", text, a, c, got, h1, h2, h3, want, helds[a], helds[c], helds[len(text)])
			}
		}
	}
	if leaking < texts/4 {
		t.Errorf("%d of %d texts leak", leaking, texts)
	}
}
