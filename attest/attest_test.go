package attest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/attesttest"
	"github.com/holdfast-ai/holdfast/internal/dsse"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

var start = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

type world struct {
	vendor *attesttest.Vendor
	device *attesttest.Device
	key    *attest.Identity
	chain  *attest.Chain
	policy attest.Policy
	now    time.Time
}

func claims() attest.Claims {
	return attest.Claims{
		Config: attest.Digest{7}, GuardPolicy: &attest.Digest{8}, Floors: &attest.Floors{ServerTime: start, MinVersion: 3},
		Models: []attest.Model{{ModelID: attest.Digest{1}, Name: "tiny", Version: 3, MBOM: &attest.Digest{5}, Loaded: attest.Digest{2}}},
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{now: start}
	var err error
	if w.vendor, err = attesttest.NewVendor(); err != nil {
		t.Fatal(err)
	}
	if w.device, err = w.vendor.Device(attesttest.Options{}); err != nil {
		t.Fatal(err)
	}
	if w.key, err = attest.NewIdentity(); err != nil {
		t.Fatal(err)
	}
	if w.chain, err = attest.NewChain(context.Background(), attest.ChainConfig{Device: w.device, Identity: w.key, Claims: claims(), Clock: w.clock}); err != nil {
		t.Fatal(err)
	}
	w.policy = attest.Policy{
		Verifiers: []attest.Verifier{w.vendor.Verifier(attesttest.Options{}.Policy())}, Configs: []attest.Digest{{7}},
		Models: []attest.ModelPolicy{{Name: "tiny", MinVersion: 3}}, Clock: w.clock, InsecureAcceptSimulated: true,
	}
	return w
}

func (w *world) clock() time.Time { return w.now }

func field(err error) string {
	r, ok := errors.AsType[*attest.Refused](err)
	if !ok {
		return fmt.Sprint(err)
	}
	var out []string
	for _, c := range r.Checks {
		if c.Status == attest.Fail {
			out = append(out, c.Code)
		}
	}
	return strings.Join(out, " ")
}

func TestReportDataVectors(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "vectors", "evidence.json"))
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Vectors []struct {
			Name, Kind string
			In, Out    map[string]any
		}
	}
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, v := range f.Vectors {
		want, ok := v.Out["report_data"].(string)
		if !ok {
			continue
		}
		n++
		d := func(k string) [32]byte {
			s, _ := v.In[k].(string)
			x, err := hex.DecodeString(s)
			if err != nil || len(x) != 32 {
				t.Fatalf("%s: %s is %q", v.Name, k, s)
			}
			return [32]byte(x)
		}
		var gpu *[32]byte
		if v.In["gpu_digest"] != nil {
			x := d("gpu_digest")
			gpu = &x
		}
		got := attest.ReportData(v.In["role"].(string), d("challenge"), d("key_hash"), gpu, sha256.Sum256([]byte(v.In["claims"].(string))))
		if hex.EncodeToString(got[:]) != want {
			t.Errorf("%s: %x, want %s", v.Name, got, want)
		}
	}
	if n == 0 {
		t.Fatal("no vectors of REPORT_DATA")
	}
}

// Each case changes one thing of policy, server or time, and one check fails.
func TestPolicyChangesOneThing(t *testing.T) {
	d := func(b byte) attest.Digest { return attest.Digest{b} }
	for name, c := range map[string]struct {
		change func(*world)
		want   string // failing checks; "" = accepted
	}{
		"nothing":               {func(*world) {}, ""},
		"no config listed":      {func(w *world) { w.policy.Configs = nil }, "config"},
		"other config":          {func(w *world) { w.policy.Configs = []attest.Digest{d(9)} }, "config"},
		"any config":            {func(w *world) { w.policy.Configs, w.policy.InsecureAnyConfig = nil, true }, ""},
		"no model listed":       {func(w *world) { w.policy.Models = nil }, "model"},
		"zero model policy":     {func(w *world) { w.policy.Models = []attest.ModelPolicy{{}} }, "model"},
		"any model":             {func(w *world) { w.policy.Models, w.policy.InsecureAnyModel = nil, true }, ""},
		"model id":              {func(w *world) { w.policy.Models = []attest.ModelPolicy{{ModelID: d(1)}} }, ""},
		"other model id":        {func(w *world) { w.policy.Models = []attest.ModelPolicy{{ModelID: d(4)}} }, "model"},
		"id of another name":    {func(w *world) { w.policy.Models = []attest.ModelPolicy{{ModelID: d(1), Name: "x"}} }, "model"},
		"newer version":         {func(w *world) { w.policy.Models[0].MinVersion = 4 }, "model"},
		"guard policy":          {func(w *world) { w.policy.GuardPolicies = []attest.Digest{d(8)} }, ""},
		"other guard policy":    {func(w *world) { w.policy.GuardPolicies = []attest.Digest{d(9)} }, "guard_policy"},
		"mbom":                  {func(w *world) { w.policy.MBOMs = []attest.Digest{d(5)} }, ""},
		"other mbom":            {func(w *world) { w.policy.MBOMs = []attest.Digest{d(6)} }, "mbom"},
		"simulated":             {func(w *world) { w.policy.InsecureAcceptSimulated = false }, "hardware"},
		"no verifier":           {func(w *world) { w.policy.Verifiers = nil }, "verifiers"},
		"a day later":           {func(w *world) { w.now = start.Add(attest.DefaultMaxAge) }, ""},
		"a day and a second":    {func(w *world) { w.now = start.Add(attest.DefaultMaxAge + time.Second) }, "max_age"},
		"an hour, at most 59 m": {func(w *world) { w.now, w.policy.MaxAge = start.Add(time.Hour), 59*time.Minute }, "max_age"},
		"from the future":       {func(w *world) { w.now = start.Add(-attest.MaxSkew - time.Second) }, "not_in_future"},
		"within the skew":       {func(w *world) { w.now = start.Add(-attest.MaxSkew) }, ""},
		"zero policy":           {func(w *world) { w.policy = attest.Policy{} }, "hardware"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.change(w)
			st, err := attest.VerifyChain(t.Context(), w.chain.Document(), nil, w.policy)
			if c.want == "" {
				if err != nil || st.KeyHash() != w.key.KeyHash() || st.Chain != w.chain.ID() || len(attest.Explain(st, err)) == 0 {
					t.Fatalf("%v", err)
				}
				return
			}
			if got := field(err); got != c.want || st != nil || !errors.Is(err, attest.ErrPolicy) {
				t.Fatalf("%q fails, want %q", got, c.want)
			}
			if p, ok := errors.AsType[*attest.PolicyError](err); !ok || p.Field != c.want || p.Want == "" || p.Got == "" {
				t.Errorf("%+v", p)
			}
			if len(attest.Explain(nil, err)) == 0 {
				t.Error("nothing explained")
			}
		})
	}
}

