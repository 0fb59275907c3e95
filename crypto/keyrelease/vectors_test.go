package keyrelease

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// The contexts of a release are those of docs/vectors, which spec_check.py computes from the specification alone.
func TestSpecVectors(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "vectors", "release.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Kind    string
			In, Out map[string]any
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, v := range file.Vectors {
		seen[v.Kind] = true
		switch v.Kind {
		case "release":
			testContexts(t, v.In, v.Out)
		case "release-exchange":
			testExchange(t, v.In, v.Out)
		default:
			t.Errorf("kind %s", v.Kind)
		}
	}
	if len(seen) != 2 {
		t.Errorf("kinds %v", seen)
	}
}

func unhexed(t *testing.T, v any) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.(string))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testContexts(t *testing.T, in, out map[string]any) {
	raw := func(name string) []byte { return unhexed(t, in[name]) }
	r := &releaseRequest{
		Version: protocolVersion, Suite: in["suite"].(string), Token: raw("token"), Key: raw("key"),
		Claims: []byte(in["claims"].(string)), Evidence: []byte(in["evidence"].(string)),
	}
	if r.Suite != Suite {
		t.Errorf("suite %s, want %s", Suite, r.Suite)
	}
	server, sealed := [32]byte(raw("server")), raw("sealed")
	challenge, signed := challengeOf(server, r.Token), tokenDigest(server, r.Token)
	info := exchange(server, r)
	response := responseDigest(info, sealed)
	for name, got := range map[string][]byte{
		"challenge": challenge[:], "challenge_signed": signed[:], "info": info, "response_signed": response[:],
	} {
		if hex.EncodeToString(got) != out[name] {
			t.Errorf("%s: %x, want %s", name, got, out[name])
		}
	}
	claims, err := parseRequest(r.Claims)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := claims.encode(); err != nil || string(again) != in["claims"] {
		t.Errorf("claims are written %s, %v; want %s", again, err, in["claims"])
	}
}

// The recorded exchange passes both ends: the server takes its token, the guest its challenge and its answer.
func testExchange(t *testing.T, in, out map[string]any) {
	spki, err := x509.ParsePKIXPublicKey(unhexed(t, in["spki"]))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		field := map[string]string{"/v1/challenge": "challenge_response", "/v1/release": "release_response"}[r.URL.Path]
		_, _ = io.WriteString(w, in[field].(string))
	}))
	defer srv.Close()
	c := &Client{URL: srv.URL, HTTP: srv.Client(), ServerKey: spki.(*ecdsa.PublicKey)}
	server, err := serverHash(c.ServerKey)
	if err != nil {
		t.Fatal(err)
	}
	token, err := c.challenge(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	tk := tokens{key: unhexed(t, in["challenge_key"]), server: server, lifetime: DefaultLifetime}
	expires := time.Unix(int64(out["expires"].(float64)), 0)
	if err := tk.check(token, expires); err != nil {
		t.Errorf("token: %v", err)
	}
	if err := tk.check(token, expires.Add(time.Second)); !code(CodeExpired)(err) {
		t.Errorf("token after its time: %v", err)
	}
	var req releaseRequest
	if err := decode([]byte(in["release_request"].(string)), &req, maxRequest); err != nil {
		t.Fatal(err)
	}
	key, err := hpkeKEM().NewPrivateKey(unhexed(t, in["seed"]))
	if err != nil || !bytes.Equal(key.PublicKey().Bytes(), req.Key) {
		t.Fatalf("key: %v", err)
	}
	rd := ReportData(challengeOf(server, token), transcript.KeyHash(transcript.SuiteMLKEM768X25519, req.Key), sha256.Sum256(req.Claims))
	if hex.EncodeToString(rd[:]) != out["report_data"] {
		t.Errorf("report data %x", rd)
	}
	g, err := c.release(t.Context(), server, &req, key)
	if err != nil {
		t.Fatal(err)
	}
	f, err := g.floors()
	if err != nil || hex.EncodeToString(g.Keyset) != out["keyset"] || f.ServerTime.Format(time.RFC3339) != out["server_time"] ||
		float64(f.MinVersion) != out["min_version"] || float64(f.DenyList.Number) != out["deny_list"] || float64(f.RulesMinVersion) != out["rules_min_version"] {
		t.Errorf("grant %+v, %v", f, err)
	}
}
