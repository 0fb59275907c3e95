package detect

import (
	"encoding/base64"
	"testing"
)

// Long words and names say nothing as base64, and what has few capitals and no digit may still say something.
func TestNamesAreNoCodes(t *testing.T) {
	var d decoder
	for _, text := range []string{"enthusiastically", "createConnection", "frederikcreemers", "escapeEverything", "validationErrors", "--security-revert", "addEventListener", "cmd/fsnotify/file", "claude-sonnet-X-X"} {
		if d.decode([]byte("of "+text+" and"), false) > 0 {
			t.Errorf("%q says %q", text, d.out)
		}
	}
	for _, said := range []string{"字字字字\x01\xff", "\x01\xff文文文文文", "ббвббвббвббвб", "vbvfnbrjnvbnrvzbfn", "\xe7\x9a\x84字字 ok"} {
		code := base64.RawStdEncoding.EncodeToString([]byte(said))
		if d.decode([]byte("of "+code+" and"), false) == 0 {
			t.Errorf("%q, which says %q, is none", code, said)
		}
	}
}
