package archtest

import (
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// load parses the whole tree. Every test does it, so that a change of any file runs the test anew.
func load(t *testing.T) (*Tree, fs.FS) {
	t.Helper()
	fsys := os.DirFS(testkit.Root(t))
	tree, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return tree, fsys
}

func TestRules(t *testing.T) {
	tree, _ := load(t)
	if len(tree.Files) < 20 {
		t.Fatalf("only %d files were found", len(tree.Files))
	}
	for _, r := range Rules() {
		t.Run(r.Name, func(t *testing.T) {
			for _, v := range r.Check(tree) {
				t.Error(v)
			}
		})
	}
}

func TestModules(t *testing.T) {
	tree, fsys := load(t)
	list := func(args ...string) string {
		cmd := exec.Command("go", append([]string{"list"}, args...)...)
		cmd.Dir = testkit.Root(t)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list %s: %v", strings.Join(args, " "), err)
		}
		return string(out)
	}
	violations := CheckModules(list("-m", "-f", "{{.Path}}", "all"),
		list("-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", "./guard"))
	for _, v := range append(violations, CheckNestedModules(fsys, tree.Files)...) {
		t.Error(v)
	}
}

func TestThreatModel(t *testing.T) {
	tree, fsys := load(t)
	doc, err := fs.ReadFile(fsys, "THREATMODEL.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range CheckThreatModel(tree, string(doc)) {
		t.Error(v)
	}
}

const lib = "// Package p is one.\npackage p\n"

// Each rule goes red on a violation and stays green on the twin that differs in that one thing.
func TestRulesSeeViolations(t *testing.T) {
	imports := func(p string) string { return lib + "\nimport _ \"" + p + "\"\n" }
	cases := []struct {
		rule, path, bad, good string
	}{
		{"trees", "guard/x.go", imports(Module + "/sign"), imports(Module + "/guard/api")},
		{"trees", "guard/deep/er/x.go", imports(Module + "/crypto/seal"), imports(Module + "/internal/dsse")},
		{"trees", "sign/x.go", imports(Module + "/mbom"), imports(Module + "/sign/manifest")},
		{"trees", "mbom/x.go", imports(Module + "/sign"), imports(Module + "/sign/manifest")},
		{"trees", "attest/x_test.go", imports(Module + "/crypto/keyrelease"), imports(Module + "/attest/snp")},
		{"trees", "crypto/seal/x.go", imports(Module), imports(Module + "/crypto/secret")},
		{"internal", "internal/dsse/x.go", imports(Module + "/sign"), imports(Module + "/internal/strictjson")},
		{"internal", "internal/dsse/x.go", imports("golang.org/x/crypto/argon2"), imports("crypto/sha256")},
		{"internal", "internal/dsse/x.go", imports("golang.org/x/sys/unix"), imports("syscall")},
		{"internal", "internal/memfd/x.go", imports("golang.org/x/crypto/argon2"), imports("golang.org/x/sys/unix")},
		{"stdonly", "attest/snp/x.go", imports(Module + "/internal/memfd"), imports(Module + "/internal/strictjson")},
		{"importers", "guard/x.go", imports("github.com/go-playground/validator/v10"), imports("net/http")},
		{"importers", "guard/tensor/x.go", imports("gorgonia.org/tensor"), imports("math")},
		{"importers", "sign/x.go", imports("github.com/sigstore/sigstore/pkg/signature"), imports(Module + "/sign/bundle")},
		{"importers", "crypto/kek/x.go", imports("github.com/tink-crypto/tink-go/v2/streamingaead/subtle"), imports("github.com/tink-crypto/tink-go/v2/aead")},
		{"importers", "sign/x.go", imports("github.com/tink-crypto/tink-go/v2/keyset"), imports("crypto/ecdsa")},
		{"importers", "attest/snp/x.go", imports("github.com/google/go-sev-guest/abi"), imports("crypto/x509")},
		{"importers", "mbom/x.go", imports("github.com/CycloneDX/cyclonedx-go"), imports(Module + "/mbom/cyclonedx")},
		{"importers", "x.go", imports("github.com/spf13/cobra"), imports("context")},
		{"stdonly", "attest/snp/x.go", imports("golang.org/x/sys/unix"), imports("syscall")},
		{"stdonly", "sign/manifest/x.go", imports(Module + "/sign/bundle"), imports(Module + "/internal/strictjson")},
		{"nested", "benchmarks/x.go", imports(Module + "/internal/transcript"), imports(Module + "/sign")},
		{"root", "x.go", lib + strings.Repeat("\n", maxRootLines), lib},
		{"root", "x.go", lib + "var (\n" + strings.Repeat("A int; ", maxRootExported+1) + ")\n", lib + "var A int\n"},
		{"libraries", "guard/x.go", lib + "func init() {}\n", lib + "type T struct{}\nfunc (T) init() {}\n"},
		{"libraries", "guard/x.go", imports("flag"), imports("net/http")},
		{"libraries", "guard/x.go", imports("unsafe"), imports("reflect")},
		{"libraries", "guard/x.go", lib + "import \"net/http\"\nvar c = http.DefaultClient\n", lib + "import \"net/http\"\nvar c = http.Client{}\n"},
		{"libraries", "guard/x.go", lib + "import h \"net/http\"\nvar c = h.DefaultClient\n", lib + "var h struct{ DefaultClient int }\nvar c = h.DefaultClient\n"},
		{"libraries", "guard/x.go", lib + "import \"context\"\nvar c = context.TODO()\n", lib + "import \"context\"\nvar c = context.Canceled\n"},
		{"docs", "guard/x.go", lib + "func F() {}\n", lib + "// F does it.\nfunc F() {}\n"},
		{"docs", "guard/x.go", lib + "// T is one.\ntype T struct{}\nfunc (*T) F() {}\n", lib + "// T is one.\ntype T struct{}\nfunc (*T) f() {}\n"},
		{"docs", "guard/x.go", lib + "const A = 1\n", lib + "const a = 1\n"},
		{"docs", "guard/x.go", "package p\n", lib},
		{"examples", "guard/x.go", lib + "// F does it.\nfunc F() {}\n", lib + "func f() {}\n"},
		{"examples", "guard/x.go", lib + "// T is one.\ntype T int\n", lib + "type t int\n"},
		{"words", "guard/x.go", lib + "// " + unfinished[0] + " later\n", lib + "// later\n"},
	}
	check := func(t *testing.T, rule, path, src string) []Violation {
		t.Helper()
		tree, err := Load(fstest.MapFS{"go.mod": {}, "benchmarks/go.mod": {}, path: {Data: []byte(src)}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range Rules() {
			if r.Name == rule {
				return r.Check(tree)
			}
		}
		t.Fatalf("no rule %q", rule)
		return nil
	}
	tried := map[string]bool{}
	for _, c := range cases {
		tried[c.rule] = true
		if v := check(t, c.rule, c.path, c.bad); len(v) == 0 {
			t.Errorf("%s: %s passes:\n%s", c.rule, c.path, c.bad)
		}
		if v := check(t, c.rule, c.path, c.good); len(v) != 0 {
			t.Errorf("%s: the twin is refused: %v\n%s", c.rule, v, c.good)
		}
	}
	for name, want := range map[string]int{"world_test.go": 1, "example_load_test.go": 0} { // examples are copied together, and alone
		tree, err := Load(fstest.MapFS{
			"go.mod":                {},
			"guard/example_test.go": {Data: []byte("package p_test\nimport \"fmt\"\nfunc Example() { fmt.Println(world(), elsewhere) }\n")},
			"guard/" + name:         {Data: []byte("package p_test\nfunc world() int { return 1 }\n")},
		})
		if err != nil {
			t.Fatal(err)
		}
		if v := checkCopies(tree); len(v) != want {
			t.Errorf("%s: %v", name, v)
		}
	}
	for _, r := range Rules() {
		if !tried[r.Name] {
			t.Errorf("rule %s was never violated", r.Name)
		}
	}
}

func TestModuleCapsSeeViolations(t *testing.T) {
	lines := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString("m" + strings.Repeat("x", i) + "\n")
		}
		return b.String()
	}
	if v := CheckModules(lines(MaxModules), lines(MaxGuardModules)); len(v) != 0 {
		t.Errorf("lists at their caps: %v", v)
	}
	for _, c := range [][2]string{{lines(MaxModules + 1), "a"}, {"a", lines(MaxGuardModules + 1)}, {"", "a"}, {"a", ""}} {
		if v := CheckModules(c[0], c[1]); len(v) != 1 {
			t.Errorf("got %v", v)
		}
	}
}

