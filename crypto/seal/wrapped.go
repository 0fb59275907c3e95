package seal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/internal/durable"
)

// Wrapped is one wrapped keyset of a sealed directory, the file seal.keys/<ID>.json.
type Wrapped struct {
	ID   string // of the key that wraps it: 1 to 64 of a-z, 0-9, "-", "_", "."
	Blob []byte // Tink EncryptedKeyset, JSON
}

// A KeySource finds the keyset of a sealed directory: a key file, a passphrase, a KMS, a key server. info and wraps come
// from the directory and are not authenticated yet; [OpenFS] checks the keyset it gets against the commitment.
type KeySource interface {
	Keyset(ctx context.Context, info Info, wraps []Wrapped) (*keyset.Handle, error)
}

// KeySourceFunc is a function as a [KeySource].
type KeySourceFunc func(ctx context.Context, info Info, wraps []Wrapped) (*keyset.Handle, error)

// Keyset calls f.
func (f KeySourceFunc) Keyset(ctx context.Context, info Info, wraps []Wrapped) (*keyset.Handle, error) {
	return f(ctx, info, wraps)
}

// A Wrapper encrypts the keyset of a directory for one of its readers, bound to info. Package kek has them.
type Wrapper interface {
	Wrap(ctx context.Context, h *keyset.Handle, info Info) (Wrapped, error)
}

func (w Wrapped) path() (string, error) {
	if !isToken(w.ID) {
		return "", fmt.Errorf("%w: wrapped keyset with the id %q", ErrFormat, w.ID)
	}
	if len(w.Blob) > MaxWrap {
		return "", fmt.Errorf("%w: wrapped keyset %s has %d bytes", ErrTooLarge, w.ID, len(w.Blob))
	}
	return keysDir + "/" + w.ID + ".json", nil
}

// wrapIDs lists seal.keys. A directory without it has no wrapped keysets.
func wrapIDs(src fs.FS) (ids []string, err error) {
	entries, err := fs.ReadDir(src, keysDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || !isToken(id) {
			continue // nothing reads it, so it is not worth refusing the model
		}
		if len(ids) == MaxWraps {
			return nil, errWraps
		}
		ids = append(ids, id)
	}
	return ids, nil
}

var errWraps = fmt.Errorf("%w: more than %d wrapped keysets", ErrTooLarge, MaxWraps)

// readWraps reads seal.keys.
func readWraps(ctx context.Context, src fs.FS) ([]Wrapped, error) {
	ids, err := wrapIDs(src)
	if err != nil {
		return nil, err
	}
	var wraps []Wrapped
	for _, id := range ids {
		b, err := readSmall(ctx, src, keysDir+"/"+id+".json", MaxWrap)
		if err != nil {
			return nil, err
		}
		wraps = append(wraps, Wrapped{ID: id, Blob: b})
	}
	return wraps, nil
}

// WriteWrapped adds or replaces one wrapped keyset of the sealed directory dir and touches nothing else. The file is
// written aside, renamed and made durable, so a reader sees the old or the new one.
// Errors: [ErrFormat] for a bad id or a directory that is not sealed, [ErrTooLarge], also for one more than readers take, and those of the
// file system.
func WriteWrapped(dir *os.Root, w Wrapped) error {
	name, err := w.path()
	if err != nil {
		return err
	}
	if !IsSealed(dir.FS()) {
		return fmt.Errorf("%w: no %s in the directory", ErrFormat, manifestName)
	}
	ids, err := wrapIDs(dir.FS())
	if err == nil && len(ids) == MaxWraps && !slices.Contains(ids, w.ID) {
		err = errWraps
	}
	if err != nil {
		return err
	}
	switch err := dir.Mkdir(keysDir, 0o755); {
	case errors.Is(err, fs.ErrExist):
	case err != nil:
		return fmt.Errorf("seal: %w", err)
	default:
		if err := syncIn(dir, "."); err != nil {
			return err
		}
	}
	tmp := fmt.Sprintf("%s/.%s.%d", keysDir, w.ID, time.Now().UnixNano())
	f, err := dir.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	_, err = f.Write(w.Blob)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("seal: %w", err), dir.Remove(tmp))
	}
	if err := dir.Rename(tmp, name); err != nil {
		return errors.Join(fmt.Errorf("seal: %w", err), dir.Remove(tmp))
	}
	return syncIn(dir, keysDir)
}

// RemoveWrapped removes one wrapped keyset of the sealed directory dir. Who has held the keyset can still read the model,
// and copies of the directory keep the wrapped keyset.
func RemoveWrapped(dir *os.Root, id string) error {
	name, err := Wrapped{ID: id}.path()
	if err != nil {
		return err
	}
	if err := dir.Remove(name); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return syncIn(dir, keysDir)
}

// syncIn makes the entries of a directory in root durable.
func syncIn(root *os.Root, name string) error {
	if err := durable.SyncIn(root, name); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}
