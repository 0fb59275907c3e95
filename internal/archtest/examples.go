package archtest

import (
	"errors"
	"go/ast"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
)

// withoutExample are the public packages that have no example, and why.
var withoutExample = map[string]string{
	"attest/snp/sevguest": "works on a device alone",
	"mbom/model":          "is types, which mbom fills; the example of mbom/cyclonedx has them",
	"sign/signtest":       "takes a *testing.T, which examples do not have",
}

// checkExamples wants an example in each public package that exports something: what a newcomer copies is compiled and run.
func checkExamples(t *Tree) []Violation {
	exports, has := map[string]*File{}, map[string]bool{}
	for _, f := range t.Files {
		for _, d := range f.AST.Decls {
			switch {
			case f.Test:
				fn, ok := d.(*ast.FuncDecl)
				has[f.Dir] = has[f.Dir] || ok && strings.HasPrefix(fn.Name.Name, "Example")
			case public(f) && f.Tree() != "examples" && exported(d):
				exports[f.Dir] = f
			}
		}
	}
	var out []Violation
	for dir, f := range exports {
		if why := withoutExample[dir]; has[dir] == (why != "") {
			if why != "" {
				out = append(out, t.at(f.AST.Name.Pos(), "package has an example: take it off the list of those without"))
				continue
			}
			out = append(out, t.at(f.AST.Name.Pos(), "package has no example"))
		}
	}
	return append(out, checkCopies(t)...)
}

// checkCopies wants the examples of a package to compile when they are copied without its other tests.
func checkCopies(t *Tree) []Violation {
	examples, names := map[string][]*ast.File{}, map[string]map[string]bool{} // by directory and package; what other tests declare
	for _, f := range t.Files {
		key := f.Dir + " " + f.AST.Name.Name
		switch {
		case !f.Test || f.Tree() == "examples":
		case strings.HasPrefix(path.Base(f.Path), "example"):
			examples[key] = append(examples[key], f.AST)
		default:
			if names[key] == nil {
				names[key] = map[string]bool{}
			}
			for _, d := range f.AST.Decls {
				declared(names[key], d)
			}
		}
	}
	var out []Violation
	for _, key := range slices.Sorted(maps.Keys(examples)) {
		conf := types.Config{Importer: nowhere{}, Error: func(err error) {
			e, ok := errors.AsType[types.Error](err)
			if name, undefined := strings.CutPrefix(e.Msg, "undefined: "); ok && undefined && names[key][name] {
				out = append(out, t.at(e.Pos, "example needs %s, which stands in another test: it cannot be copied", name))
			}
		}}
		_, _ = conf.Check(key, t.Fset, examples[key], nil) // of the rest, such as imports, nothing is asked
	}
	return out
}

// nowhere imports nothing: what an example takes from other packages is believed.
type nowhere struct{}

func (nowhere) Import(string) (*types.Package, error) { return nil, errors.ErrUnsupported }

// declared adds the names that a declaration gives to a package.
func declared(to map[string]bool, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			to[d.Name.Name] = true
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				to[s.Name.Name] = true
			case *ast.ValueSpec:
				for _, n := range s.Names {
					to[n.Name] = true
				}
			}
		}
	}
}

// exported reports whether a declaration is one of a name that users see.
func exported(d ast.Decl) bool {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Recv == nil && d.Name.IsExported()
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if s, ok := s.(*ast.TypeSpec); ok && s.Name.IsExported() {
				return true
			}
		}
	}
	return false
}
