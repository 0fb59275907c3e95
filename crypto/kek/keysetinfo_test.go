package kek

import (
	"encoding/json"
	"testing"

	"github.com/tink-crypto/tink-go/v2/keyset"

	"github.com/holdfast-ai/holdfast/crypto/seal"
)

// keysetInfo lies beside the ciphertext, and whoever writes to the disk writes it: whatever it says of keys and their state, the keyset
// is the one that was wrapped.
func TestKeysetInfoIsNotBelieved(t *testing.T) {
	k := must(FromAEAD("k", tinkAEAD(t)))(t)
	h := must(NewKeyset())(t)
	info := infoOf(t, h)
	w := must(k.Wrap(t.Context(), h, info))(t)
	var doc map[string]any
	if err := json.Unmarshal(w.Blob, &doc); err != nil {
		t.Fatal(err)
	}
	if _, ok := doc["keysetInfo"].(map[string]any); !ok {
		t.Fatalf("no keysetInfo among %d fields", len(doc))
	}
	for name, edit := range map[string]func(){
		"as it was": func() {},
		"other key": func() {
			doc["keysetInfo"] = map[string]any{"primaryKeyId": 7, "keyInfo": []any{map[string]any{"typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmKey", "keyId": 7, "status": "DISABLED", "outputPrefixType": "TINK"}}}
		},
		"no key": func() { doc["keysetInfo"] = map[string]any{} },
		"absent": func() { delete(doc, "keysetInfo") },
	} {
		edit()
		blob, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		got, err := k.Unwrap(t.Context(), seal.Wrapped{ID: "k", Blob: blob}, info)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e, err := got.Primary(); err != nil || e.KeyStatus() != keyset.Enabled || got.Len() != 1 {
			t.Errorf("%s: %d keys, %v", name, got.Len(), err)
		}
	}
}