func TestNestedModulesSeeViolations(t *testing.T) {
	for replace, want := range map[string]int{"replace " + Module + " => ../..\n": 0, "": 1, "replace " + Module + " => ../elsewhere\n": 1} {
		fsys := fstest.MapFS{
			"go.mod":              {Data: []byte("module " + Module + "\n")},
			"examples/a/go.mod":   {Data: []byte("module x\nrequire " + Module + " v0.0.0\n" + replace)},
			"examples/a/x/doc.go": {Data: []byte("package x\n")},
		}
		tree, err := Load(fsys)
		if err != nil {
			t.Fatal(err)
		}
		if v := CheckNestedModules(fsys, tree.Files); len(v) != want {
			t.Errorf("%q: got %v, want %d violations", replace, v, want)
		}
	}
}

func TestThreatModelSeesViolations(t *testing.T) {
	tree, err := Load(fstest.MapFS{"sign/x_test.go": {Data: []byte("package sign\nfunc TestFlip() {}\n")}})
	if err != nil {
		t.Fatal(err)
	}
	head := "| attacker does | what holds | test |\n|---|---|---|\n"
	for row, want := range map[string]int{
		"| flips | refused | `sign.TestFlip` |":                         0,
		"| flips | refused | `sign.TestFlip/last bit` |":                0,
		"| flips | refused | `sign.TestGone` |":                         1,
		"| flips | refused | `crypto/seal.TestFlip` |":                  1,
		"| flips | refused | none |":                                    1,
		"| flips | refused | `sign.TestFlip` and `sign.TestGone` too |": 1,
		"| flips | refused | `sign.TestFlip` and `TestFlip` too |":      1,
		"": 1, // no rows
	} {
		if v := CheckThreatModel(tree, head+row); len(v) != want {
			t.Errorf("%q: got %v, want %d violations", row, v, want)
		}
	}
}
