package receipt_test

import (
	"bufio"
	"crypto/ecdsa"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/attest/receipt"
)

var (
	chain = attest.Digest{1}
	model = attest.Digest{2}
	salt  = [32]byte{3}
)

func newKey(t testing.TB) *attest.Identity {
	t.Helper()
	k, err := attest.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(k *attest.Identity) *ecdsa.PublicKey { return k.Public().(*ecdsa.PublicKey) }

func serve(t *testing.T, k *attest.Identity, stored int, next http.HandlerFunc) *httptest.Server {
	t.Helper()
	h, err := receipt.NewHandler(receipt.Config{
		Next: next, Stored: stored,
		Subject: func(*http.Request) receipt.Subject {
			return receipt.Subject{Signer: k, Chain: chain, Epoch: 4, ModelID: model, MBOM: &attest.Digest{5}}
		},
		Clock: func() time.Time { return time.Date(2026, 11, 24, 0, 0, 0, 7, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func do(t *testing.T, s *httptest.Server, method, body string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/v1/chat", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(receipt.HeaderSalt, hex.EncodeToString(salt[:]))
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return resp, string(b), err
}

func idOf(resp *http.Response) string {
	if id := resp.Trailer.Get(receipt.HeaderID); id != "" {
		return id
	}
	return resp.Header.Get(receipt.HeaderID)
}

func fetch(t *testing.T, s *httptest.Server, id string) (int, []byte) {
	t.Helper()
	resp, err := s.Client().Get(s.URL + receipt.PathPrefix + id)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b
}

func get(t *testing.T, s *httptest.Server, k *attest.Identity, resp *http.Response) *receipt.Receipt {
	t.Helper()
	status, env := fetch(t, s, idOf(resp))
	if status != http.StatusOK {
		t.Fatalf("no receipt %q: %d", idOf(resp), status)
	}
	r, err := receipt.Verify(public(k), chain, env)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReceiptsCoverTheBytesOnTheWire(t *testing.T) {
	k := newKey(t)
	for name, c := range map[string]struct {
		method string
		next   http.HandlerFunc
		want   string
	}{
		"stream": {"POST", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			for range 3 {
				_, _ = io.WriteString(w, "data: x\n\n")
				w.(http.Flusher).Flush()
			}
		}, strings.Repeat("data: x\n\n", 3)},
		"with length": {"POST", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			w.Header().Set("Content-Length", "2")
			_, _ = io.WriteString(w, "ok")
		}, "ok"},
		"small":            {"POST", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }, "prompt"},
		"body not read":    {"POST", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) }, ""},
		"body half read":   {"POST", func(w http.ResponseWriter, r *http.Request) { _, _ = r.Body.Read(make([]byte, 3)) }, ""},
		"no content":       {"POST", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) }, ""},
		"nothing happened": {"POST", func(http.ResponseWriter, *http.Request) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, k, 0, c.next)
			resp, body, err := do(t, s, c.method, "prompt")
			if err != nil || body != c.want {
				t.Fatalf("%q, %v", body, err)
			}
			r := get(t, s, k, resp)
			if err := r.Covers(salt, []byte("prompt"), []byte(body)); err != nil {
				t.Fatal(err)
			}
			if r.Seq != 1 || r.Epoch != 4 || r.ModelID != model || *r.MBOM != (attest.Digest{5}) || r.Time.Nanosecond() != 0 {
				t.Errorf("%+v", r)
			}
			// Change one thing.
			for _, err := range []error{
				r.Covers(salt, []byte("Prompt"), []byte(body)), r.Covers(salt, []byte("prompt"), []byte(body+"x")), r.Covers([32]byte{}, []byte("prompt"), []byte(body)),
			} {
				if !errors.Is(err, receipt.ErrMismatch) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

func TestCutStreamsAreNotComplete(t *testing.T) {
	k := newKey(t)
	got := make(chan string, 1)
	for name, next := range map[string]http.HandlerFunc{
		"panic": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			w.Header().Set("Content-Length", "9") // so that the id reaches the client
			_, _ = io.WriteString(w, "par")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"short": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.ReadAll(r.Body)
			w.Header().Set("Content-Length", "9")
			_, _ = io.WriteString(w, "par")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, k, 0, func(w http.ResponseWriter, r *http.Request) {
				defer func() { got <- "done" }()
				next(w, r)
			})
			req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL, strings.NewReader("prompt"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(receipt.HeaderSalt, hex.EncodeToString(salt[:]))
			resp, err := s.Client().Do(req)
			<-got
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			r := get(t, s, k, resp)
			if err := r.Covers(salt, []byte("prompt"), []byte("par")); !errors.Is(err, receipt.ErrIncomplete) || r.Complete {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestFlushReachesTheClient(t *testing.T) {
	k := newKey(t)
	more := make(chan struct{})
	s := serve(t, k, 0, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-more
		_, _ = io.WriteString(w, "second\n")
		if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("hijack: %v", err)
		}
	})
	resp, err := s.Client().Post(s.URL, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	in := bufio.NewReader(resp.Body)
	if line, err := in.ReadString('\n'); err != nil || line != "first\n" {
		t.Fatalf("%q, %v", line, err)
	}
	close(more)
	if rest, err := io.ReadAll(in); err != nil || string(rest) != "second\n" {
		t.Fatalf("%q, %v", rest, err)
	}
	// The client sent no salt: the server's came with the response.
	made, err := hex.DecodeString(resp.Header.Get(receipt.HeaderSalt))
	if err != nil || len(made) != 32 {
		t.Fatal(err)
	}
	if err := get(t, s, k, resp).Covers([32]byte(made), nil, []byte("first\nsecond\n")); err != nil {
		t.Fatal(err)
	}
}

func TestStoreIsBounded(t *testing.T) {
	k := newKey(t)
	s := serve(t, k, 2, func(http.ResponseWriter, *http.Request) {})
	var ids []string
	for range 5 {
		resp, _, err := do(t, s, "POST", "")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, idOf(resp))
	}
	for i, id := range ids {
		want := http.StatusNotFound
		if i >= 3 {
			want = http.StatusOK
		}
		if got, _ := fetch(t, s, id); got != want {
			t.Errorf("receipt %d: %d, want %d", i, got, want)
		}
	}
}

func TestMalformedSaltIsRefused(t *testing.T) {
	k := newKey(t)
	s := serve(t, k, 0, func(http.ResponseWriter, *http.Request) { t.Error("served") })
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(receipt.HeaderSalt, "00")
	resp, err := s.Client().Do(req)
	if err != nil || resp.StatusCode != http.StatusBadRequest {
		t.Fatalf("%v, %v", resp, err)
	}
	_ = resp.Body.Close()
}

func TestVerifyRefuses(t *testing.T) {
	k := newKey(t)
	r := receipt.Receipt{Chain: chain, ModelID: model, Time: time.Unix(1e9, 0).UTC()}
	good, err := receipt.Sign(k, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := receipt.Verify(public(k), chain, good); err != nil {
		t.Fatalf("the twin: %v", err)
	}
	for name, c := range map[string]struct {
		key   *ecdsa.PublicKey
		chain attest.Digest
		env   []byte
		want  error
	}{
		"other key":     {public(newKey(t)), chain, good, receipt.ErrSignature},
		"no key":        {nil, chain, good, receipt.ErrSignature},
		"other chain":   {public(k), attest.Digest{9}, good, receipt.ErrMismatch},
		"cut":           {public(k), chain, good[:len(good)-1], receipt.ErrFormat},
		"trailing":      {public(k), chain, append(good[:len(good):len(good)], '{'), receipt.ErrFormat},
		"too long":      {public(k), chain, append(good[:len(good):len(good)], make([]byte, 8<<10)...), receipt.ErrFormat},
		"other payload": {public(k), chain, []byte(strings.Replace(string(good), "eyJ", "eyK", 1)), receipt.ErrSignature},
	} {
		if _, err := receipt.Verify(c.key, c.chain, c.env); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	k := newKey(f)
	good, err := receipt.Sign(k, receipt.Receipt{Chain: chain})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, env []byte) {
		r, err := receipt.Verify(public(k), chain, env)
		if err == nil && *r != (receipt.Receipt{Chain: chain}) {
			t.Fatalf("forged %+v", r)
		}
	})
}
