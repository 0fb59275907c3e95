package vault

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead"

	"github.com/holdfast-ai/holdfast/crypto/kek/vault/vaulttest"
)

func configOf(s *vaulttest.Server) Config {
	return Config{
		Address: s.URL, Key: "models", HTTP: s.Client(),
		Token: func(context.Context) (string, error) { return vaulttest.Token, nil },
	}
}

func newAEAD(t *testing.T, cfg Config) *AEAD {
	t.Helper()
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	a.wait = time.Millisecond
	return a
}

// A keyset that Tink wraps with the key comes back, the associated data goes over the wire under its own name, and
// unwrapping is one call.
func TestKeysetOverTheWire(t *testing.T) {
	for _, tls := range []bool{true, false} {
		s := vaulttest.NewPlain(t)
		if tls {
			s = vaulttest.New(t)
		}
		cfg := configOf(s)
		cfg.Namespace = "team"
		a := newAEAD(t, cfg)
		h, err := keyset.NewHandle(streamingaead.AES256GCMHKDF1MBKeyTemplate())
		if err != nil {
			t.Fatal(err)
		}
		ad := []byte("holdfast/keyset/v1 tiny 7")
		var b bytes.Buffer
		if err := h.WriteWithContext(t.Context(), keyset.NewJSONWriter(&b), a, ad); err != nil {
			t.Fatal(err)
		}
		calls := s.Took()
		if len(calls) != 2 || calls[0].Path != "/v1/transit/encrypt/models" || calls[1].Path != "/v1/transit/decrypt/models" {
			t.Fatalf("calls %+v", calls)
		}
		if got := calls[0].AssociatedData(); !bytes.Equal(got, ad) || calls[0].Body["context"] != "" {
			t.Errorf("associated data %q, context %q", got, calls[0].Body["context"])
		}
		back, err := keyset.ReadWithContext(t.Context(), keyset.NewJSONReader(bytes.NewReader(b.Bytes())), a, ad)
		if err != nil || back.String() != h.String() {
			t.Fatalf("%v", err)
		}
		calls = s.Took()
		if len(calls) != 1 || !bytes.Equal(calls[0].AssociatedData(), ad) || calls[0].Header.Get("X-Vault-Token") != vaulttest.Token || calls[0].Header.Get("X-Vault-Namespace") != "team" {
			t.Errorf("unwrapping: %+v", calls)
		}
		if _, err := keyset.ReadWithContext(t.Context(), keyset.NewJSONReader(bytes.NewReader(b.Bytes())), a, []byte("tiny 8")); err == nil {
			t.Error("opens for another version")
		}
	}
}

