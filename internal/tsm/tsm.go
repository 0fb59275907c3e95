// Package tsm asks Linux (6.7 and later) for reports of a trusted execution environment through configfs-tsm
// (Documentation/ABI/testing/configfs-tsm), which SEV-SNP and TDX have in common.
package tsm

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// Dir is where Linux offers reports.
const Dir = "/sys/kernel/config/tsm/report"

// FS are the file operations that configfs-tsm takes.
type FS interface {
	Mkdir(name string) error
	Remove(name string) error
	Write(name string, b []byte) error
	Read(name string) ([]byte, error)
}

// A Request asks for one report.
type Request struct {
	FS        FS     // nil: the operating system's
	Dir       string // "": [Dir]
	Provider  string // who must answer: "sev_guest", "tdx_guest"
	Privilege *uint  // level to ask for, if not nil
}

// Do returns a report over data, and what the host adds to it, which may be nothing.
func (r Request) Do(data []byte) (report, added []byte, err error) {
	f, dir := r.FS, r.Dir
	if f == nil {
		f = OS{}
	}
	if dir == "" {
		dir = Dir
	}
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, nil, err
	}
	// A directory of our own: requests of other processes cannot change its attributes by accident.
	dir = filepath.Join(dir, "holdfast-"+hex.EncodeToString(id[:]))
	if err := f.Mkdir(dir); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Remove(dir)) }()
	at := func(name string) string { return filepath.Join(dir, name) }
	if r.Privilege != nil {
		if err := f.Write(at("privlevel"), []byte(strconv.FormatUint(uint64(*r.Privilege), 10))); err != nil {
			return nil, nil, err
		}
	}
	if err := f.Write(at("inblob"), data); err != nil {
		return nil, nil, err
	}
	provider, err := f.Read(at("provider"))
	if err != nil {
		return nil, nil, err
	}
	if p := string(bytes.TrimSpace(provider)); p != r.Provider {
		return nil, nil, fmt.Errorf("provider %q, want %q", p, r.Provider)
	}
	// "generation" counts writes: if it moves between two reads, the blobs are of different requests.
	before, err := f.Read(at("generation"))
	if err != nil {
		return nil, nil, err
	}
	if report, err = f.Read(at("outblob")); err != nil {
		return nil, nil, err
	}
	if added, err = f.Read(at("auxblob")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	after, err := f.Read(at("generation"))
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(before, after) {
		return nil, nil, errors.New("another request interfered")
	}
	return report, added, nil
}

// OS works on the real tree.
type OS struct{}

// Mkdir makes a request.
func (OS) Mkdir(name string) error { return os.Mkdir(name, 0o700) }

// Remove ends a request.
func (OS) Remove(name string) error { return os.Remove(name) }

// Write sets an attribute.
func (OS) Write(name string, b []byte) error { return os.WriteFile(name, b, 0o600) }

// Read returns an attribute.
func (OS) Read(name string) ([]byte, error) { return os.ReadFile(name) }
