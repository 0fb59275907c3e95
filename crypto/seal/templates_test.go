package seal_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesctrhmac"
	"github.com/tink-crypto/tink-go/v2/streamingaead/aesgcmhkdf"
)

// A templateKey is a keyset with the plaintext sizes around the edges of its first three segments.
type templateKey struct {
	h     *keyset.Handle
	sizes []int
	write bool   // AES-CTR-HMAC is read only
	plain []byte // as many as the longest size
}

// templates are all of Tink's templates for streaming, and segments of sizes that none of them has.
func templates(t *testing.T) map[string]templateKey {
	t.Helper()
	out := map[string]templateKey{}
	add := func(name string, h *keyset.Handle, segment, header, tag int, write bool) {
		seen := map[int]bool{}
		k := templateKey{h: h, write: write}
		edges := 4
		if segment > 4096 {
			edges = 3
		}
		for n := range edges {
			for d := -1; d <= 1; d++ {
				for _, size := range []int{n*(segment-tag) - header + d, n*segment + d} {
					if size >= 0 && !seen[size] {
						seen[size], k.sizes = true, append(k.sizes, size)
					}
				}
			}
		}
		k.plain = pattern(name, slices.Max(k.sizes))
		out[name] = k
	}
	for name, c := range map[string]struct {
		template             *tinkpb.KeyTemplate
		segment, header, tag int
	}{
		"AES128_GCM_HKDF_4KB":        {streamingaead.AES128GCMHKDF4KBKeyTemplate(), 4096, 24, 16},
		"AES128_GCM_HKDF_1MB":        {streamingaead.AES128GCMHKDF1MBKeyTemplate(), 1 << 20, 24, 16},
		"AES256_GCM_HKDF_4KB":        {streamingaead.AES256GCMHKDF4KBKeyTemplate(), 4096, 40, 16},
		"AES256_GCM_HKDF_1MB":        {streamingaead.AES256GCMHKDF1MBKeyTemplate(), 1 << 20, 40, 16},
		"AES128_CTR_HMAC_SHA256_4KB": {streamingaead.AES128CTRHMACSHA256Segment4KBKeyTemplate(), 4096, 24, 32},
		"AES128_CTR_HMAC_SHA256_1MB": {streamingaead.AES128CTRHMACSHA256Segment1MBKeyTemplate(), 1 << 20, 24, 32},
		"AES256_CTR_HMAC_SHA256_4KB": {streamingaead.AES256CTRHMACSHA256Segment4KBKeyTemplate(), 4096, 40, 32},
		"AES256_CTR_HMAC_SHA256_1MB": {streamingaead.AES256CTRHMACSHA256Segment1MBKeyTemplate(), 1 << 20, 40, 32},
	} {
		h, err := keyset.NewHandle(c.template)
		if err != nil {
			t.Fatal(name, err)
		}
		add(name, h, c.segment, c.header, c.tag, c.tag == 16)
	}
	add("127", keysetOf(t, pattern("127", 32), 32, 127, aesgcmhkdf.SHA512), 127, 40, 16, true)
	add("127 with a short derived key", keysetOf(t, pattern("127s", 32), 16, 127, aesgcmhkdf.SHA1), 127, 24, 16, true)
	add("64 KiB", keysetOf(t, pattern("64K", 32), 32, 64<<10, aesgcmhkdf.SHA256), 64<<10, 40, 16, true)
	add("3 MiB", keysetOf(t, pattern("3M", 32), 32, 3<<20, aesgcmhkdf.SHA256), 3<<20, 40, 16, true)
	ctr := ctrSmall
	ctr.SegmentSizeInBytes = 127
	ctr.HmacHashType = aesctrhmac.SHA512
	add("AES-CTR-HMAC of 127", ctrKeyset(t, ctr, pattern("c127", 16)), 127, 24, 10, false)
	return out
}

// Every template and further sizes of segments, both directions with tink-go.
func TestTemplates(t *testing.T) {
	if slowAES() {
		t.Skip("too much where AES is slow")
	}
	ad := []byte("ad")
	for name, k := range templates(t) {
		for _, size := range k.sizes {
			pt := k.plain[:size]
			theirs := tinkSeal(t, k.h, ad, pt)
			if got, err := openAll(t, k.h, ad, theirs); err != nil || !bytes.Equal(got, pt) {
				t.Errorf("%s, %d bytes: we read theirs: %v", name, size, err)
			}
			if got, err := openByReadAt(t, k.h, ad, theirs); err != nil || !bytes.Equal(got, pt) {
				t.Errorf("%s, %d bytes: we read theirs piece by piece: %v", name, size, err)
			}
			if !k.write {
				continue
			}
			for _, w := range []string{"Writer", "EncryptFrom"} {
				if got, err := readers["tink-go"](t, k.h, ad, writers[w](t, k.h, ad, pt)); err != nil || !bytes.Equal(got, pt) {
					t.Errorf("%s, %d bytes: they read ours: %v", name, size, err)
				}
			}
		}
	}
}
