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
