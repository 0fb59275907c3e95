package archtest

import (
	"fmt"
	"go/ast"
	"io/fs"
	"slices"
	"strings"
)

// Caps of the root package, which composes and holds no logic of its own. Raise one only with a reason in the commit.
const (
	maxRootFiles    = 12
	maxRootLines    = 1500
	maxRootExported = 40
)

func checkRoot(t *Tree) []Violation {
	var files, lines, exported int
	for _, f := range t.Files {
		if f.Dir != "." || f.Test {
			continue
		}
		files++
		lines += f.Lines
		for _, d := range f.AST.Decls {
			exported += len(exportedNames(d))
		}
	}
	var out []Violation
	for _, c := range []struct {
		what     string
		got, max int
	}{{"files", files, maxRootFiles}, {"lines", lines, maxRootLines}, {"exported identifiers", exported, maxRootExported}} {
		if c.got > c.max {
			out = append(out, Violation{"root package", fmt.Sprintf("%d %s, at most %d: logic belongs to a tree", c.got, c.what, c.max)})
		}
	}
	return out
}

// forbidden lists identifiers of other packages that libraries do not use.
var forbidden = map[string]string{
	"net/http.DefaultClient":   "requests go through a client that the caller gave",
	"net/http.Get":             "uses the default client",
	"net/http.Post":            "uses the default client",
	"net/http.DefaultServeMux": "is process-wide state",
	"net/http.Handle":          "registers on process-wide state",
	"net/http.HandleFunc":      "registers on process-wide state",
	"context.TODO":             "the context comes from the caller",
	"fmt.Print":                "libraries do not print",
	"fmt.Printf":               "libraries do not print",
	"fmt.Println":              "libraries do not print",
	"os.Exit":                  "libraries return errors",
	"log/slog.Default":         "the logger comes from the caller",
	"log/slog.SetDefault":      "is process-wide state",
}

// forbiddenImports lists packages that libraries do not import, tests aside.
var forbiddenImports = map[string]string{
	"flag":         "flags belong to commands",
	"log":          "the logger is a *slog.Logger that the caller gave",
	"math/rand":    "randomness is crypto/rand",
	"math/rand/v2": "randomness is crypto/rand",
	"io/ioutil":    "deprecated",
	"unsafe":       "only the files listed in unsafeFiles may",
}

// unsafeFiles may import unsafe. Each says at the import why it must.
var unsafeFiles = []string{
	"guard/tensor/gorgonia/gorgonia.go", // the bytes of a dense tensor of any type, without a copy
	"crypto/memory/raw_linux.go",        // system calls that no safe package wraps
}

// library reports whether the rules for libraries hold for f: every non-test file of the root module that is no command
// and no example.
func library(f *File) bool {
	return f.Module == "." && !f.Test && !f.Main() && f.Tree() != "examples" && !under(f.Dir, "internal/archtest")
}

func checkLibraries(t *Tree) []Violation {
	out := t.imported(library, func(f *File, p string) string {
		if p == "unsafe" && slices.Contains(unsafeFiles, f.Path) {
			return ""
		}
		return forbiddenImports[p]
	})
	for _, f := range t.Files {
		if !library(f) {
			continue
		}
		names := map[string]string{} // local name of an import -> its path
		for _, s := range f.AST.Imports {
			p := strings.Trim(s.Path.Value, `"`)
			name := p[strings.LastIndexByte(p, '/')+1:]
			if s.Name != nil {
				name = s.Name.Name
			}
			names[name] = p
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					out = append(out, t.at(n.Pos(), "func init: no work at import"))
				}
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok {
					id := names[x.Name] + "." + n.Sel.Name
					if why := forbidden[id]; why != "" {
						out = append(out, t.at(n.Pos(), "uses %s: %s", id, why))
					}
				}
			}
			return true
		})
	}
	return out
}

// public reports whether f is part of what users import.
func public(f *File) bool {
	return f.Module == "." && !f.Test && !f.Main() && !slices.Contains(strings.Split(f.Dir, "/"), "internal")
}

// checkDocs wants a comment on every exported symbol and one package comment for each public package.
func checkDocs(t *Tree) []Violation {
	var out []Violation
	packages := map[string]bool{}
	for _, f := range t.Files {
		if !public(f) {
			continue
		}
		packages[f.Dir] = packages[f.Dir] || f.AST.Doc != nil
		for _, d := range f.AST.Decls {
			for _, id := range undocumented(d) {
				out = append(out, t.at(id.Pos(), "exported %s has no comment", id.Name))
			}
		}
	}
	for _, dir := range sortedKeys(packages) {
		if !packages[dir] {
			out = append(out, Violation{dir, "the package has no comment"})
		}
	}
	return out
}

func exportedNames(d ast.Decl) []*ast.Ident {
	return collect(d, func(*ast.CommentGroup) bool { return true })
}

func undocumented(d ast.Decl) []*ast.Ident {
	return collect(d, func(doc *ast.CommentGroup) bool { return doc == nil })
}

// Methods that satisfy an interface everyone knows need no comment.
var wellKnown = []string{"Error", "Unwrap", "String", "Is", "As", "Len", "Less", "Swap", "GoString", "Format", "LogValue", "MarshalJSON", "MarshalText", "UnmarshalJSON", "UnmarshalText",
	"Read", "Write", "Close", "ReadAt", "Seek", "Name", "Size", "Mode", "ModTime", "IsDir", "Sys", "Type", "Info", "Stat", "ReadDir", "Open", "ServeHTTP", "RoundTrip", "Public", "Sign"}

func collect(d ast.Decl, keep func(*ast.CommentGroup) bool) []*ast.Ident {
	var out []*ast.Ident
	add := func(id *ast.Ident, docs ...*ast.CommentGroup) {
		for _, doc := range docs {
			if doc != nil && !keep(doc) {
				return
			}
		}
		if id.IsExported() {
			out = append(out, id)
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add(d.Name, d.Doc)
		} else if exportedReceiver(d.Recv) && !slices.Contains(wellKnown, d.Name.Name) {
			add(d.Name, d.Doc)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				add(s.Name, s.Doc, s.Comment, d.Doc)
			case *ast.ValueSpec:
				for _, id := range s.Names {
					add(id, s.Doc, s.Comment, d.Doc)
				}
			}
		}
	}
	return out
}

func exportedReceiver(fields *ast.FieldList) bool {
	e := fields.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// unfinished are words of work that is not done; an issue is the place for them.
var unfinished = []string{"TO" + "DO", "FIX" + "ME", "XX" + "X:"}

func checkWords(t *Tree) []Violation {
	var out []Violation
	for _, f := range t.Files {
		b, err := fs.ReadFile(t.FS, f.Path)
		if err != nil {
			return append(out, Violation{f.Path, err.Error()})
		}
		for i, line := range strings.Split(string(b), "\n") {
			for _, w := range unfinished {
				if strings.Contains(strings.ReplaceAll(line, "context.TO"+"DO", ""), w) {
					out = append(out, Violation{fmt.Sprintf("%s:%d", f.Path, i+1), "says " + w})
				}
			}
		}
	}
	return out
}
