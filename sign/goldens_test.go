package sign_test

import (
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/sign"
	"github.com/holdfast-ai/holdfast/sign/manifest"
	"github.com/holdfast-ai/holdfast/sign/signtest"
)

// TestGoldens: the reference implementation's statements about its models, once they are signed, are accepted with those models, and
// we measure the same digests. Its serializers' outputs without resources are refused.
func TestGoldens(t *testing.T) {
	root := testkit.Vectors(t, "sign", "model-transparency")
	key := signtest.Key(t)
	statements, _ := filepath.Glob(filepath.Join(root, "statements", "*.json"))
	if len(statements) != 12 {
		t.Errorf("%d statements, want 12", len(statements))
	}
	for _, file := range statements {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			input, list, shardSize := name, "files/"+name, int64(0)
			if before, ok := strings.CutSuffix(name, "_small_shards"); ok {
				input, list, shardSize = before, "shards/"+name, 8
			} else if before, ok := strings.CutSuffix(name, "_shard"); ok {
				input, list, shardSize = before, "shards/"+before, 1_000_000_000
			}
			src := signtest.Files(nil)
			switch input {
			case "sample_model_folder":
				src = load(t, filepath.Join(root, "inputs", input, "sample_model"))
			case "sample_model_file", "empty_model_file":
				src = load(t, filepath.Join(root, "inputs", input))
			}
			b := signPayload(t, key, read(t, file))
			if len(src) == 0 || input == "empty_model_file" && shardSize > 0 {
				if _, err := sign.Open(t.Context(), src, anyModel(key), sign.WithBundle(b)); !errors.Is(err, sign.ErrFormat) {
					t.Errorf("no resources: %v", err)
				}
				if _, err := sign.Measure(t.Context(), src, sign.SignOptions{ShardSize: shardSize}); !errors.Is(err, sign.ErrFormat) {
					t.Errorf("nothing to sign: %v", err)
				}
				return
			}
			m := open(t, src, anyModel(key), sign.WithBundle(b))
			if err := m.VerifyAll(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if extra, err := m.Extra(t.Context()); err != nil || len(extra) > 0 {
				t.Errorf("extra %q, %v", extra, err)
			}
			ours, err := sign.Measure(t.Context(), src, sign.SignOptions{ShardSize: shardSize})
			if err != nil {
				t.Fatal(err)
			}
			want := lines(t, filepath.Join(root, "digests", list+".txt"))
			if got := digests(ours, m.Subject()); !maps.Equal(got, want) {
				t.Errorf("measured %q, golden %q", got, want)
			}
			golden, err := manifest.Parse(read(t, file))
			if err != nil {
				t.Fatal(err)
			}
			if got := digests(golden, ""); !maps.Equal(got, want) {
				t.Errorf("statement %q, golden %q", got, want)
			}
		})
	}
}

// lines reads a golden list of "name:digest".
func lines(t *testing.T, file string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for line := range strings.Lines(string(read(t, file))) {
		i := strings.LastIndexByte(line, ':')
		out[line[:i]] = strings.TrimSpace(line[i+1:])
	}
	return out
}

// digests lists the resources of m in the same form, the file called single by the name that the reference implementation gives it.
func digests(m *manifest.Manifest, single string) map[string]string {
	out := map[string]string{}
	for _, r := range m.Resources {
		name := r.Name
		if rest, ok := strings.CutPrefix(name, single); ok && single != "" && len(m.Files) == 1 {
			name = manifest.SingleFile + rest
		}
		out[name] = hexOf(r.Digest)
	}
	return out
}
