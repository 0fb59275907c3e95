package attest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/dsse"
)

// Each case takes one part of a document from another server of the same vendor, or alters it.
func TestMixedDocuments(t *testing.T) {
	w := newWorld(t)
	next := claims()
	if err := w.chain.Next(next); err != nil {
		t.Fatal(err)
	}
	otherKey, err := attest.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	oc, err := attest.NewChain(t.Context(), attest.ChainConfig{Device: w.device, Identity: otherKey, Claims: claims(), Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	parse := func(c *attest.Chain) (m map[string]any) {
		if err := json.Unmarshal(c.Document(), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	resigned := func(change func(*attest.Claims)) func(m, o map[string]any) {
		return func(m, _ map[string]any) {
			c := claims()
			c.Time = start
			change(&c)
			b, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			env, err := dsse.Sign(w.key, attest.EpochPayloadType, b)
			if err != nil {
				t.Fatal(err)
			}
			m["epochs"] = [][]byte{env}
		}
	}
	// follower replaces epoch 1 by another one that K signed too.
	follower := func(change func(*attest.Claims)) func(m, o map[string]any) {
		return func(m, o map[string]any) {
			first := m["epochs"].([]any)[0]
			id := attest.Digest(w.chain.ID())
			resigned(func(c *attest.Claims) { c.Epoch, c.Prev = 1, &id; change(c) })(m, o)
			m["epochs"] = []any{first, m["epochs"].([][]byte)[0]}
		}
	}
	epochs := func(m map[string]any) []any { return m["epochs"].([]any) }
	for name, c := range map[string]struct {
		change func(m, o map[string]any)
		want   error
	}{
		"nothing":                     {func(m, o map[string]any) {}, nil},
		"evidence of another":         {func(m, o map[string]any) { m["evidence"] = o["evidence"] }, attest.ErrBinding},
		"key of another":              {func(m, o map[string]any) { m["key"] = o["key"] }, attest.ErrSignature},
		"epochs of another":           {func(m, o map[string]any) { m["epochs"] = o["epochs"] }, attest.ErrSignature},
		"key and epochs of another":   {func(m, o map[string]any) { m["key"], m["epochs"] = o["key"], o["epochs"] }, attest.ErrBinding},
		"younger time":                {func(m, o map[string]any) { m["time"] = start.Add(time.Second) }, attest.ErrBinding},
		"epoch 0 cut":                 {func(m, o map[string]any) { m["epochs"] = epochs(m)[1:] }, attest.ErrBinding},
		"epochs swapped":              {func(m, o map[string]any) { e := epochs(m); e[0], e[1] = e[1], e[0] }, attest.ErrBinding},
		"other epoch 0, signed by K":  {resigned(func(c *attest.Claims) { c.Config = attest.Digest{9} }), attest.ErrBinding},
		"another follower":            {follower(func(c *attest.Claims) {}), nil},
		"follower of another epoch":   {follower(func(c *attest.Claims) { c.Prev = &attest.Digest{9} }), attest.ErrBinding},
		"follower at another place":   {follower(func(c *attest.Claims) { c.Epoch = 2 }), attest.ErrBinding},
		"follower with other models":  {follower(func(c *attest.Claims) { c.Models[0].Version++ }), attest.ErrBinding},
		"follower from before":        {follower(func(c *attest.Claims) { c.Time = start.Add(-time.Second) }), attest.ErrBinding},
		"claims of no config, by K":   {resigned(func(c *attest.Claims) { c.Config = attest.Digest{} }), attest.ErrFormat},
		"no envelope":                 {func(m, o map[string]any) { m["epochs"] = [][]byte{[]byte("{}")} }, attest.ErrFormat},
		"time with a fraction":        {func(m, o map[string]any) { m["time"] = start.Add(time.Second / 2) }, attest.ErrFormat},
		"time before all times":       {func(m, o map[string]any) { m["time"] = time.Unix(-1, 0).UTC() }, attest.ErrFormat},
		"follower from the future":    {follower(func(c *attest.Claims) { c.Time = start.Add(attest.MaxSkew + time.Second) }), attest.ErrPolicy},
		"no epochs":                   {func(m, o map[string]any) { m["epochs"] = []any{} }, attest.ErrFormat},
		"null epochs":                 {func(m, o map[string]any) { m["epochs"] = nil }, attest.ErrFormat},
		"other role":                  {func(m, o map[string]any) { m["role"] = "release" }, attest.ErrFormat},
		"other version":               {func(m, o map[string]any) { m["version"] = 2 }, attest.ErrFormat},
		"unknown field":               {func(m, o map[string]any) { m["x"] = 1 }, attest.ErrFormat},
		"missing field":               {func(m, o map[string]any) { delete(m, "challenge") }, attest.ErrFormat},
		"no challenge at all":         {func(m, o map[string]any) { m["random"], m["time"] = nil, nil }, attest.ErrFormat},
		"both challenges":             {func(m, o map[string]any) { m["challenge"] = attest.Digest{1}.String() }, attest.ErrFormat},
		"evidence of an unknown kind": {func(m, o map[string]any) { m["evidence"].(map[string]any)["kind"] = "x" }, attest.ErrKind},
		"evidence said to be real":    {func(m, o map[string]any) { m["evidence"].(map[string]any)["kind"] = "sev-snp" }, attest.ErrKind},
	} {
		t.Run(name, func(t *testing.T) {
			m := parse(w.chain)
			c.change(m, parse(oc))
			b, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			st, err := attest.VerifyChain(t.Context(), b, nil, w.policy)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || (st != nil) != (c.want == nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestClaimsAreStrict(t *testing.T) {
	c := claims()
	c.Time = start
	good, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attest.ParseClaims(good); err != nil {
		t.Fatalf("the twin: %v", err)
	}
	s := string(good)
	for _, x := range []struct{ old, new string }{
		{`"hpke":null,`, ``}, {`"prev":null,`, ``}, {`"epoch":0,`, ``}, {`"epoch":0,`, `"epoch":0,"epoch":0,`}, {`"epoch":0,`, `"Epoch":0,`},
		{`"epoch":0`, `"epoch":null`}, {`"epoch":0`, `"epoch":1`}, {`"epoch":0`, `"epoch":-1`}, {`"name":"tiny"`, `"name":null`}, {`"name":"tiny",`, ``},
		{`"models":[`, `"models":[null,`}, {s, s + "{}"}, {s, s + "\x00"}, {`"version":3`, `"version":3.5`}, {`"time":"2026`, `"time":"x2026`},
		{`"loaded":"02`, `"loaded":"0A`}, {`"loaded":"02`, `"loaded":"2`}, {`"deny_list":null,`, ``}, {`:00:00Z"`, `:00:00.5Z"`},
		{`"config":"07`, `"config":"00`}, {`"model_id":"01`, `"model_id":"00`},
	} {
		bad := strings.Replace(s, x.old, x.new, 1)
		if bad == s {
			t.Fatalf("%q is not in the claims", x.old)
		}
		if x.old == `:00:00Z"` { // the floors' time may have fractions; the epoch's not
			bad = strings.ReplaceAll(s, x.old, x.new)
		}
		if _, err := attest.ParseClaims([]byte(bad)); !errors.Is(err, attest.ErrFormat) {
			t.Errorf("%q -> %q: %v", x.old, x.new, err)
		}
	}
}

func FuzzParseEvidence(f *testing.F) {
	f.Add([]byte(`{"kind":"sev-snp","report":"AA==","certs":["AA=="]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := attest.ParseEvidence(b)
		if err != nil {
			if !errors.Is(err, attest.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		again, err := attest.MarshalEvidence(e)
		if err != nil {
			t.Fatal(err)
		}
		if e2, err := attest.ParseEvidence(again); err != nil || string(e2.Report) != string(e.Report) {
			t.Fatal(err)
		}
	})
}

func FuzzVerifyChain(f *testing.F) {
	w := newWorld(f)
	f.Add(w.chain.Document())
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := attest.VerifyChain(t.Context(), b, nil, w.policy)
		if err == nil && (st.Chain != w.chain.ID() || st.KeyHash() != w.key.KeyHash()) {
			t.Fatal("forged")
		}
	})
}

func FuzzParseClaims(f *testing.F) {
	f.Add([]byte(`{"epoch":0}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := attest.ParseClaims(b); err != nil && !errors.Is(err, attest.ErrFormat) {
			t.Fatal(err)
		}
	})
}