func TestMachinePolicyReachesTheVerdict(t *testing.T) {
	w := newWorld(t)
	d, err := w.vendor.Device(attesttest.Options{Debug: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := attest.NewChain(t.Context(), attest.ChainConfig{Device: d, Identity: w.key, Claims: claims(), Clock: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := attest.VerifyChain(t.Context(), c.Document(), nil, w.policy); field(err) != "snp.debug" {
		t.Fatal(err)
	}
}

func TestReload(t *testing.T) {
	w := newWorld(t)
	next := claims()
	next.GuardPolicy = &attest.Digest{9}
	w.now = start.Add(time.Minute)
	if err := w.chain.Next(next); err != nil {
		t.Fatal(err)
	}
	st, err := attest.VerifyChain(t.Context(), w.chain.Document(), nil, w.policy)
	if err != nil || st.Claims.Epoch != 1 || *st.Claims.GuardPolicy != (attest.Digest{9}) || st.Epoch == st.Chain {
		t.Fatalf("%+v, %v", st, err)
	}
	// The configuration that loaded the model stays on record.
	next.Config = attest.Digest{6}
	if err := w.chain.Next(next); err != nil {
		t.Fatal(err)
	}
	w.policy.Configs = []attest.Digest{{6}}
	if _, err := attest.VerifyChain(t.Context(), w.chain.Document(), nil, w.policy); field(err) != "config.epoch0 config.epoch1" {
		t.Fatal(err)
	}
	next.Models[0].Version = 4
	if err := w.chain.Next(next); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("other model in one chain: %v", err)
	}
	next = claims()
	next.Time = start
	if err := w.chain.Next(next); !errors.Is(err, attest.ErrFormat) {
		t.Errorf("epoch that goes back in time: %v", err)
	}
}

func TestChallenge(t *testing.T) {
	w := newWorld(t)
	mine := [32]byte{42}
	doc, err := w.chain.Fresh(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	w.now = start.Add(48 * time.Hour)
	st, err := attest.VerifyChain(t.Context(), doc, &mine, w.policy)
	if err != nil || !st.Fresh {
		t.Fatal(err)
	}
	w.now = start
	for name, c := range map[string]struct {
		doc []byte
		ch  *[32]byte
	}{
		"replayed to one who asked anew":      {doc, &[32]byte{43}},
		"over somebody else's challenge":      {doc, nil},
		"the server's own to one who asked":   {w.chain.Document(), &mine},
		"relabelled with the asked challenge": {[]byte(strings.Replace(string(doc), attest.Digest(mine).String(), attest.Digest{43}.String(), 1)), &[32]byte{43}},
	} {
		if _, err := attest.VerifyChain(t.Context(), c.doc, c.ch, w.policy); !errors.Is(err, attest.ErrBinding) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Renew makes an old chain acceptable again.
	w.now = start.Add(48 * time.Hour)
	if _, err := attest.VerifyChain(t.Context(), w.chain.Document(), nil, w.policy); field(err) != "max_age" {
		t.Error(err)
	}
	if err := w.chain.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := attest.VerifyChain(t.Context(), w.chain.Document(), nil, w.policy); err != nil {
		t.Error(err)
	}
}

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

func TestIdentityShowsNoKey(t *testing.T) {
	k, err := attest.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("attest.Identity(%x)", k.KeyHash())
	for _, f := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(f, k); got != want {
			t.Errorf("%s: %s", f, got)
		}
	}
	if b, err := json.Marshal(k); err != nil || string(b) != "{}" {
		t.Errorf("%s, %v", b, err)
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