// What fails says what to do next, with the server's own word in it and no secret.
func TestFailures(t *testing.T) {
	s := vaulttest.New(t)
	ad := []byte("ad")
	ct, err := newAEAD(t, configOf(s)).EncryptWithContext(t.Context(), []byte("canary-keyset"), ad)
	if err != nil {
		t.Fatal(err)
	}
	dead := httptest.NewServer(nil)
	dead.Close()
	for name, c := range map[string]struct {
		change func(*Config, *vaulttest.Server)
		ct, ad []byte
		want   error
	}{
		"twin":             {func(*Config, *vaulttest.Server) {}, ct, ad, nil},
		"wrong key":        {func(c *Config, _ *vaulttest.Server) { c.Key = "others" }, ct, ad, ErrRefused},
		"no such key":      {func(c *Config, _ *vaulttest.Server) { c.Key = "none" }, ct, ad, ErrRefused},
		"no such mount":    {func(c *Config, _ *vaulttest.Server) { c.Mount = "a/b" }, ct, ad, ErrRefused},
		"other data":       {func(*Config, *vaulttest.Server) {}, ct, []byte("da"), ErrRefused},
		"no data":          {func(*Config, *vaulttest.Server) {}, ct, nil, ErrRefused},
		"other ciphertext": {func(*Config, *vaulttest.Server) {}, []byte("vault:v1:AAAA"), ad, ErrRefused},
		"wrong token": {func(c *Config, _ *vaulttest.Server) {
			c.Token = func(context.Context) (string, error) { return "s.wrong-canary", nil }
		}, ct, ad, ErrDenied},
		"no token": {func(c *Config, _ *vaulttest.Server) {
			c.Token = func(context.Context) (string, error) { return "", errToken }
		}, ct, ad, errToken},
		"nobody there":  {func(c *Config, _ *vaulttest.Server) { c.Address = dead.URL }, ct, ad, ErrUnavailable},
		"unknown roots": {func(c *Config, _ *vaulttest.Server) { c.HTTP = &http.Client{Transport: &http.Transport{}} }, ct, ad, ErrUnavailable},
		"sealed":        {replying(status(http.StatusServiceUnavailable)), ct, ad, ErrUnavailable},
		"teapot":        {replying(status(http.StatusTeapot)), ct, ad, ErrReply},
		"redirect":      {replying(redirect(s.URL)), ct, ad, ErrReply},
		"empty":         {replying(text(`{}`)), ct, ad, ErrReply},
		"nothing":       {replying(text(``)), ct, ad, ErrReply},
		"no plaintext":  {replying(text(`{"data":{}}`)), ct, ad, ErrReply},
		"null":          {replying(text(`{"data":{"plaintext":""}}`)), ct, ad, ErrReply},
		"a number":      {replying(text(`{"data":{"plaintext":1}}`)), ct, ad, ErrReply},
		"no base64":     {replying(text(`{"data":{"plaintext":"?"}}`)), ct, ad, ErrReply},
		"cut JSON":      {replying(text(`{"data":{"plaintext":"QUFB`)), ct, ad, ErrReply},
		"cut body":      {replying(cut(`{"data":{"plaintext":"QUFB"}}`)), ct, ad, ErrReply},
		"huge":          {replying(text(`{"data":{"plaintext":"` + strings.Repeat("A", 2*maxReply))), ct, ad, ErrReply},
	} {
		t.Run(name, func(t *testing.T) {
			s.Set(vaulttest.Faults{})
			cfg := configOf(s)
			c.change(&cfg, s)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			pt, err := newAEAD(t, cfg).DecryptWithContext(ctx, c.ct, c.ad)
			if !errors.Is(err, c.want) || (err == nil) != (pt != nil) {
				t.Errorf("got %q, %v; want %v", pt, err, c.want)
			}
			u, ok := errors.AsType[interface {
				error
				Unavailable() bool
			}](err)
			if got := ok && u.Unavailable(); got != (c.want == ErrUnavailable) {
				t.Errorf("kek takes it for unavailable: %v", got)
			}
			if err != nil && strings.Contains(err.Error(), "canary") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// replying is a server that answers in its own way.
func replying(f func(string, http.ResponseWriter) bool) func(*Config, *vaulttest.Server) {
	return func(_ *Config, s *vaulttest.Server) { s.Set(vaulttest.Faults{Reply: f}) }
}

var errToken = errors.New("no token today")

func status(code int) func(string, http.ResponseWriter) bool {
	return func(_ string, w http.ResponseWriter) bool { vaulttest.Fail(w, code, "no"); return true }
}

func text(s string) func(string, http.ResponseWriter) bool {
	return func(_ string, w http.ResponseWriter) bool { _, _ = w.Write([]byte(s)); return true }
}

// cut promises more than it sends.
func cut(s string) func(string, http.ResponseWriter) bool {
	return func(_ string, w http.ResponseWriter) bool {
		w.Header().Set("Content-Length", strconv.Itoa(len(s)))
		_, _ = w.Write([]byte(s[:len(s)-6]))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func redirect(to string) func(string, http.ResponseWriter) bool {
	return func(_ string, w http.ResponseWriter) bool {
		w.Header().Set("Location", to+"/v1/transit/decrypt/elsewhere")
		w.WriteHeader(http.StatusTemporaryRedirect)
		return true
	}
}

// A server that throttles is asked again after the time it names; one that throttles for good is unavailable, and the wait
// ends with the context.
func TestThrottling(t *testing.T) {
	s := vaulttest.New(t)
	a := newAEAD(t, configOf(s))
	ct, err := a.EncryptWithContext(t.Context(), []byte("pt"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Took()
	s.Set(vaulttest.Faults{Throttle: 2, RetryAfter: "0"})
	if pt, err := a.DecryptWithContext(t.Context(), ct, nil); err != nil || string(pt) != "pt" || len(s.Took()) != 3 {
		t.Errorf("throttled twice: %q, %v", pt, err)
	}
	s.Set(vaulttest.Faults{Throttle: 100, RetryAfter: "0"})
	if _, err := a.DecryptWithContext(t.Context(), ct, nil); !errors.Is(err, ErrUnavailable) {
		t.Errorf("throttled for good: %v", err)
	}
	if n := len(s.Took()); n != maxRetries+1 {
		t.Errorf("%d attempts", n)
	}
	s.Set(vaulttest.Faults{Throttle: 100, RetryAfter: "3600"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := a.DecryptWithContext(ctx, ct, nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 3*time.Second {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	for after, want := range map[string]time.Duration{"0": 0, "2": 2 * time.Second, "3600": maxWait, "-1": minWait, "": minWait, "soon": minWait} {
		resp := &http.Response{Header: http.Header{"Retry-After": {after}}}
		if got := backoff(minWait, maxWait, 0, resp); got != want {
			t.Errorf("Retry-After %q: %v, want %v", after, got, want)
		}
	}
	if got := backoff(minWait, maxWait, 60, nil); got != maxWait {
		t.Errorf("after 60 attempts: %v", got)
	}
}

// A request under way ends with its context.
func TestCancellation(t *testing.T) {
	gone := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 1<<10)
		for {
			if _, err := r.Body.Read(buf); err != nil {
				break
			}
		}
		<-r.Context().Done()
		close(gone)
	}))
	defer srv.Close()
	a := newAEAD(t, Config{
		Address: srv.URL, Key: "models", HTTP: &http.Client{Transport: &http.Transport{}},
		Token: func(context.Context) (string, error) { return "t", nil },
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.DecryptWithContext(ctx, []byte("ct"), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Error("the request goes on")
	}
}

// A server that ignores associated data would open what it wraps for any model.
func TestServerThatIgnoresAssociatedData(t *testing.T) {
	s := vaulttest.New(t)
	s.Set(vaulttest.Faults{IgnoreAssociatedData: true})
	a := newAEAD(t, configOf(s))
	if ct, err := a.EncryptWithContext(t.Context(), []byte("pt"), []byte("ad")); !errors.Is(err, ErrUnbound) || ct != nil {
		t.Errorf("wrapped without binding: %v", err)
	}
	s.Set(vaulttest.Faults{})
	if _, err := a.EncryptWithContext(t.Context(), []byte("pt"), []byte("ad")); err != nil {
		t.Errorf("twin: %v", err)
	}
	// A publisher's token may only encrypt; the server is believed. One that has a fault is not.
	s.Set(vaulttest.Faults{Reply: func(op string, w http.ResponseWriter) bool {
		return op == "decrypt" && status(http.StatusForbidden)(op, w)
	}})
	if _, err := a.EncryptWithContext(t.Context(), []byte("pt"), []byte("ad")); err != nil {
		t.Errorf("encrypt-only token: %v", err)
	}
	s.Set(vaulttest.Faults{Reply: func(op string, w http.ResponseWriter) bool { return op == "decrypt" && text(`{}`)(op, w) }})
	if _, err := a.EncryptWithContext(t.Context(), []byte("pt"), []byte("ad")); !errors.Is(err, ErrReply) {
		t.Errorf("no answer to the probe: %v", err)
	}
}

// The environment belongs to the host: nothing in it changes where the token goes, or what goes with it.
func TestEnvironmentIsIgnored(t *testing.T) {
	s, evil := vaulttest.New(t), vaulttest.New(t)
	for k, v := range map[string]string{
		"VAULT_ADDR": evil.URL, "VAULT_AGENT_ADDR": evil.URL, "VAULT_TOKEN": "s.other", "VAULT_NAMESPACE": "other",
		"VAULT_SKIP_VERIFY": "true", "VAULT_PROXY_ADDR": evil.URL, "VAULT_HTTP_PROXY": evil.URL, "HTTPS_PROXY": evil.URL,
		"VAULT_HEADERS": `{"X-Evil":"1"}`, "VAULT_MAX_RETRIES": "0", "VAULT_RATE_LIMIT": "1:1", "VAULT_CLIENT_TIMEOUT": "1",
	} {
		t.Setenv(k, v)
	}
	a := newAEAD(t, configOf(s))
	ct, err := a.EncryptWithContext(t.Context(), []byte("pt"), []byte("ad"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.DecryptWithContext(t.Context(), ct, []byte("ad")); err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Took() {
		if h := c.Header; h.Get("X-Vault-Token") != vaulttest.Token || h.Get("X-Vault-Namespace") != "" || h.Get("X-Evil") != "" || h.Get("X-Vault-Request") != "true" {
			t.Errorf("sent %+v", h)
		}
	}
	if n := len(evil.Took()); n != 0 {
		t.Errorf("%d calls went elsewhere", n)
	}
	cfg := configOf(s)
	cfg.HTTP = &http.Client{Transport: &http.Transport{}} // knows no root of the server
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := newAEAD(t, cfg).DecryptWithContext(ctx, ct, []byte("ad")); err == nil {
		t.Error("VAULT_SKIP_VERIFY reaches the client")
	}
}

func TestConfig(t *testing.T) {
	good := Config{Address: "https://vault.example:8200", Key: "models", HTTP: &http.Client{Transport: &http.Transport{}}, Token: func(context.Context) (string, error) { return "", nil }}
	for name, c := range map[string]struct {
		change func(*Config)
		ok     bool
	}{
		"good": {func(*Config) {}, true}, "slash": {func(c *Config) { c.Address += "/" }, true}, "mount": {func(c *Config) { c.Mount = "a/b-1" }, true},
		"loopback": {func(c *Config) { c.Address = "http://127.0.0.1:1" }, true}, "localhost": {func(c *Config) { c.Address = "http://localhost:1" }, true},
		"loopback v6": {func(c *Config) { c.Address = "http://[::1]:1" }, true},
		"zero":        {func(c *Config) { *c = Config{} }, false}, "no token": {func(c *Config) { c.Token = nil }, false}, "no client": {func(c *Config) { c.HTTP = nil }, false},
		"default transport": {func(c *Config) { c.HTTP = &http.Client{} }, false},
		"in clear":          {func(c *Config) { c.Address = "http://vault.example" }, false}, "unix": {func(c *Config) { c.Address = "unix:///run/v" }, false},
		"path": {func(c *Config) { c.Address += "/x" }, false}, "query": {func(c *Config) { c.Address += "?x" }, false}, "user": {func(c *Config) { c.Address = "https://u@h" }, false},
		"no key": {func(c *Config) { c.Key = "" }, false}, "key with slash": {func(c *Config) { c.Key = "a/b" }, false}, "key up": {func(c *Config) { c.Key = ".." }, false},
		"key with query": {func(c *Config) { c.Key = "a?b" }, false}, "mount up": {func(c *Config) { c.Mount = "a/../b" }, false}, "empty element": {func(c *Config) { c.Mount = "a//b" }, false},
	} {
		cfg := good
		c.change(&cfg)
		if a, err := New(cfg); (err == nil) != c.ok || (a != nil) != c.ok || !c.ok && !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
