//go:build interop

package interop

import (
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/examples/engine"
	"github.com/holdfast-ai/holdfast/examples/engine/openai"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// setUp installs what a script pins and returns the path that it prints.
func setUp(t *testing.T, script string) string {
	t.Helper()
	cmd := exec.Command(script)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// openAIPython installs the official client and returns its interpreter.
func openAIPython(t *testing.T) string { return setUp(t, "./setup-openai.sh") }

// TestOpenAIClient has the official Python client chat with the example engine over TLS.
func TestOpenAIClient(t *testing.T) {
	python := openAIPython(t)
	e, err := engine.Open(t.Context(), os.DirFS(filepath.Join(testkit.Root(t), "models", "harbor-tiny")))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewTLSServer(openai.New(e, "harbor-tiny"))
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "openai_client.py", s.URL+"/v1", "--ca", ca).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var seen struct {
		Model  string `json:"model"`
		Pieces int    `json:"pieces"`
	}
	if err := json.Unmarshal(out, &seen); err != nil || seen.Model != "harbor-tiny" || seen.Pieces < 2 {
		t.Errorf("%v %s", err, out)
	}
	t.Logf("%s", out)
}
