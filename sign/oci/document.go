package oci

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

const (
	// maxDocument bounds the index, manifests and bundles, in bytes: registries need not accept manifests over 4 MiB (OCI
	// Distribution Specification v1.1, "Pushing Manifests").
	maxDocument = 4 << 20
	// maxDescriptors bounds the entries of one list in them: artifacts of a layout, layers of a model.
	maxDescriptors = 10_000
	maxDepth       = 16 // manifests nest four deep; annotations are flat
)

// Media types and annotations (OCI Image Format Specification v1.1, descriptor and annotations).
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"

	annotationTag  = "org.opencontainers.image.ref.name"
	annotationPath = "org.cncf.model.filepath" // ModelPack, annotations

	layoutVersion = "1.0.0"
	schemaVersion = 2
)

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType"`
	Annotations  map[string]string `json:"annotations"`
	URLs         []string          `json:"urls"`
}

// check refuses descriptors that lead anywhere but to a blob of the layout.
func (d *descriptor) check() error {
	algorithm, digits, _ := strings.Cut(d.Digest, ":")
	switch {
	case algorithm == "sha512":
		return unsupported("digest %s", clip(d.Digest))
	case !isDigest(d.Digest):
		return malformed("%q is no digest", clip(digits))
	case d.Size < 0:
		return malformed("%s has %d bytes", d.Digest, d.Size)
	case len(d.URLs) > 0:
		return unsupported("%s is stored elsewhere", d.Digest)
	}
	return nil
}

// isDigest says whether s is a SHA-256 in its registered form.
func isDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == ""
}

func digestOf(sum [32]byte) string { return "sha256:" + hex.EncodeToString(sum[:]) }

func clip(s string) string { return s[:min(len(s), 100)] }

type layoutFile struct {
	Version string `json:"imageLayoutVersion"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`

	// Fields of the other document. One that is both is a different model to each reader (CVE-2021-41190).
	Config json.RawMessage `json:"config"`
	Layers json.RawMessage `json:"layers"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	ArtifactType  string       `json:"artifactType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
	Subject       *descriptor  `json:"subject"`

	Manifests json.RawMessage `json:"manifests"` // of an index; see there
}

// decode reads one of the documents. Fields that are not known mean nothing here, as the specification wants it.
func decode(what string, data []byte, v any) error {
	limits := strictjson.Limits{MaxBytes: maxDocument, MaxDepth: maxDepth, MaxItems: maxDescriptors}
	if err := strictjson.UnmarshalKnown(data, v, limits); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrLayout, what, err)
	}
	return nil
}

func parseIndex(data []byte) (*index, error) {
	var x index
	if err := decode("index.json", data, &x); err != nil {
		return nil, err
	}
	if x.SchemaVersion != schemaVersion || x.MediaType != "" && x.MediaType != typeIndex {
		return nil, malformed("index.json: schema %d, type %q", x.SchemaVersion, clip(x.MediaType))
	}
	if x.Config != nil || x.Layers != nil {
		return nil, malformed("index.json is a manifest too")
	}
	for i := range x.Manifests {
		if err := x.Manifests[i].check(); err != nil {
			return nil, err
		}
	}
	return &x, nil
}

func parseManifest(data []byte) (*manifest, error) {
	var m manifest
	if err := decode("manifest", data, &m); err != nil {
		return nil, err
	}
	if m.SchemaVersion != schemaVersion || m.MediaType != "" && m.MediaType != typeManifest {
		return nil, malformed("manifest: schema %d, type %q", m.SchemaVersion, clip(m.MediaType))
	}
	if m.Manifests != nil {
		return nil, malformed("manifest is an index too")
	}
	for _, d := range append([]descriptor{m.Config}, m.Layers...) {
		if err := d.check(); err != nil {
			return nil, err
		}
	}
	return &m, nil
}

// pick selects the artifact that ref names: a digest, a tag, or "" where there is only one.
func (x *index) pick(ref string) (descriptor, error) {
	var found descriptor
	for _, d := range x.Manifests {
		matches := d.Annotations[annotationTag] == ref
		switch {
		case isDigest(ref): // and no tag that looks like one
			matches = d.Digest == ref
		case ref == "":
			matches = d.ArtifactType != typeBundle // those are signatures of the one
		}
		if !matches {
			continue
		}
		switch other := found.Digest != "" && (found.Digest != d.Digest || found.Size != d.Size); {
		case other && ref == "":
			return descriptor{}, fmt.Errorf("%w: %s", ErrAmbiguous, x.names())
		case other:
			return descriptor{}, malformed("%q is ambiguous: %s and %s", clip(ref), found.Digest, d.Digest)
		}
		found = d
	}
	if found.Digest == "" {
		return descriptor{}, fmt.Errorf("oci: artifact %q: %w", clip(ref), fs.ErrNotExist)
	}
	if found.MediaType != typeManifest {
		return descriptor{}, unsupported("%s is of type %q", found.Digest, clip(found.MediaType))
	}
	return found, nil
}

// maxNames bounds the artifacts that an error lists.
const maxNames = 8

// names lists what a ref can be: the tag of an artifact, or its digest where it has none, and what it says it is.
func (x *index) names() string {
	var out []string
	for _, d := range x.Manifests {
		if d.ArtifactType == typeBundle {
			continue
		}
		if len(out) == maxNames {
			out = append(out, "…")
			break
		}
		name := d.Digest
		if tag := d.Annotations[annotationTag]; tag != "" {
			name = strconv.Quote(clip(tag))
		}
		if d.ArtifactType != "" {
			name += " (" + strconv.Quote(clip(d.ArtifactType)) + ")"
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}
