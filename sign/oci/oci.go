package oci

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/ctxio"
	"github.com/holdfast-ai/holdfast/internal/treefs"
	"github.com/holdfast-ai/holdfast/sign"
)

// An Artifact is a model in a layout: an fs.FS of the files in its layers. It is safe for concurrent use.
type Artifact struct {
	*treefs.FS
	blobs    blobs
	digest   string
	manifest *manifest
	index    *index
	count    int // of its files
}

// Open opens the model that ref names in a layout directory: by tag (the annotation org.opencontainers.image.ref.name), by
// the digest of its manifest ("sha256:" and 64 hexadecimal digits), or "" where the layout has only one. layout must stay
// open. Layers that are compressed are read once, to find their files; of these, small ones stay in memory, up to 64 MiB, and
// each of the others is reached by inflating what lies before it: large models are better stored uncompressed.
//
// Errors: [ErrAmbiguous], [ErrLayout], [ErrDigest], [ErrUnsupported], [fs.ErrNotExist] for a ref or blob that is not there, ctx's,
// and faults of layout.
func Open(ctx context.Context, layout *os.Root, ref string) (*Artifact, error) {
	b := blobs{sign.DirFS(layout)}
	var version layoutFile
	if data, err := b.file(ctx, "oci-layout"); err != nil {
		return nil, err
	} else if err := decode("oci-layout", data, &version); err != nil {
		return nil, err
	}
	if version.Version != layoutVersion {
		return nil, unsupported("layout version %q", clip(version.Version))
	}
	data, err := b.file(ctx, "index.json")
	if err != nil {
		return nil, err
	}
	x, err := parseIndex(data)
	if err != nil {
		return nil, err
	}
	d, err := x.pick(ref)
	if err != nil {
		return nil, err
	}
	if data, err = b.document(ctx, d); err != nil {
		return nil, err
	}
	m, err := parseManifest(data)
	if err != nil {
		return nil, err
	}
	if err := known(m); err != nil {
		return nil, err
	}
	a := &Artifact{blobs: b, digest: d.Digest, manifest: m, index: x}
	files, err := a.files(ctx)
	if err != nil {
		return nil, err
	}
	a.count = len(files)
	if a.FS, err = treefs.New(files); err != nil {
		return nil, malformed("%v", err)
	}
	return a, nil
}

// Digest returns the digest of the manifest, as registries and tags name the artifact.
func (a *Artifact) Digest() string { return a.digest }

// files lists the files of all layers.
func (a *Artifact) files(ctx context.Context) ([]treefs.File, error) {
	var all []treefs.File
	dirs, hold, tars := map[string]bool{}, new(held), map[string]bool{}
	for _, d := range a.manifest.Layers {
		form, err := formOf(d.MediaType)
		if err != nil {
			return nil, err
		}
		if form != formRaw { // what is in it cannot be there twice, and reading it again costs as much
			if tars[d.Digest] {
				return nil, malformed("layer %s is there twice", d.Digest)
			}
			tars[d.Digest] = true
		}
		var files []treefs.File
		switch form {
		case formRaw:
			name, ok := d.Annotations[annotationPath]
			if !ok {
				return nil, malformed("layer %s has no %s", d.Digest, annotationPath)
			}
			files = []treefs.File{{Name: name, Size: d.Size, Open: func() (io.ReadCloser, error) { return a.blobs.open(d) }}}
		case formTar:
			files, err = a.blobs.tarFiles(ctx, d, dirs)
		case formTarGzip:
			files, err = a.blobs.gzipFiles(ctx, d, dirs, hold)
		}
		if err != nil {
			return nil, err
		}
		if all = append(all, files...); len(all) > treefs.MaxFiles {
			return nil, malformed("more than %d files", treefs.MaxFiles)
		}
		if len(dirs) > treefs.MaxFiles {
			return nil, malformed("more than %d directories", treefs.MaxFiles)
		}
	}
	for _, f := range all {
		if dirs[f.Name] {
			return nil, malformed("%q is a file and a directory", f.Name)
		}
	}
	return all, nil
}

