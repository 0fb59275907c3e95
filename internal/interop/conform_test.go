//go:build interop

package interop

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard/guardtest"
)

// TestServeConforms holds holdfast serve, a process of its own with TLS before another server, against the whole corpus.
func TestServeConforms(t *testing.T) {
	p := publishModel(t)
	policy, err := json.Marshal(guardtest.Policy())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "guard.json")
	if err := os.WriteFile(file, policy, 0o600); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(p.cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	guardtest.ConformURL(t, guardtest.Remote{
		Start: func(_ context.Context, upstream string) (string, error) {
			return p.serve(t, "--guard-policy", file, "--upstream", upstream, p.plain), nil
		},
		Client:   &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}},
		Patience: 5 * time.Second, // the machine has more to do
	})
}
