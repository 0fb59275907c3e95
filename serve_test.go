package holdfast_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast"
	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/channel"
	"github.com/holdfast-ai/holdfast/attest/receipt"
	"github.com/holdfast-ai/holdfast/crypto/keyrelease"
	"github.com/holdfast-ai/holdfast/internal/transcript"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

func reportDataOfRelease(challenge, key, claims [32]byte) [64]byte {
	return attest.ReportData(attest.RoleRelease, challenge, key, nil, claims)
}

func send(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// serve opens a chain, loads it and returns what it serves.
func serve(t testing.TB, cfg holdfast.Config, engine http.Handler) (*holdfast.Chain, http.Handler) {
	t.Helper()
	c := open(t, cfg)
	load(t, c)
	h, err := c.Handler(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	return c, h
}

// Nothing is served before the engine has read every file that its name says to be weights.
func TestHandlerBeforeWeights(t *testing.T) {
	key := signtest.Key(t)
	second := "Model-00002.SafeTensors"
	for _, also := range []string{"", second} {
		files := contents(7)
		if also != "" {
			files[also] = safetensors(5)
		}
		c := open(t, config(key, publish(t, key, files)))
		refused := func(when string) {
			t.Helper()
			if h, err := c.Handler(t.Context(), newAnswer()); !errors.Is(err, holdfast.ErrNotLoaded) || h != nil {
				t.Errorf("%s: want ErrNotLoaded, got %v", when, err)
			}
		}
		refused("before anything was read")
		if err := c.Model().VerifyAll(t.Context(), nil); err != nil { // verified is not loaded
			t.Fatal(err)
		}
		refused("after VerifyAll")
		if err := loadErr(c, "config.json"); err != nil {
			t.Fatal(err)
		}
		refused("after the configuration")
		load(t, c)
		if also != "" {
			refused("with one of two files")
			if err := loadErr(c, also); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Handler(t.Context(), newAnswer()); err != nil {
			t.Error(err)
		}
	}
}

// Weights under a name that says nothing do not slip through: then all files must have been read, and what the gates of
// Open read does not count.
func TestHandlerBeforeUnnamedWeights(t *testing.T) {
	key := signtest.Key(t)
	files := contents(7)
	delete(files, weights)
	files["weights.bin"] = "\x80\x02]q\x00K\x01a." // a list of one number
	cfg := config(key, publish(t, key, files))
	cfg.MBOM.Formats = append(cfg.MBOM.Formats, "pickle")
	c := open(t, cfg)
	for _, f := range c.Model().Files() {
		if _, err := c.Handler(t.Context(), newAnswer()); !errors.Is(err, holdfast.ErrNotLoaded) {
			t.Fatalf("before %s was read: want ErrNotLoaded, got %v", f.Name, err)
		}
		if err := loadErr(c, f.Name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Handler(t.Context(), newAnswer()); err != nil {
		t.Error(err)
	}
}

type brokenDevice struct{}

var errDevice = errors.New("no report today")

func (brokenDevice) Evidence(context.Context, [64]byte) (attest.Evidence, error) {
	return attest.Evidence{}, errDevice
}

func TestHandlerRefuses(t *testing.T) {
	key := signtest.Key(t)
	device, _ := simulated(t)
	for name, c := range map[string]struct {
		change func(*holdfast.Config)
		engine http.Handler
		want   error
	}{
		"no engine":        {func(*holdfast.Config) {}, nil, holdfast.ErrConfig},
		"broken device":    {func(c *holdfast.Config) { c.Platform = brokenDevice{} }, newAnswer(), errDevice},
		"unusable TLS key": {func(c *holdfast.Config) { c.Platform, c.TLSKey = device, "key" }, newAnswer(), holdfast.ErrConfig},
	} {
		cfg := config(key, publish(t, key, contents(7)))
		c.change(&cfg)
		chain := open(t, cfg)
		load(t, chain)
		if h, err := chain.Handler(t.Context(), c.engine); !errors.Is(err, c.want) || h != nil || chain.Epochs() != nil {
			t.Errorf("%s: want %v, got %v", name, c.want, err)
		}
	}
}

// The claims name what was loaded, under which policies, behind which certificate and above which floors.
func TestClaims(t *testing.T) {
	key, tlsKey := signtest.Key(t), signtest.Key(t)
	device, policy := simulated(t)
	src := publish(t, key, contents(7))
	sealed, h := sealDir(t, src, modelName, 7)
	at := time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)
	cfg := config(key, sealed)
	list := denying(t, &cfg, key, 4, at)
	floors := keyrelease.Floors{ServerTime: at, MinVersion: 7, RulesMinVersion: 1, DenyList: list}
	cfg.Key, cfg.Platform, cfg.TLSKey, cfg.Clock = held{h, &floors}, device, tlsKey.Public(), func() time.Time { return at }
	policy.Clock = cfg.Clock
	chain, _ := serve(t, cfg, newAnswer())
	st, err := attest.VerifyChain(t.Context(), chain.Epochs().Document(), nil, policy)
	if err != nil {
		t.Fatal(err)
	}
	digests := map[string][]byte{}
	for _, f := range chain.Model().Files() {
		digests[f.Name] = f.Digest
	}
	spki, err := x509.MarshalPKIXPublicKey(tlsKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	guardPolicy, pin := attest.Digest(chain.Guard().PolicyDigest()), attest.Digest(sha256.Sum256(spki))
	bill := attest.Digest(sha256.Sum256(src[mbom.BOMFile].Data))
	want := attest.Claims{
		Models: []attest.Model{{
			ModelID: chain.Model().Identity().ModelID, Name: modelName, Version: 7, MBOM: &bill,
			Loaded: transcript.New("holdfast/loaded/v1").Uint64(1).String(weights).Bytes(digests[weights]).SHA256(),
		}},
		GuardPolicy: &guardPolicy, Config: chain.ConfigDigest(), TLSSPKI: &pin, Time: st.Claims.Time,
		Floors: &attest.Floors{ServerTime: at, MinVersion: 7, RulesMinVersion: 1, DenyList: &attest.DenyList{Number: 4, Digest: list.Digest}},
	}
	a, _ := json.Marshal(st.Claims)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Errorf("got  %s\nwant %s", a, b)
	}
	// Policy of the relying party decides on each of them.
	policy.InsecureAnyConfig, policy.Configs = false, []attest.Digest{{1}}
	if _, err := attest.VerifyChain(t.Context(), chain.Epochs().Document(), nil, policy); !errors.Is(err, attest.ErrPolicy) {
		t.Errorf("another configuration: %v", err)
	}
}

func TestEndpoints(t *testing.T) {
	key := signtest.Key(t)
	device, _ := simulated(t)
	src := publish(t, key, contents(7))
	plain := config(key, src)
	attested := plain
	attested.Platform = device
	bare := plain
	bare.Source = signtest.Sign(t, signtest.Files(contents(7)), key)
	bare.MBOM.InsecureAllowMissingBOM = true
	const receiptID = receipt.PathPrefix + "00112233445566778899aabbccddeeff"
	for _, c := range []struct {
		cfg          holdfast.Config
		method, path string
		want         int
	}{
		{plain, "GET", holdfast.PathMBOM, 200},
		{plain, "HEAD", holdfast.PathMBOM, 200},
		{plain, "POST", holdfast.PathMBOM, 405},
		{plain, "GET", channel.PathEvidence, 404},
		{plain, "POST", channel.PathChannel, 404},
		{plain, "GET", receiptID, 404},
		{bare, "GET", holdfast.PathMBOM, 404},
		{attested, "GET", holdfast.PathMBOM, 200},
		{attested, "GET", channel.PathEvidence, 200},
		{attested, "POST", channel.PathEvidence, 405},
		{attested, "POST", channel.PathChannel, 400}, // no nonce
		{attested, "GET", channel.PathChannel, 405},
		{attested, "GET", receiptID, 404},
		{attested, "GET", "/.well-known/holdfast/", 404},
		{attested, "GET", "/.well-known/holdfast/other", 404},
	} {
		engine := newAnswer()
		_, h := serve(t, c.cfg, engine)
		w := send(h, c.method, c.path, "")
		if w.Code != c.want {
			t.Errorf("platform %t: %s %s: want %d, got %d", c.cfg.Platform != nil, c.method, c.path, c.want, w.Code)
		}
		if c.path == holdfast.PathMBOM && c.method == "GET" && c.want == 200 && !bytes.Equal(w.Body.Bytes(), src[mbom.BOMFile].Data) {
			t.Error("the bill of materials is served with other bytes")
		}
		if len(engine.seen) != 0 {
			t.Errorf("%s %s reached the engine", c.method, c.path)
		}
	}
}

// Every answer gets a receipt that its bytes and the chain's key verify, also after a second Handler.
func TestReceipts(t *testing.T) {
	key := signtest.Key(t)
	device, policy := simulated(t)
	cfg := config(key, publish(t, key, contents(7)))
	cfg.Platform = device
	chain, h := serve(t, cfg, newAnswer())
	doc := chain.Epochs().Document()
	if _, err := chain.Handler(t.Context(), newAnswer()); err != nil {
		t.Fatal(err)
	}
	st, err := attest.VerifyChain(t.Context(), doc, nil, policy)
	if err != nil {
		t.Fatal(err)
	}
	res := send(h, "POST", "/v1/chat/completions", question).Result()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%v %d %s", err, res.StatusCode, body)
	}
	id := res.Trailer.Get(receipt.HeaderID)
	if id == "" {
		id = res.Header.Get(receipt.HeaderID)
	}
	env := send(h, "GET", receipt.PathPrefix+id, "")
	r, err := receipt.Verify(st.Key(), st.Chain, env.Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var salt attest.Digest
	if err := salt.UnmarshalText([]byte(res.Header.Get(receipt.HeaderSalt))); err != nil {
		t.Fatal(err)
	}
	if err := r.Covers(salt, []byte(question), body); err != nil {
		t.Error(err)
	}
	if err := r.Covers(salt, []byte(question), append(body, ' ')); err == nil {
		t.Error("the receipt covers other bytes")
	}
}

// The adapters carry a key release end to end, and each relying policy decides.
func TestReleaseAdapters(t *testing.T) {
	key, identity := signtest.Key(t), signtest.Key(t)
	device, accepts := simulated(t)
	stranger, _ := simulated(t)
	sealed, h := sealDir(t, publish(t, key, contents(7)), modelName, 7)
	cfg := config(key, sealed)
	digest, err := cfg.Digest()
	if err != nil {
		t.Fatal(err)
	}
	server, err := keyrelease.NewServer(keyrelease.ServerConfig{
		Identity: identity, Verify: holdfast.ReleaseVerifier(accepts),
		Models: map[string]keyrelease.Model{modelName: {
			MinVersion: 7, Versions: []keyrelease.Version{{Version: 7, Keyset: h}}, Configs: [][32]byte{digest},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewTLSServer(server)
	defer srv.Close()
	guest := func(d attest.Device, config [32]byte, server *ecdsa.PublicKey) *keyrelease.Client {
		return &keyrelease.Client{URL: srv.URL, HTTP: srv.Client(), ServerKey: server, Attest: holdfast.Attestor(d), Config: config}
	}
	for name, c := range map[string]struct {
		key  *keyrelease.Client
		want error
	}{
		"good":                  {guest(device, digest, &identity.PublicKey), nil},
		"machine of a stranger": {guest(stranger, digest, &identity.PublicKey), keyrelease.ErrDenied},
		"other configuration":   {guest(device, [32]byte{1}, &identity.PublicKey), keyrelease.ErrDenied},
		"other key server":      {guest(device, digest, &key.PublicKey), keyrelease.ErrServer},
		"broken device":         {guest(brokenDevice{}, digest, &identity.PublicKey), keyrelease.ErrAttest},
	} {
		cfg.Key = c.key
		chain, err := holdfast.Open(t.Context(), cfg)
		if !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: want %v, got %v", name, c.want, err)
		}
		if err == nil {
			load(t, chain)
			chain.Close()
		}
	}
}
