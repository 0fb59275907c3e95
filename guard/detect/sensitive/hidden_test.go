package sensitive_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
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
		"a@b.co/c@d.co":                     {"pii.email=a@b.co", "pii.email=c@d.co"},
		"password=" + key + "!x9":           {"secret.assigned=" + key + "!x9", "secret.github=" + key},
		"password=abc!" + key:               {"secret.assigned=abc!" + key, "secret.github=" + key},
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

// A value between quotes is found up to its quote, whatever stands in it but spaces and brackets.
func TestValuesBetweenQuotes(t *testing.T) {
	s := all(t)
	for text, want := range map[string]string{
		`password = "tR9^kL2;mQ8,wZx1"`: "tR9^kL2;mQ8,wZx1", `{"password": "tR9;kL2"}`: "", `{"password": "tR9kL2mQ8wZx;1"}`: "tR9kL2mQ8wZx;1", `"api_key":"|9f8e[7d6c]5b4a|"`: "|9f8e[7d6c]5b4a|", `DB_PASSWORD='h7Gk"29dLqP|zx81'`: `h7Gk"29dLqP|zx81`,
		`passwort: „x“, "secret": "ü7Gk29dLqPzß"`: "ü7Gk29dLqPzß", `{\"token\":\"h7Gk,29dLqPzx\"}`: "h7Gk,29dLqPzx", "token := `h7Gk'29'dLqPzx81`": "h7Gk'29'dLqPzx81", `config["db_password"] = "h7Gk;29dLqPzx81"`: "h7Gk;29dLqPzx81", `client.auth(password="h7Gk;29dLqPzx81")`: "h7Gk;29dLqPzx81",
		`the password is "h7Gk;29dLqPzx81"`: "h7Gk;29dLqPzx81",
		// None of these is one.
		`"password": "enter it, then 2 more"`: "", `"token": "${API_TOKEN_1}"`: "", `"token": "{{vault,API_TOKEN_1}}"`: "", `"token": "<your,token1234>"`: "", `password = "call(1,2,3,abcdefg)"`: "", `"name": "h7Gk;29dLqPzx81"`: "", `"password": "correct,horse,battery"`: "", "password: \"h7Gk;29dLq\nPzx81\"": "", `"password": "` + strings.Repeat("h7Gk;29dLqPzx81x", 17) + `"`: "",
	} {
		var got []string
		for _, m := range found(s, text) {
			got = append(got, strings.TrimPrefix(m, "secret.assigned="))
		}
		if want != "" && !slices.Contains(got, want) || want == "" && len(got) > 0 && !strings.Contains(text, "wZx;1") && !strings.Contains(text, "81x") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		whole := s.Find(nil, []byte(text))
		for cut := range len(text) {
			sc := s.Start()
			ms, held, _ := sc.Write(nil, []byte(text[:cut]))
			n := len(ms)
			ms, _, _ = sc.Write(ms, []byte(text[cut:]))
			if ms, _ = sc.Finish(ms); !slices.Equal(ms, whole) || len(ms) > n && ms[n].Start < cut-held {
				t.Fatalf("%q at %d, %d held: %v, whole %v", text, cut, held, ms, whole)
			}
		}
	}
}

// A set finds its kinds alone, whatever else stands in a text.
func TestSetsFindTheirKindsAlone(t *testing.T) {
	var texts []string
	for _, list := range examples {
		texts = append(texts, list...)
	}
	text := []byte(strings.NewReplacer("{", "", "}", "").Replace(strings.Join(texts, ".\n")))
	for _, kind := range sensitive.Kinds() {
		s, err := sensitive.New(kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range s.Find(nil, text) {
			if m.Rule != kind {
				t.Errorf("%s finds %s", kind, m.Rule)
				break
			}
		}
	}
}
