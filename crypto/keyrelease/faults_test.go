package keyrelease

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Challenges of one server are made under a key that no other knows.
func TestChallengeKeysAreRandom(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	first := &w.served.tokens
	w.start(t)
	second := &w.served.tokens
	zero := tokens{key: make([]byte, 32), server: first.server, lifetime: first.lifetime}
	for name, other := range map[string]*tokens{"another start": second, "zeros": &zero} {
		if err := first.check(other.issue(w.now), w.now); !code(CodeChallenge)(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	token := first.issue(w.now)
	if err := first.check(token, w.now); err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, token[:tokenSize-1], append(token[:tokenSize:tokenSize], 0)} {
		if err := first.check(bad, w.now); !code(CodeChallenge)(err) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
}

// What is remembered of challenges is bounded in number and time; while it is full, nothing is released.
func TestUsedChallengesAreBounded(t *testing.T) {
	tk := tokens{lifetime: time.Minute}
	now := time.Unix(1e9, 0)
	challenge := func(i int) [32]byte { return [32]byte{byte(i), byte(i >> 8), byte(i >> 16), 1} }
	for i := range maxUsed {
		if err := tk.use(challenge(i), now); err != nil {
			t.Fatalf("release %d: %v", i, err)
		}
	}
	if err := tk.use(challenge(maxUsed), now); !errors.Is(err, ErrUnavailable) {
		t.Errorf("one more: %v", err)
	}
	if err := tk.use(challenge(0), now); !code(CodeReplay)(err) {
		t.Errorf("a used one while full: %v", err)
	}
	now = now.Add(time.Minute + 2*time.Second)
	if err := tk.use(challenge(maxUsed), now); err != nil || len(tk.now) != 1 || len(tk.old) != maxUsed {
		t.Errorf("a generation later: %v, %d and %d", err, len(tk.now), len(tk.old))
	}
	now = now.Add(3 * time.Minute)
	if err := tk.use(challenge(0), now); err != nil || len(tk.now) != 1 || tk.old != nil {
		t.Errorf("long after: %v, %d and %d", err, len(tk.now), len(tk.old))
	}
}

// Each change to an acceptable request is refused as malformed, before any evidence is judged.
func TestMalformedRequests(t *testing.T) {
	w := newWorld(t)
	judged := 0
	w.config.Verify = func(ctx context.Context, ev []byte, rd [64]byte) (Machine, error) {
		judged++
		return w.vendor.verify(ctx, ev, rd)
	}
	w.start(t)
	claims := func(old, replacement string) func(*releaseRequest) {
		return func(r *releaseRequest) {
			changed := bytes.Replace(r.Claims, []byte(old), []byte(replacement), 1)
			if bytes.Equal(changed, r.Claims) {
				t.Fatalf("%q is not in %s", old, r.Claims)
			}
			r.Claims = changed
		}
	}
	for name, change := range map[string]func(*releaseRequest){
		"nothing":              func(*releaseRequest) {},
		"other version":        func(r *releaseRequest) { r.Version++ },
		"no evidence":          func(r *releaseRequest) { r.Evidence = nil },
		"much evidence":        func(r *releaseRequest) { r.Evidence = make([]byte, MaxEvidence+1) },
		"claims of version 2":  claims(`"version":1`, `"version":2`),
		"claims of no model":   claims(`"name":"tiny"`, `"name":""`),
		"claims with a field":  claims(`{`, `{"x":1,`),
		"long digest":          claims(`"config":"`, `"config":"00`),
		"short digest":         claims(`"seal":"`, `"seal":"","x":"`),
		"digest in capitals":   claims(`"seal":"`+string(hexOf(w.info.ManifestDigest[:])), `"seal":"`+strings.ToUpper(string(hexOf(w.info.ManifestDigest[:])))),
		"seal is no digest":    claims(`"seal":"`+string(hexOf(w.info.ManifestDigest[:1])), `"seal":"xx`),
		"commitment is none":   claims(`"commitment":"`+string(hexOf(w.info.Commitment[:1])), `"commitment":"xx`),
		"config is no digest":  claims(`"config":"`+string(hexOf(w.client.Config[:1])), `"config":"xx`),
		"commitment is absent": claims(`"commitment":`, `"Commitment":`),
	} {
		key, err := hpkeKEM().GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		req, err := w.client.request(t.Context(), w.served.hash, w.served.tokens.issue(w.now), key.PublicKey().Bytes(), w.info)
		if err != nil {
			t.Fatal(err)
		}
		judged = 0
		change(req)
		d := new(Decision)
		resp, err := w.served.decide(t.Context(), req, d)
		if name == "nothing" {
			if err != nil || judged != 1 || d.Challenge == "" || d.Version != 7 {
				t.Errorf("the twin: %v, %+v", err, d)
			}
			continue
		}
		if !errors.Is(err, ErrProtocol) || resp != nil || judged != 0 {
			t.Errorf("%s: %v; judged %d times", name, err, judged)
		}
	}
}

func hexOf(b []byte) []byte {
	const digits = "0123456789abcdef"
	var out []byte
	for _, x := range b {
		out = append(out, digits[x>>4], digits[x&15])
	}
	return out
}

// A request that is refused gets one answer, and no step after the refusal.
func TestRefusedRequestsEndThere(t *testing.T) {
	for _, path := range []string{"/v1/challenge", "/v1/release"} {
		w := newWorld(t)
		m := &memory{}
		w.config.Journal, w.config.PerAddress = m, Rate{time.Hour, 5}
		w.start(t)
		for _, c := range []struct {
			kind, body string
			want       int
		}{
			{"text/plain", `{"version":1}`, http.StatusUnsupportedMediaType}, {"", `{"version":1}`, http.StatusUnsupportedMediaType},
			{"application/json", `{`, http.StatusBadRequest}, {"application/json", strings.Repeat(" ", maxRequest+1), http.StatusRequestEntityTooLarge},
			{"application/json", `{"version":2}`, http.StatusBadRequest}, {"application/json", `{"version":1}`, http.StatusTooManyRequests},
		} {
			before := len(m.all)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(c.body))
			r.RemoteAddr = "192.0.2.1:1"
			if c.kind != "" {
				r.Header.Set("Content-Type", c.kind)
			}
			rec := httptest.NewRecorder()
			if w.served.ServeHTTP(rec, r); rec.Code != c.want || rec.Body.String() != http.StatusText(c.want)+"\n" {
				t.Errorf("%s %q: %d %s", path, c.kind, rec.Code, rec.Body)
			}
			if n := len(m.all) - before; n > 1 {
				t.Errorf("%s: %d decisions about one request", path, n)
			}
		}
		if last := m.all[len(m.all)-1]; last.Outcome != Limited || last.Remote != "192.0.2.1" {
			t.Errorf("%+v", last)
		}
		if len(w.served.bodies) != 0 || len(w.served.working) != 0 {
			t.Error("a place is not given back")
		}
	}
}

// Places are given back, and what a machine has had is said to it and to the journal.
func TestPlacesAreGivenBack(t *testing.T) {
	w := newWorld(t)
	m := &memory{}
	w.config.Journal, w.config.Concurrent, w.config.PerMachine = m, 1, Rate{time.Hour, 2}
	w.start(t)
	for i := range 3 {
		_, err := w.client.Keyset(t.Context(), w.info, nil)
		if last := m.all[len(m.all)-1]; i < 2 && (err != nil || last.Outcome != Released) || i == 2 && (!errors.Is(err, ErrUnavailable) || last.Outcome != Limited || last.Reason == "") {
			t.Errorf("release %d: %v, %+v", i, err, last)
		}
		if len(w.served.working) != 0 || len(w.served.bodies) != 0 {
			t.Fatal("a place is not given back")
		}
	}
	w.client.Config[0]++
	if _, err := w.client.Keyset(t.Context(), w.info, nil); !code(CodeConfig)(err) || !strings.Contains(m.all[len(m.all)-1].Reason, string(CodeConfig)) {
		t.Errorf("%v, %+v", err, m.all[len(m.all)-1])
	}
}

// A client that lacks a part asks nobody.
func TestClientConfig(t *testing.T) {
	for name, change := range map[string]func(*Client){
		"no URL":     func(c *Client) { c.URL = "" },
		"no HTTP":    func(c *Client) { c.HTTP = nil },
		"no key":     func(c *Client) { c.ServerKey = nil },
		"empty key":  func(c *Client) { c.ServerKey = &ecdsa.PublicKey{} },
		"P-384":      func(c *Client) { k, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader); c.ServerKey = &k.PublicKey },
		"no machine": func(c *Client) { c.Attest = nil },
		"no config":  func(c *Client) { c.Config = [32]byte{} },
		"bad URL":    func(c *Client) { c.URL = "http://[" },
	} {
		w := newWorld(t)
		w.start(t)
		change(w.client)
		if h, err := w.client.Keyset(t.Context(), w.info, nil); !errors.Is(err, ErrConfig) || h != nil || len(w.seen) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, n := range map[string]int{"much evidence": MaxEvidence + 1, "as much as may be": MaxEvidence} {
		w := newWorld(t)
		w.start(t)
		w.client.Attest = func(context.Context, [64]byte) ([]byte, error) { return make([]byte, n), nil }
		if _, err := w.client.Keyset(t.Context(), w.info, nil); errors.Is(err, ErrAttest) != (n > MaxEvidence) || errors.Is(err, ErrDenied) != (n == MaxEvidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What each answer of a server means to the guest; nothing is followed elsewhere.
func TestAnswersOfServers(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   func(error) bool
	}{
		"refused":               {403, `{"error":"config"}`, code(CodeConfig)},
		"refused by a new code": {403, `{"error":"tuesday"}`, code(CodeUnknown)},
		"refused by no code":    {403, `<html>`, code(CodeUnknown)},
		"come back":             {429, ``, is(ErrUnavailable)},
		"broken":                {500, ``, is(ErrUnavailable)},
		"no gateway":            {502, ``, is(ErrUnavailable)},
		"no such path":          {404, ``, is(ErrProtocol)},
		"moved":                 {307, ``, is(ErrProtocol)},
		"as long as may be":     {200, strings.Repeat(" ", maxResponse-2) + "{}", is(ErrProtocol)},
		"longer":                {200, strings.Repeat(" ", maxResponse-1) + "{}", func(err error) bool { return is(ErrProtocol)(err) && strings.Contains(err.Error(), "more than") }},
		"another version":       {200, `{"version":2,"token":"","signature":""}`, is(ErrProtocol)},
	} {
		w := newWorld(t)
		asked := 0
		w.client.URL, w.client.HTTP = "http://server.example", &http.Client{Transport: answers(func(r *http.Request) *http.Response {
			asked++
			return &http.Response{StatusCode: c.status, Header: http.Header{"Location": {"http://other.example/"}}, Body: io.NopCloser(strings.NewReader(c.body)), Request: r}
		})}
		if _, err := w.client.Keyset(t.Context(), w.info, nil); !c.want(err) || asked != 1 {
			t.Errorf("%s: %v, asked %d times", name, err, asked)
		}
	}
}

// What a grant says is read as strictly as the rest, although the server signed it.
func TestMalformedGrants(t *testing.T) {
	w := newWorld(t)
	w.start(t)
	var ks bytes.Buffer
	if err := insecurecleartextkeyset.Write(w.v7, keyset.NewBinaryWriter(&ks)); err != nil {
		t.Fatal(err)
	}
	digest := hexOf(w.config.DenyList.Digest[:])
	for name, c := range map[string]struct {
		change  func(*grant)
		rewrite func([]byte) []byte
		version int // of the answer
		want    error
	}{
		"nothing":            {func(*grant) {}, nil, 1, nil},
		"answer's version":   {func(*grant) {}, nil, 2, ErrServer},
		"other version":      {func(g *grant) { g.Version = 2 }, nil, 1, ErrProtocol},
		"no time":            {func(g *grant) { g.ServerTime = time.Time{} }, nil, 1, ErrProtocol},
		"no digest":          {func(g *grant) { g.DenyList.Digest = "" }, nil, 1, ErrProtocol},
		"digest in capitals": {func(g *grant) { g.DenyList.Digest = strings.ToUpper(g.DenyList.Digest) }, nil, 1, ErrProtocol},
		"no keyset":          {func(g *grant) { g.Keyset = []byte("x") }, nil, 1, ErrProtocol},
		"a field more":       {func(*grant) {}, func(b []byte) []byte { return append([]byte(`{"x":1,`), b[1:]...) }, 1, ErrProtocol},
	} {
		key, err := hpkeKEM().GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		w.client.floors = Floors{}
		w.client.HTTP = &http.Client{Transport: answers(func(r *http.Request) *http.Response {
			var req releaseRequest
			if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
				t.Error(err)
			}
			g := &grant{Version: 1, Keyset: ks.Bytes(), ServerTime: w.now, MinVersion: 7, DenyList: &denyList{3, string(digest)}, RulesMinVersion: 11}
			c.change(g)
			pt, err := json.Marshal(g)
			if err != nil {
				t.Error(err)
			}
			if c.rewrite != nil {
				pt = c.rewrite(pt)
			}
			info := exchange(w.served.hash, &req)
			sealed, err := hpke.Seal(key.PublicKey(), hpkeKDF(), hpkeAEAD(), info, pt)
			if err != nil {
				t.Error(err)
			}
			d := responseDigest(info, sealed)
			sig, err := w.identity.Sign(rand.Reader, d[:], crypto.SHA256)
			if err != nil {
				t.Error(err)
			}
			b, err := json.Marshal(releaseResponse{c.version, sealed, sig})
			if err != nil {
				t.Error(err)
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(b)), Request: r}
		})}
		req, err := w.client.request(t.Context(), w.served.hash, w.served.tokens.issue(w.now), key.PublicKey().Bytes(), w.info)
		if err != nil {
			t.Fatal(err)
		}
		g, err := w.client.release(t.Context(), w.served.hash, req, key)
		if err == nil {
			_, err = w.client.accept(g, w.info)
		}
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// The deny list's floor rises with each grant.
func TestDenyListRises(t *testing.T) {
	five, six := &DenyList{Number: 5, Digest: [32]byte{5}}, &DenyList{Number: 6, Digest: [32]byte{6}}
	for _, order := range [][]*DenyList{{five, six}, {six, five}, {nil, five, six}, {five, six, nil}} {
		var f Floors
		for _, d := range order {
			var err error
			if f, err = f.raised(Floors{DenyList: d}); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Check(0, five, 0); !floor(FloorDenyList)(err) {
			t.Errorf("%v: the older list: %v", order, err)
		}
		if err := f.Check(0, six, 0); err != nil {
			t.Errorf("%v: the list: %v", order, err)
		}
	}
}

// A release that the disk did not take is none; what follows a line that may be cut is on a line of its own.
func TestJournalFaults(t *testing.T) {
	if _, err := OpenJournal(os.DevNull); err == nil {
		t.Error("a journal that keeps nothing")
	}
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	j, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	good := j.f
	if j.f, err = os.Open(path); err != nil {
		t.Fatal(err)
	}
	if err := j.Record(t.Context(), Decision{Outcome: Denied}); err == nil {
		t.Error("recorded in a file that cannot be written")
	}
	j.f.Close()
	j.f = good
	if err := j.Record(t.Context(), Decision{Outcome: Denied}); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(b, []byte("\n{")) || bytes.Count(b, []byte("\n")) != 2 {
		t.Errorf("%q, %v", b, err)
	}
	r, w, err := os.Pipe() // which takes lines, and makes none durable
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if w.Sync() == nil {
		t.Skip("pipes can be synced here")
	}
	pipe := &FileJournal{f: w}
	if err := pipe.Record(t.Context(), Decision{Outcome: Released}); err == nil {
		t.Error("a release that is not durable")
	}
	if err := pipe.Record(t.Context(), Decision{Outcome: Denied}); err != nil {
		t.Errorf("a refusal waits for the disk: %v", err)
	}
}
