package kek

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/holdfast-ai/holdfast/crypto/seal"
	"github.com/holdfast-ai/holdfast/internal/durable"
)

// keysDir is where a sealed directory has its wrapped keysets (docs/SPEC.md section 3).
const keysDir = "seal.keys"

// maxListed bounds what Wraps lists: the readers' bound, and as many left-over files.
const maxListed = 2 * seal.MaxWraps

// A Wrap is one file that holds a wrapped keyset, or may hold one.
type Wrap struct {
	File   string   // below the sealed directory
	ID     string   // of the key that wraps it; empty where no reader looks at the file
	Size   int64    // bytes
	Digest [32]byte // SHA-256 of the file; zero where it has more than [seal.MaxWrap] bytes

	// Passphrase says that a passphrase unwraps it, by the magic in front of the ciphertext. It is not authenticated.
	Passphrase bool
}

// Wraps lists every file in seal.keys, for the operator who rotates a key or destroys a model by destroying its keys. It lists
// what readers ignore as well: a file that a killed process left behind under a temporary name is a wrapped keyset too.
// Nothing in it is authenticated. Copies elsewhere, a key server's records and snapshots of the disk count as well, and
// cannot be listed here.
// Errors: [ErrFormat] where there are more files than a sealed directory can have, and those of src.
func Wraps(src fs.FS) ([]Wrap, error) {
	entries, err := fs.ReadDir(src, keysDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	if len(entries) > maxListed {
		return nil, fmt.Errorf("%w: %d files in %s", ErrFormat, len(entries), keysDir)
	}
	out := make([]Wrap, 0, len(entries))
	for _, e := range entries {
		w, err := inspect(src, e)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

func inspect(src fs.FS, e fs.DirEntry) (Wrap, error) {
	w := Wrap{File: keysDir + "/" + e.Name()}
	if !e.Type().IsRegular() {
		return w, nil // not opened: it could wait for a writer
	}
	if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && validID(id) {
		w.ID = id
	}
	f, err := src.Open(w.File)
	if err != nil {
		return w, fmt.Errorf("kek: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, seal.MaxWrap+1))
	if err != nil {
		return w, fmt.Errorf("kek: %w", err)
	}
	w.Size = int64(len(b))
	if len(b) > seal.MaxWrap {
		if fi, err := f.Stat(); err == nil {
			w.Size = fi.Size()
		}
		return w, nil
	}
	w.Digest = sha256.Sum256(b)
	var k struct {
		EncryptedKeyset []byte `json:"encryptedKeyset"`
	}
	if checkJSON(b) == nil && json.Unmarshal(b, &k) == nil {
		w.Passphrase = bytes.HasPrefix(k.EncryptedKeyset, []byte(passMagic))
	}
	return w, nil
}

// Shred removes everything in seal.keys, also where [Wraps] refuses to list it, so that nobody opens this directory any more who has not opened it before or
// has a copy. They stay away after a power failure; whether the blocks are overwritten is up to the disk: destroy the key encryption keys too.
// Errors: those of the file system; what could be removed is.
func Shred(dir *os.Root) error {
	entries, err := fs.ReadDir(dir.FS(), keysDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		err = fmt.Errorf("kek: %w", err) // and what it has read is removed all the same
	}
	for _, e := range entries {
		if e := dir.RemoveAll(keysDir + "/" + e.Name()); e != nil {
			err = errors.Join(err, fmt.Errorf("kek: %w", e))
		}
	}
	return errors.Join(err, syncKeys(dir))
}

// syncKeys makes what was removed stay away after the power has failed.
func syncKeys(dir *os.Root) error {
	if err := durable.SyncIn(dir, keysDir); err != nil {
		return fmt.Errorf("kek: %w", err)
	}
	return nil
}
