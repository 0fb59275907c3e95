package seal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
	"github.com/holdfast-ai/holdfast/internal/transcript"
)

// Names in a sealed directory (docs/SPEC.md section 3).
const (
	manifestName = "seal.json"
	macName      = "seal.mac"
	keysDir      = "seal.keys"
	blobsDir     = "blobs"
	partialFile  = "seal.partial" // only while a directory is written
	asideFile    = "seal.aside"   // only while one of the files above, or one in seal.keys, is written

	formatVersion = 1
)

// manifest is seal.json. Its bytes are authenticated by seal.mac, so they are parsed once and never written again.
type manifest struct {
	Version    int       `json:"version"`
	Model      modelName `json:"model"`
	Segment    int64     `json:"segment"`    // ciphertext segment size in bytes
	Commitment string    `json:"commitment"` // hex, 32 bytes
	Files      []sealed  `json:"files,omitzero"`
	List       *listBlob `json:"list,omitempty"` // instead of Files
}

// listBlob names the blob that holds the files of a directory with hidden names, as fileList. Its digest is over the sealed
// bytes: so the digest of seal.json stands for the whole list, as it does where the list is in it.
type listBlob struct {
	Blob   string `json:"blob"`
	Size   int64  `json:"size"`   // plaintext bytes
	Header string `json:"header"` // hex, as in sealed
	Digest string `json:"digest"` // hex, SHA-256 of the blob
}

// fileList is the plaintext of a listBlob.
type fileList struct {
	Files []sealed `json:"files"` // by path bytes, strictly rising
}

type modelName struct {
	Name    string `json:"name"`
	Version uint64 `json:"version"`
}

// sealed is one file. Its header fixes which encryption of the path is meant: an older blob of the same path has another.
type sealed struct {
	Path   string `json:"path"`
	Blob   string `json:"blob"`   // path of the ciphertext in the sealed directory
	Size   int64  `json:"size"`   // plaintext bytes
	Header string `json:"header"` // hex, the first 24 or 40 bytes of the blob
}

// Info names a sealed directory. It is read before any key is known: until [OpenFS] has returned, whoever wrote the
// directory chose it.
type Info struct {
	Name           string   // of the model
	Version        uint64   // of the model
	Commitment     [32]byte // of the keyset it is sealed under, see [Commitment]
	ManifestDigest [32]byte // SHA-256 of the bytes of seal.json; zero for a [Wrapper], which comes first
}

// FileAD is the associated data of one file: T("holdfast/seal-file/v1", name, version, path).
func FileAD(name string, version uint64, path string) []byte {
	return transcript.New("holdfast/seal-file/v1").String(name).Uint64(version).String(path).Encoding()
}

// ListAD is the associated data of the sealed list of a directory with hidden names: T("holdfast/seal-list/v1", name,
// version).
func ListAD(name string, version uint64) []byte {
	return transcript.New("holdfast/seal-list/v1").String(name).Uint64(version).Encoding()
}

// KeysetAD is the associated data of a wrapped keyset: T("holdfast/keyset/v1", name, version, commitment).
func (i Info) KeysetAD() []byte {
	return transcript.New("holdfast/keyset/v1").String(i.Name).Uint64(i.Version).Bytes(i.Commitment[:]).Encoding()
}

// parseManifest reads and checks seal.json.
func parseManifest(b []byte) (*manifest, Info, error) {
	var m manifest
	err := strictjson.Unmarshal(b, &m, strictjson.Limits{MaxBytes: MaxManifest, MaxDepth: 8, MaxItems: MaxFiles})
	if err != nil {
		return nil, Info{}, fmt.Errorf("%w: %s: %w", ErrFormat, manifestName, err)
	}
	info := Info{Name: m.Model.Name, Version: m.Model.Version, ManifestDigest: sha256.Sum256(b)}
	if m.Version != formatVersion {
		return nil, Info{}, fmt.Errorf("%w: %s: version %d, want %d", ErrFormat, manifestName, m.Version, formatVersion)
	}
	if err := checkName(m.Model.Name); err != nil {
		return nil, Info{}, fmt.Errorf("%w: %s: %w", ErrFormat, manifestName, err)
	}
	if !unhex(info.Commitment[:], m.Commitment) {
		return nil, Info{}, fmt.Errorf("%w: %s: commitment", ErrFormat, manifestName)
	}
	if m.List != nil {
		err = m.List.check(m.Files)
	} else {
		err = checkFiles(m.Files)
	}
	if err != nil {
		return nil, Info{}, fmt.Errorf("%w: %s: %w", ErrFormat, manifestName, err)
	}
	return &m, info, nil
}

