package guard_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// private is a policy that looks for identifiers and secrets: requests with a card are refused, addresses are taken out of
// requests and answers, keys stop an answer.
func private(t *testing.T) (guard.Policy, []guard.Option) {
	t.Helper()
	s, err := sensitive.New()
	if err != nil {
		t.Fatal(err)
	}
	p := guard.DefaultPolicy()
	for _, id := range s.IDs() {
		p.Rules[id] = guard.ModeMonitor
	}
	p.Rules["pii.email"], p.Rules["pii.card"] = guard.ModeRedact, guard.ModeBlock
	p.Output = map[string]guard.Mode{"pii.card": guard.ModeRedact, "secret.github": guard.ModeBlock}
	return p, []guard.Option{guard.WithDetector(s, s.IDs()...), guard.WithScanner(s.Start, s.IDs()...)}
}

func TestIdentifiersInRequests(t *testing.T) {
	p, opts := private(t)
	up := &guardtest.Upstream{Pieces: []string{"fine"}}
	var seen string
	h := newGuard(t, p, opts...).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 4096)
		n, _ := r.Body.Read(b)
		seen = string(b[:n])
		up.ServeHTTP(w, r)
	}))
	if w := post(h, guardtest.Chat("Write to ann@example.com or call 1.")); w.Code != 200 || strings.Contains(seen, "ann@") || !strings.Contains(seen, "Write to [redacted] or call 1.") {
		t.Errorf("%d %s", w.Code, seen)
	}
	seen = ""
	if w := post(h, guardtest.Chat("My card is 4111 1111 1111 1111.")); w.Code != 400 || seen != "" {
		t.Errorf("%d %s", w.Code, seen)
	}
	if w := post(h, guardtest.Chat("My SSN is 536-90-4399.")); w.Code != 200 || !strings.Contains(seen, "536-90-4399") {
		t.Errorf("%d %s", w.Code, seen)
	}
}

func TestIdentifiersInStreams(t *testing.T) {
	p, opts := private(t)
	g := newGuard(t, p, opts...)
	const text = "Her card is 4111 1111 1111 1111, her address ann@example.com. Bye."
	for cut := 1; cut < len(text); cut++ {
		up := &guardtest.Upstream{Pieces: []string{text[:cut], text[cut:]}}
		a, err := guardtest.Play(post(g.Handler(up), streamed).Body.String())
		if want := "Her card is [redacted], her address [redacted]. Bye."; err != nil || a.Text != want {
			t.Fatalf("cut at %d: %+v %v", cut, a, err)
		}
	}
}

// What is taken out of a request comes back in the answer, wherever the stream is cut, and never reaches the upstream.
func TestIdentifiersAreRestored(t *testing.T) {
	p, opts := private(t)
	p.Rules["pii.email"], p.Rules["pii.phone"], p.Rules["pii.card"] = guard.ModeRestore, guard.ModeRestore, guard.ModeRestore
	delete(p.Output, "pii.card")
	g := newGuard(t, p, opts...)
	const question = "Write to ann@example.com, copy bob@example.com, and ann@example.com again; call +44 20 7946 0958; card 4111 1111 1111 1111"
	const answer = "Dear person1@redacted.invalid and person2@redacted.invalid, call +1-203-555-0103 about [CARD 4]. From carl@example.com, not person9@redacted.invalid."
	const want = "Dear ann@example.com and bob@example.com, call +44 20 7946 0958 about 4111 1111 1111 1111. From [redacted], not [redacted]."
	ask := strings.Replace(streamed, `"hi"`, `"`+question+`"`, 1)
	for cut := 1; cut < len(answer); cut += 3 {
		var seen string
		up := &guardtest.Upstream{Pieces: []string{answer[:cut], answer[cut:]}}
		h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			up.ServeHTTP(w, r)
			seen = string(up.LastBody())
		}))
		a, err := guardtest.Play(post(h, ask).Body.String())
		if err != nil || a.Text != want || !a.Done { // it is a stream: whole answers are read another way
			t.Fatalf("cut at %d: %+v %v", cut, a, err)
		}
		if !strings.Contains(seen, "Write to person1@redacted.invalid, copy person2@redacted.invalid, and person1@redacted.invalid again; call +1-203-555-0103; card [CARD 4]") {
			t.Fatal(seen)
		}
	}
	// An answer may have no address at all, and one that comes back is not of the answer.
	p.Output["pii.email"] = guard.ModeBlock
	strict := newGuard(t, p, opts...)
	for _, body := range []string{ask, strings.Replace(ask, `"stream":true`, `"stream":false`, 1)} {
		for answer, want := range map[string]string{"It is person1@redacted.invalid.": "It is ann@example.com.", "It is person9@redacted.invalid.": ""} {
			a, err := guardtest.Play(post(strict.Handler(&guardtest.Upstream{Pieces: guardtest.Pieces(answer)}), body).Body.String())
			if err != nil || want != "" && a.Text != want || (a.ErrorCode == guard.CodeContent) != (want == "") {
				t.Errorf("%q: %+v %v", answer, a, err)
			}
		}
	}
	// A placeholder that the caller has written himself stands for nothing but itself.
	up := &guardtest.Upstream{Pieces: []string{"person1@redacted.invalid"}}
	ask = strings.Replace(ask, "Write to", "person1@redacted.invalid person2@redacted.invalid", 1)
	if a, err := guardtest.Play(post(g.Handler(up), ask).Body.String()); err != nil || a.Text != "[redacted]" {
		t.Errorf("%+v %v", a, err)
	}
}

// A secret within a mail address comes back with it, unless the rule of one of them redacts: then none of both is in the request.
func TestTextsWithinTextsAreRestored(t *testing.T) {
	const address = "ghp_16C7e42F292c6912E7710c838347Ae178B4a@github.example"
	for secret, want := range map[guard.Mode]string{guard.ModeRestore: "to person1@redacted.invalid.", guard.ModeRedact: "to [redacted]."} {
		p, opts := private(t)
		p.Rules["pii.email"], p.Rules["secret.github"] = guard.ModeRestore, secret
		p.Output = map[string]guard.Mode{}
		g := newGuard(t, p, opts...)
		up := &guardtest.Upstream{Pieces: []string{"person1@redacted.invalid, [GITHUB 2]"}}
		var seen string
		h := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			up.ServeHTTP(w, r)
			seen = string(up.LastBody())
		}))
		a, err := guardtest.Play(post(h, strings.Replace(streamed, `"hi"`, `"to `+address+`."`, 1)).Body.String())
		if err != nil || !strings.Contains(seen, want) || secret == guard.ModeRestore && !strings.HasPrefix(a.Text, address+", ") {
			t.Errorf("%v: %s, %+v, %v", secret, seen, a, err)
		}
	}
}
