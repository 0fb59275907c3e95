package kek

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"

	"github.com/holdfast-ai/holdfast/internal/durable"
)

// KeyFileSize is the size of a key file in bytes.
const KeyFileSize = 32

// NewKeyFile writes 32 random bytes to a new file that only its owner can read. The file is durable when NewKeyFile returns nil,
// and is not there where it returns an error. Errors: those of the file system, [os.ErrExist] among them.
func NewKeyFile(path string) error {
	key := make([]byte, KeyFileSize)
	defer clear(key)
	rand.Read(key)
	if err := durable.Create(path, 0o600, key); err != nil {
		return fmt.Errorf("kek: %w", err)
	}
	return nil
}

// ReadKeyFile makes a KEK of a key file: exactly 32 bytes, raw. Who can read the file can open the model; keep it off the
// machine that holds the sealed directory. Errors: [ErrFormat], [ErrParameters], and those of the file system.
func ReadKeyFile(id, path string) (*KEK, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	defer f.Close()
	key := make([]byte, KeyFileSize+1)
	defer clear(key)
	n, err := io.ReadFull(f, key)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, fmt.Errorf("kek: %w", err)
	}
	if n != KeyFileSize {
		return nil, fmt.Errorf("%w: a key file has %d bytes", ErrFormat, KeyFileSize)
	}
	return FromKey(id, key[:n])
}

// FromKey makes a KEK of 32 key bytes, which it copies. Errors: [ErrParameters].
func FromKey(id string, key []byte) (*KEK, error) {
	if len(key) != KeyFileSize {
		return nil, fmt.Errorf("%w: a key has %d bytes", ErrParameters, KeyFileSize)
	}
	a, err := subtle.NewAESGCM(key)
	if err != nil {
		return nil, fmt.Errorf("kek: %w", err)
	}
	return FromAEAD(id, a)
}