func (l *listBlob) check(files []sealed) error {
	switch {
	case files != nil:
		return errors.New("files and list")
	case !isBlob(l.Blob):
		return errors.New("blob name of the list")
	case l.Size < 0 || l.Size > MaxManifest:
		return fmt.Errorf("a list of %d bytes", l.Size)
	case !unhex(make([]byte, sha256.Size), l.Digest):
		return errors.New("digest of the list")
	}
	return nil
}

// parseList reads the plaintext of a list, which the key has authenticated: it is checked like seal.json all the same,
// because whoever has the key may have made it.
func parseList(b []byte, blob string) ([]sealed, error) {
	var l fileList
	err := strictjson.Unmarshal(b, &l, strictjson.Limits{MaxBytes: MaxManifest, MaxDepth: 8, MaxItems: MaxFiles})
	if err == nil {
		err = checkFiles(l.Files)
	}
	for _, f := range l.Files {
		if err == nil && f.Blob == blob {
			err = errors.New("a file in the blob of the list")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: list of files: %w", ErrFormat, err)
	}
	return l.Files, nil
}

func checkFiles(files []sealed) error {
	if len(files) > MaxFiles {
		return fmt.Errorf("%d files, the limit is %d", len(files), MaxFiles)
	}
	blobs := make(map[string]bool, len(files))
	names := make(map[string]bool, len(files))
	for i, f := range files {
		if err := checkPath(f.Path); err != nil {
			return fmt.Errorf("file %d: %w", i, err)
		}
		if i > 0 && files[i-1].Path >= f.Path {
			return fmt.Errorf("file %d: paths are not in order", i)
		}
		names[f.Path] = true
		if !isBlob(f.Blob) || blobs[f.Blob] {
			return fmt.Errorf("file %d: blob name", i)
		}
		blobs[f.Blob] = true
		if f.Size < 0 {
			return fmt.Errorf("file %d: negative size", i)
		}
	}
	dirs := map[string]bool{}
	for _, f := range files {
		for dir := parent(f.Path); dir != "." && !dirs[dir]; dir = parent(dir) {
			if names[dir] {
				return fmt.Errorf("%q is a file and a directory", dir)
			}
			if dirs[dir] = true; len(dirs) > MaxFiles { // each is an entry in memory, and a path of a few bytes has many
				return fmt.Errorf("more than %d directories", MaxFiles)
			}
		}
	}
	return nil
}

// checkPath accepts what fs.ValidPath does, less what some file system or terminal reads in another way.
func checkPath(p string) error {
	if len(p) > MaxPath || strings.Count(p, "/") > maxNesting || p == "." || !fs.ValidPath(p) || !printable(p) || strings.ContainsRune(p, '\\') {
		return fmt.Errorf("not a valid path")
	}
	return nil
}

func checkName(name string) error {
	if name == "" || len(name) > MaxName || !utf8.ValidString(name) || !printable(name) {
		return fmt.Errorf("not a valid model name")
	}
	return nil
}

func printable(s string) bool {
	return strings.IndexFunc(s, unicode.IsControl) < 0
}

func isBlob(name string) bool {
	token, ok := strings.CutPrefix(name, blobsDir+"/")
	return ok && isToken(token)
}

// isToken accepts file names that mean the same everywhere.
func isToken(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '.' || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

// unhex fills dst from exactly as many lower-case hex digits.
func unhex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) || strings.ToLower(s) != s {
		return false
	}
	_, err := hex.Decode(dst, []byte(s))
	return err == nil
}

// bytes renders the manifest. It happens once, when a directory is sealed.
func (m *manifest) bytes() ([]byte, error) {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return nil, fmt.Errorf("seal: %s: %w", manifestName, err)
	}
	if len(b) > MaxManifest {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrTooLarge, manifestName, len(b))
	}
	return b, nil
}
