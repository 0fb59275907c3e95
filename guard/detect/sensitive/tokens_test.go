package sensitive_test

import (
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
)

// A longer prefix that begins as a shorter one does is no part of the shorter one's secret.
func TestPrefixWithinPrefix(t *testing.T) {
	s, err := sensitive.New()
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Find(nil, []byte("key sk-or-v1-0123456789abcdef0123456789 end")); len(got) > 0 {
		t.Errorf("%v", got)
	}
	if got := s.Find(nil, []byte("key: glpat-aBcdefghijklmnopqrst, it was")); len(got) != 1 || got[0].Rule != "secret.gitlab" { // few capitals, and no digit
		t.Errorf("%v", got)
	}
	if got := s.Find(nil, []byte("key sk-0123456789abcdef0123456789abcdef end")); len(got) != 1 || got[0].Rule != "secret.deepseek" {
		t.Errorf("%v", got)
	}
}
