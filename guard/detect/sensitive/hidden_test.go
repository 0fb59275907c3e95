package sensitive_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// Whatever stands between the groups of a number, and between its digits, hides it from nobody.
func TestSeparatorsHideNothing(t *testing.T) {
	s := all(t)
	for text, want := range map[string]string{
		"4111  1111  1111  1111": "pii.card", "4111 - 1111 - 1111 - 1111": "pii.card", "4111 -1111- 1111-1111": "pii.card", "4111_1111_1111_1111": "pii.card", "4111/1111/1111/1111": "pii.card",
		"4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1": "pii.card", "4-1-1-1-1-1-1-1-1-1-1-1-1-1-1-1": "pii.card", "4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1": "pii.card", "3 7 8 2 8 2 2 4 6 3 1 0 0 0 5": "pii.card", "536 - 90 - 4399": "pii.us-ssn", "1 2 3 4 5 6 7 8 Z": "pii.es-nif",
		"943  476  5919": "phi.uk-nhs", "AB  12  34  56  C": "pii.uk-nino",
	} {
		for _, around := range []string{"It is |.", "|", "(|)", "| and more", "a  |  b", "1) |"} {
			whole := strings.Replace(around, "|", text, 1)
			if got := found(s, whole); !slices.Equal(got, []string{want + "=" + text}) {
				t.Errorf("%q: %q, want %s", whole, got, want)
			}
		}
	}
	if got := found(s, "SSN 5 3 6 9 0 4 3 9 9"); !slices.Equal(got, []string{"pii.us-ssn=5 3 6 9 0 4 3 9 9"}) {
		t.Errorf("%q", got)
	}
	for _, text := range []string{
		"0 1 0 1 1 0 1 0 0 1 0 1 1 0 1 0", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 2", "4 1 1 1 1 1 1 1-1 1 1 1 1 1 1 1", "4   1   1   1   1   1   1   1   1   1   1   1   1   1   1   1", "4111   1111   1111   1111", "4111 - 1111 / 1111 - 1111", "536 90 - 4399", "5 3 6 9 0 4 3 9 9",
	} {
		if got := found(s, text); len(got) > 0 {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// A secret and an identifier in the same bytes are both found, and of two secrets what is found of one leaves nothing of the other: policies differ, and what is redacted is all of both.
func TestFindingsHideNothing(t *testing.T) {
	s := all(t)
	const key = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	for text, want := range map[string][]string{
		"mail " + key + "@github.com":       {"pii.email=" + key + "@github.com", "secret.github=" + key},
		"password=S3cret@corp.com!2024xyz9": {"pii.email=S3cret@corp.com", "secret.assigned=S3cret@corp.com!2024xyz9"},
		"secret: GB82WEST12345698765432":    {"pii.iban=GB82WEST12345698765432", "secret.assigned=GB82WEST12345698765432"},
		"token=" + key:                      {"secret.github=" + key},
		"token=abc." + key + ".def":         {"secret.assigned=abc." + key + ".def", "secret.github=" + key},
	} {
		if got := found(s, text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		left := string(stream.Redact(nil, []byte(text), s.Find(nil, []byte(text))))
		if strings.ContainsAny(left, "0123456789@!") {
			t.Errorf("%q: %q is left", text, left)
		}
	}
}
