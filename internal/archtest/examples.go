package archtest

import (
	"go/ast"
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
	return out
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
