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

// checkNames makes sure that the files can stand beside each other in one directory. field names the value that the i-th
// file came from.
func checkNames(files []File, field func(i int) string) error {
	if len(files) == 1 && files[0].Name == SingleFile {
		return nil
	}
	seen := make(map[string]struct{}, len(files))
	for i, f := range files {
		if why := badName(f.Name); why != "" {
			return malformed(field(i), "%q %s", clip(f.Name), why)
		}
		if _, dup := seen[f.Name]; dup {
			return malformed(field(i), "%q is listed twice", clip(f.Name))
		}
		seen[f.Name] = struct{}{}
	}
	dirs := map[string]struct{}{}
	for i, f := range files {
		for dir := parent(f.Name); dir != ""; dir = parent(dir) {
			if _, known := dirs[dir]; known { // and what is above it
				break
			}
			if _, file := seen[dir]; file {
				return malformed(field(i), "%q lies below the file %q", clip(f.Name), clip(dir))
			}
			if dirs[dir] = struct{}{}; len(dirs) > MaxResources {
				return malformed(field(i), "%q lies in one of more than %d directories", clip(f.Name), MaxResources)
			}
		}
	}
	return nil
}

// checkIgnored refuses ignored paths that are signed, or that signed files lie below: who leaves out what is ignored finds another
// model than who reads what is signed.
func checkIgnored(files []File, ignored []string, field func(i int) string) error {
	skip := make(map[string]struct{}, len(ignored))
	for _, p := range ignored {
		skip[p] = struct{}{}
	}
	for i, f := range files {
		for p := f.Name; p != "" && len(skip) > 0; p = parent(p) {
			if _, ok := skip[p]; ok {
				return malformed(field(i), "%q is signed and ignored", clip(f.Name))
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
