// Package archtest holds the rules of docs/DESIGN.md about what may import what, as checks over the parsed source tree.
// It runs in process: a check that only shelled out would be served from the test cache after a forbidden import.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the import path of the root module.
const Module = "github.com/holdfast-ai/holdfast"

// A File is one parsed Go file of the tree.
type File struct {
	Path   string // relative to the root, with slashes
	Dir    string // "." for the root package
	Module string // directory of the module that it belongs to, "." for the root module
	Test   bool   // its name ends in _test.go
	AST    *ast.File
	Lines  int
}

// Main reports whether the file belongs to a command.
func (f *File) Main() bool { return f.AST.Name.Name == "main" }

// Tree returns the first element of the file's directory.
func (f *File) Tree() string { return first(f.Dir) }

// Imports returns the import paths of the file, each with its position.
func (f *File) Imports() map[string]token.Pos {
	out := make(map[string]token.Pos, len(f.AST.Imports))
	for _, s := range f.AST.Imports {
		if p, err := strconv.Unquote(s.Path.Value); err == nil {
			out[p] = s.Pos()
		}
	}
	return out
}

// A Tree is the whole source tree, nested modules included.
type Tree struct {
	FS    fs.FS
	Fset  *token.FileSet
	Files []*File
}

// Load parses every Go file below the root of fsys, except in testdata and in directories whose name starts with a dot or
// an underscore.
func Load(fsys fs.FS) (*Tree, error) {
	t := &Tree{FS: fsys, Fset: token.NewFileSet()}
	modules := map[string]bool{".": true}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != "." && (d.Name() == "testdata" || d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_")) {
				return fs.SkipDir
			}
			if _, err := fs.Stat(fsys, path.Join(p, "go.mod")); err == nil {
				modules[p] = true
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		src, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(t.Fset, p, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := path.Dir(p)
		mod := dir
		for !modules[mod] {
			mod = path.Dir(mod)
		}
		t.Files = append(t.Files, &File{Path: p, Dir: dir, Module: mod, Test: strings.HasSuffix(p, "_test.go"), AST: parsed,
			Lines: strings.Count(string(src), "\n")})
		return nil
	})
	return t, err
}

// A Violation is one breach of a rule.
type Violation struct {
	Pos  string // file:line, or the file
	Text string
}

func (v Violation) String() string { return v.Pos + ": " + v.Text }

// A Rule is one named check.
type Rule struct {
	Name  string
	Check func(*Tree) []Violation
}

// Rules returns all rules over the source tree.
func Rules() []Rule {
	return []Rule{
		{"trees", checkTrees},
		{"internal", checkInternal},
		{"nested", checkNested},
		{"importers", checkImporters},
		{"stdonly", checkStdOnly},
		{"root", checkRoot},
		{"libraries", checkLibraries},
		{"docs", checkDocs},
		{"examples", checkExamples},
		{"words", checkWords},
	}
}

func (t *Tree) at(pos token.Pos, format string, args ...any) Violation {
	p := t.Fset.Position(pos)
	return Violation{fmt.Sprintf("%s:%d", p.Filename, p.Line), fmt.Sprintf(format, args...)}
}

// imported calls found for each import of each file that keep accepts, in a stable order.
func (t *Tree) imported(keep func(*File) bool, found func(f *File, path string) string) []Violation {
	var out []Violation
	for _, f := range t.Files {
		if !keep(f) {
			continue
		}
		imports := f.Imports()
		for _, p := range sortedKeys(imports) {
			if why := found(f, p); why != "" {
				out = append(out, t.at(imports[p], "imports %s: %s", p, why))
			}
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// local returns the directory of a package of this project.
func local(importPath string) (dir string, ok bool) {
	if importPath == Module {
		return ".", true
	}
	return strings.CutPrefix(importPath, Module+"/")
}

func first(dir string) string {
	s, _, _ := strings.Cut(dir, "/")
	return s
}

// under reports whether p is dir or lies below it.
func under(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }

// standard reports whether an import path is of the standard library: its first element has no dot.
func standard(importPath string) bool { return !strings.Contains(first(importPath), ".") }
