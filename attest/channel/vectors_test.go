package channel

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// TestVectors holds the transcript that K signs to docs/vectors/channel.json, which the second implementation checks too.
func TestVectors(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(testkit.Root(t), "docs", "vectors", "channel.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Name string
			In   struct {
				ALPN     string        `json:"alpn"`
				SNI      string        `json:"sni"`
				Epoch    string        `json:"epoch"`
				Exporter string        `json:"exporter"`
				Client   attest.Digest `json:"nonce_c"`
				Server   attest.Digest `json:"nonce_s"`
			}
			Out struct{ Encoding string }
		}
	}
	if err := json.Unmarshal(data, &file); err != nil || len(file.Vectors) == 0 {
		t.Fatalf("%d vectors, %v", len(file.Vectors), err)
	}
	for _, v := range file.Vectors {
		exporter, err := hex.DecodeString(v.In.Exporter)
		if err != nil {
			t.Fatal(err)
		}
		got := binding(exporter, v.In.Client, v.In.Server, v.In.ALPN, v.In.SNI, sha256.Sum256([]byte(v.In.Epoch))).Encoding()
		if hex.EncodeToString(got) != v.Out.Encoding {
			t.Errorf("%s: %x", v.Name, got)
		}
	}
}
