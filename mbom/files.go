package mbom

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// BOMFile is the name of the bill of materials in a model's root (docs/SPEC.md section 2).
const BOMFile = "mbom.cdx.json"

// MaxInspected is the size, in bytes, of the largest file that [Open] accepts under a name that is none of weights: it is read whole
// to find out what it is.
const MaxInspected = 64 << 20

// Bounds on files that are read whole.
const (
	maxConfig = 4 << 20  // bytes of a configuration: real ones have under 1 MB, added tokens included
	maxBOM    = 32 << 20 // bytes of the bill of materials
)

// listed reports whether a path belongs in the bill: everything but the bill itself and what signing leaves out too, which
// are signatures and git's files.
func listed(name string, ignore []string) bool {
	if name == BOMFile || name == "model.sig" {
		return false
	}
	under := func(i string) bool { return name == i || strings.HasPrefix(name, i+"/") }
	return !slices.ContainsFunc([]string{".holdfast", ".git", ".gitattributes", ".github", ".gitignore"}, under) && !slices.ContainsFunc(ignore, under)
}

// walk returns the paths of the files in src, sorted by bytes. Anything but files and directories is refused.
func walk(ctx context.Context, src fs.FS, ignore []string) ([]string, error) {
	var out []string
	err := fs.WalkDir(src, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("mbom: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir() && name != "." && !listed(name, ignore):
			return fs.SkipDir
		case d.IsDir(), !listed(name, ignore):
			return nil
		case !d.Type().IsRegular():
			return &FormatError{name, "not a regular file", nil}
		}
		out = append(out, name)
		return nil
	})
	slices.Sort(out)
	return out, err
}

// readFile reads a file of at most limit bytes.
func readFile(src fs.FS, name string, limit int64) ([]byte, error) {
	f, err := src.Open(name)
	if err != nil {
		return nil, fmt.Errorf("mbom: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("mbom: %q: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, &FormatError{name, fmt.Sprintf("above %d bytes", limit), nil}
	}
	return data, nil
}

func isJSON(name string) bool { return strings.EqualFold(path.Ext(name), ".json") }

func isYAML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml" || strings.EqualFold(path.Base(name), "MLmodel") // MLflow's
}

// isConfig reports whether loaders take instructions from the file, as opposed to vocabularies and indexes.
func isConfig(name string) bool {
	base := strings.ToLower(path.Base(name))
	return isJSON(name) && (strings.Contains(base, "config") || strings.Contains(base, "template") || base == modulesFile || strings.HasSuffix(base, pipelineFile))
}

// Files that name the classes of a model's parts: those of sentence-transformers and of diffusers, which has a modular_model_index.json too.
const (
	modulesFile  = "modules.json"
	pipelineFile = "model_index.json"
)

func isTemplate(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".jinja", ".jinja2", ".j2", ".template":
		return true
	}
	return false
}
