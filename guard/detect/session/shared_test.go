package session_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ai/holdfast/guard/detect/session"
	"github.com/holdfast-ai/holdfast/guard/limit"
)

// What is too much for one request counts for the next, whichever process it comes to.
func TestStoreKeepsWhatIsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := session.Config{Store: limit.NewMemory(nil), Key: []byte("a key of more than 16 bytes")}
		a, b := newDetector(t, c), newDetector(t, c)
		if got := send(t, a, "mallory", "x", 5); got != nil { // alone it is the other detectors' finding
			t.Error(got)
		}
		if got := send(t, b, "mallory", "x", 1); !slices.Equal(got, []string{session.RuleEscalation}) {
			t.Error("one behind five in another process:", got)
		}
		_ = send(t, a, "trudy", "x", 2)
		_ = send(t, a, "trudy", "x", 3)
		if got := send(t, b, "trudy", "x", 1); !slices.Equal(got, []string{session.RuleEscalation}) {
			t.Error("one behind two and three in another process:", got)
		}
		time.Sleep(time.Hour)
		if got := send(t, b, "trudy", "x", 1); got != nil {
			t.Error("an hour later:", got)
		}
	})
}