// Media types: the configurations that tell what an artifact is, and the prefixes and kinds of layers (ModelPack
// specification v0.0.7, model manifest; KitOps ModelKit specification).
const (
	configModelPack = "application/vnd.cncf.model.config.v1+json"
	configKitOps    = "application/vnd.kitops.modelkit.config.v1+json"
	prefixModelPack = "application/vnd.cncf.model."
	prefixKitOps    = "application/vnd.kitops.modelkit."
)

func known(m *manifest) error {
	if t := m.Config.MediaType; t != configModelPack && t != configKitOps {
		return unsupported("artifact of type %q with configuration %q", clip(m.ArtifactType), clip(t))
	}
	if len(m.Layers) == 0 {
		return malformed("a model without layers")
	}
	return nil
}

// A form is how a layer holds files.
type form string

const (
	formRaw     form = "raw"
	formTar     form = "tar"
	formTarGzip form = "tar+gzip"
)

// formOf reads the media type of a layer: prefix, kind, ".v1.", form.
func formOf(mediaType string) (form, error) {
	rest, ok := strings.CutPrefix(mediaType, prefixModelPack)
	kinds := "|weight|weight.config|doc|code|dataset|"
	if !ok {
		rest, ok = strings.CutPrefix(mediaType, prefixKitOps)
		kinds = "|model|modelpart|docs|code|dataset|prompt|"
	}
	kind, f, cut := strings.Cut(rest, ".v1.")
	if !ok || !cut || !strings.Contains(kinds, "|"+kind+"|") {
		return "", unsupported("layer of type %q", clip(mediaType))
	}
	switch f := form(f); f {
	case formRaw, formTar, formTarGzip:
		return f, nil
	}
	return "", unsupported("layer of type %q", clip(mediaType))
}

// blobs reads files of a layout.
type blobs struct{ src fs.FS }

func path(digest string) string { return "blobs/sha256/" + strings.TrimPrefix(digest, "sha256:") }

// regular opens a file that is no link, pipe or device.
func (b blobs) regular(name string) (fs.File, int64, error) {
	fi, err := fs.Lstat(b.src, name)
	if err != nil {
		return nil, 0, fmt.Errorf("oci: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return nil, 0, malformed("%s: not a regular file", name)
	}
	f, err := b.src.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("oci: %w", err)
	}
	if fi, err = f.Stat(); err == nil && !fi.Mode().IsRegular() {
		err = malformed("%s: not a regular file", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, fi.Size(), nil
}

// file reads a small file that nothing vouches for.
func (b blobs) file(ctx context.Context, name string) ([]byte, error) {
	f, _, err := b.regular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(ctxio.Reader(ctx, f), maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("oci: %s: %w", name, err)
	}
	if len(data) > maxDocument {
		return nil, malformed("%s has more than %d bytes", name, maxDocument)
	}
	return data, nil
}

// document reads a blob that is small, and is what its descriptor says.
func (b blobs) document(ctx context.Context, d descriptor) ([]byte, error) {
	if d.Size > maxDocument {
		return nil, malformed("%s has %d bytes, at most %d are read", d.Digest, d.Size, maxDocument)
	}
	f, err := b.open(d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(ctxio.Reader(ctx, f), d.Size+1))
	if err != nil {
		return nil, fmt.Errorf("oci: %s: %w", d.Digest, err)
	}
	if sum := sha256.Sum256(data); int64(len(data)) != d.Size || digestOf(sum) != d.Digest {
		return nil, &DigestError{d.Digest, "other content"}
	}
	return data, nil
}

// open opens the blob of a descriptor, which must have its size.
func (b blobs) open(d descriptor) (fs.File, error) {
	f, size, err := b.regular(path(d.Digest))
	if err != nil {
		return nil, err
	}
	if size != d.Size {
		f.Close()
		return nil, &DigestError{d.Digest, fmt.Sprintf("%d bytes, not %d", size, d.Size)}
	}
	return f, nil
}
