package caller

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// ErrKeys means that a file of keys cannot be used.
var ErrKeys = errors.New("caller: unusable keys")

const (
	// maxKeys bounds a file of keys, maxFile its size in bytes.
	maxKeys = 100_000
	maxFile = 32 << 20
	// secretSize is the length of a key's secret in bytes: too long to guess, so that a plain hash protects it at rest.
	secretSize = 32
	prefix     = "hfk_"
)

// A Key is what a server keeps of an API key: no secret.
type Key struct {
	ID       string    `json:"id"`     // letters, digits, '-' and '.'; at most 64
	SHA256   string    `json:"sha256"` // of the whole key, in lower-case hex
	Tenant   string    `json:"tenant,omitempty"`
	Expires  time.Time `json:"expires,omitzero"` // zero = never
	Disabled bool      `json:"disabled,omitempty"`
}

// NewKey makes a key for the given id: the secret text is for the caller and shown once, the rest is for the server.
// Errors: [ErrKeys] for an id that no key can have.
func NewKey(id, tenant string) (text string, k Key, err error) {
	if !validID(id) {
		return "", Key{}, fmt.Errorf("%w: id", ErrKeys)
	}
	var secret [secretSize]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return "", Key{}, err
	}
	text = prefix + id + "_" + base64.RawURLEncoding.EncodeToString(secret[:])
	sum := sha256.Sum256([]byte(text))
	return text, Key{ID: id, SHA256: hex.EncodeToString(sum[:]), Tenant: tenant}, nil
}

func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return true
}

// Keys is a set of API keys. It is safe for concurrent use.
type Keys struct {
	byID  map[string]*entry
	clock func() time.Time
}

type entry struct {
	Key
	sum [sha256.Size]byte
}

// NewKeys makes a set. The clock is [time.Now] if now is nil. Errors: [ErrKeys].
func NewKeys(list []Key, now func() time.Time) (*Keys, error) {
	if len(list) > maxKeys {
		return nil, fmt.Errorf("%w: more than %d", ErrKeys, maxKeys)
	}
	if now == nil {
		now = time.Now
	}
	k := &Keys{byID: make(map[string]*entry, len(list)), clock: now}
	for i, x := range list {
		e := &entry{Key: x}
		n, err := hex.Decode(e.sum[:], []byte(x.SHA256[:min(len(x.SHA256), 2*sha256.Size)]))
		if err != nil || n != sha256.Size || x.SHA256 != strings.ToLower(x.SHA256) || len(x.SHA256) != 2*sha256.Size {
			return nil, fmt.Errorf("%w: hash of key %d", ErrKeys, i)
		}
		if !validID(x.ID) || k.byID[x.ID] != nil {
			return nil, fmt.Errorf("%w: id of key %d", ErrKeys, i)
		}
		k.byID[x.ID] = e
	}
	return k, nil
}

// ParseKeys reads a file of keys: strict JSON {"version": 1, "keys": [Key…]}. Errors: [ErrKeys].
func ParseKeys(data []byte) (*Keys, error) {
	var f struct {
		Version int   `json:"version"`
		Keys    []Key `json:"keys"`
	}
	if err := strictjson.Unmarshal(data, &f, strictjson.Limits{MaxBytes: maxFile, MaxDepth: 4, MaxItems: maxKeys}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	if f.Version != 1 {
		return nil, fmt.Errorf("%w: version %d", ErrKeys, f.Version)
	}
	return NewKeys(f.Keys, nil)
}

// Authenticate is an [Authenticator]: it takes a key from exactly one of the headers Authorization (Bearer), X-Api-Key and
// Api-Key. Errors: [ErrUnknown].
func (k *Keys) Authenticate(r *http.Request) (Identity, error) {
	text, ok := bearer(r.Header)
	if !ok {
		return Identity{}, ErrUnknown
	}
	rest, _ := strings.CutPrefix(text, prefix)
	id, _, _ := strings.Cut(rest, "_")
	e := k.byID[id]
	known := e != nil
	if !known {
		e = new(entry) // compared all the same; no text has an empty hash
	}
	sum := sha256.Sum256([]byte(text))
	same := subtle.ConstantTimeCompare(sum[:], e.sum[:]) == 1
	if !known || !same || e.Disabled || !e.Expires.IsZero() && !k.clock().Before(e.Expires) {
		return Identity{}, ErrUnknown
	}
	return Identity{ID: e.ID, Tenant: e.Tenant}, nil
}

// maxText bounds the text of a key, in bytes: longer than any of ours.
const maxText = 256

// bearer finds the one credential of a request. Two would let the upstream see another than was checked.
func bearer(h http.Header) (text string, ok bool) {
	n := 0
	for _, name := range credentials {
		for _, v := range h[name] {
			n++
			if text = v; name == "Authorization" {
				scheme, value, _ := strings.Cut(v, " ")
				if !strings.EqualFold(scheme, "Bearer") {
					return "", false
				}
				text = value
			}
		}
	}
	return text, n == 1 && len(text) <= maxText
}
