package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/internal/testkit"
	"github.com/holdfast-ai/holdfast/sign/bundle"
	"github.com/holdfast-ai/holdfast/sign/manifest"
)

// conformanceCase is a config.json or a recipe of the public suite.
type conformanceCase struct {
	Version, Description string

	Method   string   `json:"method"`
	Model    string   `json:"model"`
	Expect   string   `json:"expect"`
	Expected []string `json:"expected_signed_files"`
	Inside   bool     `json:"sig_inside_model"`
	Sign     struct {
		Key    string   `json:"private_key"`
		Leaf   string   `json:"signing_cert"`
		Chain  []string `json:"cert_chain"`
		Ignore []string `json:"ignore_paths"`
	} `json:"sign"`
	Verify struct {
		Key            string   `json:"public_key"`
		Chain          []string `json:"cert_chain"`
		Ignore         []string `json:"ignore_paths"`
		IgnoreUnsigned bool     `json:"ignore_unsigned_files"`
	} `json:"verify"`
	Modifications struct {
		Delete   []string          `json:"delete"`
		Inject   map[string]string `json:"inject"`
		Tamper   map[string]string `json:"tamper"`
		Symlinks map[string]string `json:"symlinks"`
	} `json:"model_modifications"`
}

func readCase(t *testing.T, file string) (c conformanceCase) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.DisallowUnknownFields() // a field that is passed over could be the point of a case
	if err := dec.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

