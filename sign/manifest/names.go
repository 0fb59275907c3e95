package manifest

import (
	"io/fs"
	"strings"
	"unicode/utf8"
)

// CheckName reports whether name can be the name of a signed file: a relative path of valid UTF-8 whose components are
// separated by single slashes, none of them empty, "." or "..", without backslash and NUL. A path that means something
// else on another system, or that leaves the model, is none.
// Errors: [ErrFormat].
func CheckName(name string) error {
	if why := badName(name); why != "" {
		return malformed("name", "%q %s", clip(name), why)
	}
	return nil
}

func badName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > MaxName:
		return "is too long"
	case !utf8.ValidString(name):
		return "is not valid UTF-8"
	case strings.ContainsAny(name, "\\\x00"):
		return "contains a backslash or NUL"
	case strings.Count(name, "/") > maxNesting:
		return "is nested too deeply"
	case name == "." || !fs.ValidPath(name):
		return "is not a plain relative path"
	}
	return ""
}

// clip keeps hostile names out of error texts beyond a readable length.
func clip(s string) string {
	if len(s) > 128 {
		return s[:128] + "…"
	}
	return s
}

// checkNames makes sure that the resources can stand beside each other in one directory.
func checkNames(resources []Resource) error {
	if len(resources) == 1 && resources[0].Name == SingleFile {
		return nil
	}
	seen := make(map[string]struct{}, len(resources))
	for i, r := range resources {
		if why := badName(r.Name); why != "" {
			return malformed(at(i, "name"), "%q %s", clip(r.Name), why)
		}
		if _, dup := seen[r.Name]; dup {
			return malformed(at(i, "name"), "%q is listed twice", clip(r.Name))
		}
		seen[r.Name] = struct{}{}
	}
	for i, r := range resources {
		for dir := parent(r.Name); dir != ""; dir = parent(dir) {
			if _, file := seen[dir]; file {
				return malformed(at(i, "name"), "%q lies below the file %q", clip(r.Name), clip(dir))
			}
		}
	}
	return nil
}

func parent(name string) string {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return ""
	}
	return name[:i]
}
