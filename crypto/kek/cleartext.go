package kek

import (
	"bytes"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// InsecureWriteCleartextKeyset writes h unencrypted, in Tink's JSON form, as other Tink tools read it. Who reads it can read
// the model and seal another one in its name.
func InsecureWriteCleartextKeyset(w io.Writer, h *keyset.Handle) error {
	if err := insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(w)); err != nil {
		return fmt.Errorf("kek: write cleartext keyset: %w", err)
	}
	return nil
}

// InsecureReadCleartextKeyset reads an unencrypted keyset in Tink's JSON form. Errors: [ErrFormat] and those of r.
func InsecureReadCleartextKeyset(r io.Reader) (*keyset.Handle, error) {
	b, err := io.ReadAll(io.LimitReader(r, seal.MaxWrap+1))
	defer clear(b)
	if err != nil {
		return nil, fmt.Errorf("kek: read cleartext keyset: %w", err)
	}
	if err := checkJSON(b); err != nil {
		return nil, fmt.Errorf("%w: cleartext keyset: %w", ErrFormat, err)
	}
	h, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(b)))
	if err != nil {
		return nil, fmt.Errorf("%w: cleartext keyset", ErrFormat) // the cause could quote the keyset
	}
	return h, nil
}