// model copies the model of a case and modifies it.
func (c *conformanceCase) model(t *testing.T, root string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	var err error
	if c.Model == "models/empty" {
		err = os.Mkdir(dir, 0o755)
	} else {
		err = os.CopyFS(dir, os.DirFS(filepath.Join(root, c.Model)))
	}
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for _, name := range c.Modifications.Delete {
		err = errors.Join(err, os.Remove(at(name)))
	}
	for _, edits := range []map[string]string{c.Modifications.Inject, c.Modifications.Tamper} {
		for name, content := range edits {
			err = errors.Join(err, os.WriteFile(at(name), []byte(content), 0o644))
		}
	}
	for name, target := range c.Modifications.Symlinks {
		err = errors.Join(err, os.Symlink(target, at(name)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// adapter runs the command and returns its exit code and what it says.
func adapter(t *testing.T, args ...string) (int, string) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	code := run(t.Context(), args, out, out)
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return code, string(text)
}

func flags(name, dir string, values []string) (out []string) {
	for _, v := range values {
		out = append(out, name, filepath.Join(dir, filepath.FromSlash(v)))
	}
	return out
}

func (c *conformanceCase) verifyArgs(root, model, sig string) []string {
	args := []string{"verify-model", "--method", c.Method, "--model-path", model, "--bundle", sig}
	if c.Verify.Key != "" {
		args = append(args, "--public-key", filepath.Join(root, c.Verify.Key))
	}
	args = append(args, flags("--cert-chain", root, c.Verify.Chain)...)
	args = append(args, flags("--ignore-paths", model, c.Verify.Ignore)...)
	if c.Verify.IgnoreUnsigned {
		args = append(args, "--ignore-unsigned-files")
	}
	return args
}

// refusals say why a negative case must fail: a refusal for another reason would be luck.
var refusals = map[string]string{
	"certificate-simple-wrong-ca_fail":  "certificate",
	"key-simple-corrupted-bundle_fail":  "bundle: is not strict JSON",
	"key-simple-extra-file_fail":        `not signed "injected.bin"`,
	"key-simple-missing-file_fail":      `missing "signme-2"`,
	"key-simple-no-signature_fail":      "dsseEnvelope.signatures: has 0 entries",
	"key-simple-tampered-content_fail":  `changed "signme-1"`,
	"key-simple-truncated-bundle_fail":  "bundle: is not strict JSON",
	"key-simple-wrong-key_fail":         "no trusted signature",
	"key-simple-wrong-mediatype_fail":   "mediaType: is not",
	"malformed-empty-bundle_fail":       "bundle: is not strict JSON",
	"malformed-missing-envelope_fail":   "dsseEnvelope: is absent",
	"key-empty-model-rejected.json":     "no files to sign",
	"key-symlink-cycle.json":            "not a regular file",
	"key-symlink-default-rejected.json": "not a regular file",
	"key-symlink-outside-root.json":     "not a regular file",
}

func (c *conformanceCase) judge(t *testing.T, name string, code int, text string) {
	t.Helper()
	if c.Expect != "fail" {
		if code != 0 {
			t.Errorf("refused with %d: %s", code, text)
		}
		return
	}
	if why := refusals[name]; code != exitRefused || why == "" || !strings.Contains(text, why) {
		t.Errorf("exit %d, want %d for %q: %s", code, exitRefused, why, text)
	}
}

// TestConformance runs the cases of the public suite through its adapter protocol.
func TestConformance(t *testing.T) {
	root := testkit.Vectors(t, "sign", "model-signing-conformance")
	cases, _ := filepath.Glob(filepath.Join(root, "*tive", "*", "config.json")) // positive and negative
	if len(cases) != 14 {
		t.Errorf("%d cases, want 14", len(cases))
	}
	for _, file := range cases {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			c := readCase(t, file)
			if c.Expect == "fail" != strings.HasSuffix(name, "_fail") {
				t.Fatalf("expects %q", c.Expect)
			}
			model := c.model(t, root)
			code, text := adapter(t, c.verifyArgs(root, model, filepath.Join(filepath.Dir(file), "bundle.sig"))...)
			c.judge(t, name, code, text)
		})
	}
}

// TestConformanceRoundTrip signs and verifies by the recipes of the public suite.
func TestConformanceRoundTrip(t *testing.T) {
	root := testkit.Vectors(t, "sign", "model-signing-conformance")
	recipes, _ := filepath.Glob(filepath.Join(root, "roundtrip", "*.json"))
	if len(recipes) != 23 {
		t.Errorf("%d recipes, want 23", len(recipes))
	}
	for _, file := range recipes {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c := readCase(t, file)
			if len(c.Modifications.Symlinks) > 0 && runtime.GOOS == "windows" {
				t.Skip("symbolic links need a privilege")
			}
			model := c.model(t, root)
			sig := filepath.Join(t.TempDir(), "model.sig")
			if c.Inside {
				sig = filepath.Join(model, "model.sig")
			}
			args := []string{"sign-model", "--method", c.Method, "--model-path", model, "--output-bundle", sig,
				"--private-key", filepath.Join(root, c.Sign.Key)}
			if c.Sign.Leaf != "" {
				args = append(args, "--signing-cert", filepath.Join(root, c.Sign.Leaf))
			}
			args = append(args, flags("--cert-chain", root, c.Sign.Chain)...)
			// What verifying leaves out is not to be signed either, say the expected names.
			args = append(args, flags("--ignore-paths", model, slices.Concat(c.Sign.Ignore, c.Verify.Ignore))...)
			code, text := adapter(t, args...)
			if c.Expect == "fail" {
				c.judge(t, filepath.Base(file), code, text)
				if _, err := os.Stat(sig); err == nil {
					t.Error("a signature was left")
				}
				return
			}
			if code != 0 {
				t.Fatalf("signing exits with %d: %s", code, text)
			}
			code, text = adapter(t, c.verifyArgs(root, model, sig)...)
			c.judge(t, filepath.Base(file), code, text)
			data, err := os.ReadFile(sig)
			if err != nil {
				t.Fatal(err)
			}
			b, err := bundle.Parse(data)
			if err != nil {
				t.Fatal(err)
			}
			m, err := manifest.Parse(b.Payload)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, r := range m.Resources {
				names = append(names, r.Name)
			}
			slices.Sort(c.Expected)
			if !slices.Equal(names, c.Expected) {
				t.Errorf("signed %q, want %q", names, c.Expected)
			}
		})
	}
}

// TestConformanceProtocol: what the protocol says of flags, without the suite.
func TestConformanceProtocol(t *testing.T) {
	code, text := adapter(t, "capabilities")
	var doc struct {
		Flags  []string `json:"flags"`
		Hashes []string `json:"hash_algorithms"`
		Bench  *bool    `json:"benchmark_model"`
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || code != 0 || len(doc.Flags) != 2 || len(doc.Hashes) != 1 || doc.Bench == nil {
		t.Errorf("%d: %s: %v", code, text, err)
	}
	for _, args := range [][]string{
		{"sign-model"}, {"verify-model", "--method", "key"},
		{"verify-model", "--method", "sigstore", "--model-path", t.TempDir(), "--bundle", "x"},
		{"verify-model", "--method", "key", "--model-path", t.TempDir(), "--bundle", "x"},
		{"verify-model", "--method", "certificate", "--model-path", t.TempDir(), "--bundle", "x"},
	} {
		if code, text := adapter(t, args...); code != exitUsage {
			t.Errorf("%q: %d: %s", args, code, text)
		}
	}
}
