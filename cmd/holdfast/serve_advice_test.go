package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/attest"
	"github.com/holdfast-ai/holdfast/mbom"
	"github.com/holdfast-ai/holdfast/sign"
)

// Advice changes neither the class of an error nor its exit code, and what it does not know it leaves alone.
func TestAdvice(t *testing.T) {
	for _, tc := range []struct {
		give func(error) error
		err  error
		want string // in what is added; "": nothing is
	}{
		{advice, nil, ""},
		{advice, errUsage, ""},
		{advice, &mbom.PolicyError{Field: "InsecureAllowRemoteCode"}, ""},
		{advice, &mbom.PolicyError{Field: "Licences"}, "--licence"},
		{advice, fmt.Errorf("load: %w", &mbom.PolicyError{Field: "Templates"}), "--template-sha256"},
		{advice, fmt.Errorf("%w: no device", attest.ErrUnavailable), "configfs"},
		{engineAdvice, fs.ErrNotExist, "--upstream"},
		{engineAdvice, errors.Join(sign.ErrMissing, fs.ErrNotExist), ""}, // signed and gone: no engine would run it
		{engineAdvice, sign.ErrMismatch, ""},
	} {
		got := tc.give(tc.err)
		if !errors.Is(got, tc.err) || tc.err != nil && exitCode(got) != exitCode(tc.err) {
			t.Errorf("%v became %v", tc.err, got)
		}
		if tc.want == "" && got != tc.err {
			t.Errorf("%v: added to: %v", tc.err, got)
		}
		if tc.want != "" && (got == nil || !strings.Contains(strings.TrimPrefix(got.Error(), tc.err.Error()), tc.want)) {
			t.Errorf("%v: %v says nothing of %s", tc.err, got, tc.want)
		}
	}
}
