package sign

import (
	"bytes"
	"cmp"
	"crypto"
	"slices"
	"time"

	"github.com/holdfast-ai/holdfast/internal/transcript"
	"github.com/holdfast-ai/holdfast/sign/bundle"
)

// Digest is a digest of the effective policy for the configuration digest of docs/SPEC.md section 5: a hash over
// T("holdfast/sign-policy/v1", keys, key windows, roots, identities, patterns, any-identity flag, verifiers' digests, signers, name
// or absent, minimum version, model ids, any-model flag, deny list keys, minimum deny list, warn-only flag, and where it is set the
// leaf-as-root flag). Each list is a count
// and its items, sorted and without duplicates; a window is fingerprint, then its bounds in Unix seconds and nanoseconds, or absent. A key
// that cannot be encoded enters as absent; [Open] refuses such a policy.
func (p Policy) Digest() [32]byte {
	t := transcript.New("holdfast/sign-policy/v1")
	set(t, fingerprints(p.Keys))
	windows := slices.Clone(p.KeyWindows)
	slices.SortFunc(windows, func(a, b KeyWindow) int {
		return cmp.Or(bytes.Compare(a.Fingerprint[:], b.Fingerprint[:]), a.NotBefore.Compare(b.NotBefore), a.NotAfter.Compare(b.NotAfter))
	})
	t.Uint64(uint64(len(windows)))
	for _, w := range windows {
		t.Bytes(w.Fingerprint[:])
		for _, at := range []time.Time{w.NotBefore, w.NotAfter} {
			if at.IsZero() {
				t.Absent()
				continue
			}
			t.Uint64(uint64(at.Unix())).Uint64(uint64(at.Nanosecond()))
		}
	}
	roots := make([][]byte, len(p.Roots))
	for i, c := range p.Roots {
		if c != nil {
			roots[i] = c.Raw
		}
	}
	set(t, roots)
	set(t, texts(p.Identities))
	set(t, texts(p.IdentityPatterns))
	t.Uint64(flag(p.InsecureAnyIdentity))
	verifiers := make([][]byte, len(p.Verifiers))
	for i, v := range p.Verifiers {
		if v != nil {
			d := v.Digest()
			verifiers[i] = d[:]
		}
	}
	set(t, verifiers)
	t.Uint64(uint64(p.need()))
	if p.Name == "" {
		t.Absent()
	} else {
		t.String(p.Name)
	}
	t.Uint64(p.MinVersion)
	ids := make([][]byte, len(p.ModelIDs))
	for i := range p.ModelIDs {
		ids[i] = p.ModelIDs[i][:]
	}
	set(t, ids)
	t.Uint64(flag(p.InsecureAnyModel))
	set(t, fingerprints(p.DenyListKeys))
	t.Uint64(p.MinDenyList).Uint64(flag(p.InsecureWarnOnly))
	if p.InsecureLeafAsRoot { // younger than the others: policies without it keep their digest
		t.Uint64(1)
	}
	return t.SHA256()
}

// need is how many signers must have signed.
func (p Policy) need() int { return max(p.Signers, 1) }

// set adds a set to t: sorted, without duplicates; nil items are absent.
func set(t *transcript.T, items [][]byte) {
	slices.SortFunc(items, bytes.Compare)
	items = slices.CompactFunc(items, bytes.Equal)
	t.Uint64(uint64(len(items)))
	for _, b := range items {
		t.Optional(b)
	}
}

func texts(list []string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = []byte(s)
	}
	return out
}

func fingerprints(keys []crypto.PublicKey) [][]byte {
	out := make([][]byte, len(keys))
	for i, k := range keys {
		if f, err := bundle.Fingerprint(k); err == nil {
			out[i] = f[:]
		}
	}
	return out
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
