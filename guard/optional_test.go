package guard_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard"
	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// What a policy switches on works as it does by option, in requests and answers, and a reload switches it on and off.
func TestPolicySwitchesOn(t *testing.T) {
	const card, link = "My card is 4111 1111 1111 1111.", "See ![x](https://evil.example/?d=1)."
	off := guard.DefaultPolicy()
	kinds, links := off, off
	kinds.Sensitive = []string{"pii.card"}
	links.Links = []string{}
	g := newGuard(t, off)
	for _, c := range []struct {
		name             string
		policy           guard.Policy
		ask, card, image int
	}{
		{"off", off, 200, 200, 200}, {"kinds", kinds, 400, 400, 200}, {"links", links, 200, 200, 400}, {"off again", off, 200, 200, 200},
	} {
		if err := g.Reload(c.policy); err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			prompt, answer string
			want           int
		}{{card, "fine", c.ask}, {"Hello", card, c.card}, {"Hello", link, c.image}} {
			w := post(g.Handler(&guardtest.Upstream{Pieces: []string{x.answer}}), guardtest.Chat(x.prompt))
			if w.Code != x.want {
				t.Errorf("%s: %q, %q: %d, want %d", c.name, x.prompt, x.answer, w.Code, x.want)
			}
		}
	}
	allowed := links
	allowed.Links = []string{"evil.example"}
	if w := post(newGuard(t, allowed).Handler(&guardtest.Upstream{Pieces: []string{link}}), guardtest.Chat("Hello")); w.Code != 200 {
		t.Errorf("allowed host: %d", w.Code)
	}
}

// Order, case and repeats are no other policy, and the lists are the guard's own copy.
func TestPolicySwitchesOnASet(t *testing.T) {
	p, q := guard.DefaultPolicy(), guard.DefaultPolicy()
	p.Sensitive, p.Links = []string{"pii.email", "pii.card"}, []string{"B.example", "a.example", "b.example"}
	q.Sensitive, q.Links = []string{"pii.card", "pii.email", "pii.card"}, []string{"a.example", "b.example"}
	if newGuard(t, p).PolicyDigest() != newGuard(t, q).PolicyDigest() {
		t.Error("two digests of one policy")
	}
	p, q = guard.DefaultPolicy(), guard.DefaultPolicy()
	if q.Sensitive = []string{}; newGuard(t, p).PolicyDigest() != newGuard(t, q).PolicyDigest() {
		t.Error("an empty list of kinds is another policy than none")
	}
}

func TestPolicySwitchesOnByCopy(t *testing.T) {
	p := guard.DefaultPolicy()
	p.Sensitive, p.Links = []string{"pii.email", "pii.card"}, []string{"B.example", "a.example"}
	newGuard(t, p)
	if !slices.Equal(p.Sensitive, []string{"pii.email", "pii.card"}) || p.Links[0] != "B.example" {
		t.Error("the caller's lists were changed")
	}
}

func TestPolicySwitchesOnWhatThereIs(t *testing.T) {
	for name, change := range map[string]func(*guard.Policy){
		"kind":       func(p *guard.Policy) { p.Sensitive = []string{"pii.emial"} },
		"class":      func(p *guard.Policy) { p.Sensitive = []string{"pii"} },
		"empty kind": func(p *guard.Policy) { p.Sensitive = []string{""} },
		"host":       func(p *guard.Policy) { p.Links = []string{"https://evil.example"} },
		"any host":   func(p *guard.Policy) { p.Links = []string{"*"} },
		"hosts":      func(p *guard.Policy) { p.Links = manyHosts(1025) },
		"off":        func(p *guard.Policy) { p.Rules = map[string]guard.Mode{"pii.card": guard.ModeRedact} },
	} {
		p := guard.DefaultPolicy()
		change(&p)
		if _, err := guard.New(p); !errors.Is(err, guard.ErrPolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, err := guard.ParsePolicy([]byte(`{"sensitive":["pii.card"],"links":[]}`))
	if err != nil || p.Links == nil || strings.Join(p.Sensitive, ",") != "pii.card" {
		t.Errorf("%+v %v", p.Links, err)
	}
}

func manyHosts(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("h%d.example", i))
	}
	return out
}
