package archtest

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// Caps on what a user gets by importing the SDK.
const (
	MaxModules      = 150 // go list -m all at the root
	MaxGuardModules = 25  // modules that a program links through guard and its packages
)

// CheckModules holds the two lists, one module a line, against their caps.
func CheckModules(all, guard string) []Violation {
	var out []Violation
	for _, c := range []struct {
		what, list string
		max        int
	}{{"the module graph", all, MaxModules}, {"guard", guard, MaxGuardModules}} {
		names := strings.Fields(c.list)
		slices.Sort(names)
		if n := len(slices.Compact(names)); n == 0 || n > c.max {
			out = append(out, Violation{"go.mod", fmt.Sprintf("%s has %d modules, want 1 to %d", c.what, n, c.max)})
		}
	}
	return out
}

// homeless finds the name of a test without a directory, which could be any.
var homeless = regexp.MustCompile("`(?:Test|Fuzz|Example)[A-Za-z0-9_]*(?:/[^`]*)?`")

// testName finds `dir.TestName` or `dir.TestName/subtest` in backquotes.
var testName = regexp.MustCompile("`([a-z0-9_/.-]+)\\.((?:Test|Fuzz|Example)[A-Za-z0-9_]*)(?:/[^`]*)?`")

// CheckThreatModel wants every row of a table in THREATMODEL.md to name at least one test, and every test named to exist.
func CheckThreatModel(t *Tree, doc string) []Violation {
	tests := map[string]bool{}
	for _, f := range t.Files {
		if !f.Test {
			continue
		}
		for _, d := range f.AST.Decls {
			for _, id := range exportedNames(d) {
				tests[dirName(f.Dir)+"."+id.Name] = true
			}
		}
	}
	var out []Violation
	rows := 0
	for i, line := range strings.Split(doc, "\n") {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| attacker") {
			continue
		}
		rows++
		named := testName.FindAllStringSubmatch(line, -1)
		if len(named) == 0 {
			out = append(out, Violation{fmt.Sprintf("THREATMODEL.md:%d", i+1), "the row names no test"})
		}
		for _, m := range homeless.FindAllString(line, -1) {
			out = append(out, Violation{fmt.Sprintf("THREATMODEL.md:%d", i+1), m + " does not say in which directory"})
		}
		for _, m := range named {
			if !tests[m[1]+"."+m[2]] {
				out = append(out, Violation{fmt.Sprintf("THREATMODEL.md:%d", i+1), fmt.Sprintf("no test %s in %s", m[2], m[1])})
			}
		}
	}
	if rows == 0 {
		out = append(out, Violation{"THREATMODEL.md", "no rows"})
	}
	return out
}

// dirName is what THREATMODEL.md calls a directory; the root goes by its package.
func dirName(dir string) string {
	if dir == "." {
		return "holdfast"
	}
	return dir
}

// CheckNestedModules wants every nested module to be tied to this tree by a replace directive, so that what is tested
// is what is here.
func CheckNestedModules(fsys fs.FS, files []*File) []Violation {
	var out []Violation
	seen := map[string]bool{".": true}
	for _, f := range files {
		if seen[f.Module] {
			continue
		}
		seen[f.Module] = true
		b, err := fs.ReadFile(fsys, f.Module+"/go.mod")
		if err != nil {
			out = append(out, Violation{f.Module, err.Error()})
			continue
		}
		mod := string(b)
		if strings.Contains(mod, "\t"+Module+" v") || strings.Contains(mod, "require "+Module+" v") {
			up := strings.Repeat("../", strings.Count(f.Module, "/")+1)
			if !strings.Contains(mod, Module+" => "+strings.TrimSuffix(up, "/")) {
				out = append(out, Violation{f.Module + "/go.mod", "no replace of " + Module + " by " + up})
			}
		}
	}
	return out
}
