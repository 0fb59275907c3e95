package sensitive_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Large numbers are written in groups of three, with spaces (ISO 80000-1, 7.3.1, French, the Nordic countries) or dots (German, Dutch, Spanish), and numbers of five digits stand side
// by side in columns: of 6 to 9 % with nine digits the check digit of one kind holds by chance. Behind a word the same number is one.
func TestThousandsAreNobodys(t *testing.T) {
	s := all(t)
	rnd := rand.New(rand.NewPCG(8, 9))
	for _, separator := range []string{" ", "\u00a0", "\u202f", "."} {
		for range 3000 {
			digits := strconv.Itoa(1 + rnd.IntN(9))
			for range 3 + rnd.IntN(9) {
				digits += strconv.Itoa(rnd.IntN(10))
			}
			for i := len(digits) - 3; i > 0; i -= 3 {
				digits = digits[:i] + separator + digits[i:]
			}
			if strings.Count(digits, ".") == 3 { // an address of the internet
				continue
			}
			for _, around := range []string{"% people", "Revenue grew to % €.", "| % |", "$%"} {
				text := strings.ReplaceAll(around, "%", digits)
				if got := found(s, text); len(got) > 0 {
					t.Fatalf("%q: %q", text, got)
				}
			}
		}
	}
	for range 3000 {
		text := strconv.Itoa(10000+rnd.IntN(90000)) + " " + strconv.Itoa(10000+rnd.IntN(90000))
		if got := found(s, text); len(got) > 0 {
			t.Fatalf("%q: %q", text, got)
		}
	}
	for text, want := range map[string]string{
		"SIN 193 456 787": "pii.ca-sin=193 456 787", "contribuinte 123 456 789": "pii.pt-nif=123 456 789", "BSN 111.222.333": "pii.nl-bsn=111.222.333", "Steuer-ID 86 095 742 719": "pii.de-tax-id=86 095 742 719", "ABN 51 824 753 556": "pii.au-abn=51 824 753 556", "TFN 132 490 595": "pii.au-tfn=132 490 595",
	} {
		if got := found(s, text); !slices.Equal(got, []string{want}) {
			t.Errorf("%q: %q, want %s", text, got, want)
		}
	}
}

// What is assigned to a telling name, and says where a secret is or what to put there, is none; beside each what is one.
func TestReferencesToSecrets(t *testing.T) {
	s := all(t)
	for _, text := range []string{
		"token: process.env.API_TOKEN_V2", "api_key = settings.OPENAI_API_KEY_2024", "token: import.meta.env.VITE_TOKEN_1,", "private_key: /etc/ssl/private/server2.key", "PWD=/home/user1/project2024/src", "secret: ~/.config/app2/client.secret", "password: ./secrets/db-pass1/value", "private_key = \"/etc/ssl/private/server2.key\"",
		"Authorization: Bearer YOUR_ACCESS_TOKEN_123", "api_key=\"your-api-key-here-1234\"", "\"access_token\": \"abc123...xyz789\"", "api key: sk-...abcd1234", "assembly Version=4.0.0.0, Culture=neutral, PublicKeyToken=b77a5c561934e089", "git clone git@github.com:holdfast-ai/holdfast.git", "ssh://git@gitlab.example.com/a/b.git",
	} {
		if got := found(s, text); len(got) > 0 {
			t.Errorf("%q: %q", text, got)
		}
	}
	for text, want := range map[string]string{
		"token: john.smith1985x7": "john.smith1985x7", "token: h7Gk29.dLqPz_X81": "h7Gk29.dLqPz_X81", "password=abc.Dq7Zx81LKq29": "abc.Dq7Zx81LKq29", "secret: /9j4AAQ/SkZJR7gAB": "/9j4AAQ/SkZJR7gAB", "secret: /h7Gk29dLqPzx81Yt": "/h7Gk29dLqPzx81Yt", "secret: /ab/cd/ef12345gh": "/ab/cd/ef12345gh", "secret: /ab/cd/efghi12345": "/ab/cd/efghi12345",
		"token: h7Gk29dLq...Pzx81Yt": "h7Gk29dLq...Pzx81Yt", "token: h7Gk29dLqPzx...": "h7Gk29dLqPzx", "password: yourSx81kLq29dPh": "yourSx81kLq29dPh", "password: your-Sx81kLq29dPh": "your-Sx81kLq29dPh", "Key Token=b77a5c561934e089": "b77a5c561934e089", "token: .ABC_DEF_GH1": ".ABC_DEF_GH1",
	} {
		if got := found(s, text); !slices.Equal(got, []string{"secret.assigned=" + want}) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"mail git.user@github.com": "pii.email=git.user@github.com", "gitte@github.com": "pii.email=gitte@github.com"} {
		if got := found(s, text); !slices.Equal(got, []string{want}) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Answers write a name and its value in Markdown, tables and typographic quotation marks; what is between { and } is found, and nothing where there is none.
func TestValuesAsAnswersWriteThem(t *testing.T) {
	s := all(t)
	for _, text := range []string{
		"**Password:** {V}", "**Password**: {V}", "- **API key:** `{V}`", "| Password | {V} |", "token | {V}", "| `API_KEY` | `{V}` | prod |", "Password → {V}", "Password:\n{V}", "Password:\r\n\r\n```\r\n{V}\r\n```", "Password: \n    {V}", "*Password*: _{V}", "__Password:__ {V}", "Password: “{V}”", "Passwort: „{V}“", "mot de passe : « {V} »",
		"PASSWORD => {V}", "password -> {V}", "token: ‘{V}’", "passcode: ~~{V}~~", "***Secret*** = `{V}`", "The password is **{V}**", "The password is “{V}”.", "**The token is:**\n\n> {V}",
		"valid := password ||\n\tV(x)", "password || V", "class Password:\n    name = V", "the **token** V", "passwords\nV", "a password - V", "Password — V",
	} {
		const value = "h7Gk29dLqPzx81"
		var want []string
		if strings.Contains(text, "{") {
			want = []string{"secret.assigned=" + value}
		}
		text = strings.NewReplacer("{", "", "}", "", "V", value).Replace(text)
		got := found(s, text)
		for i := range got {
			kind, found, _ := strings.Cut(got[i], "=")
			got[i] = kind + "=" + strings.Trim(found, "*_~") // emphasis is redacted too
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
