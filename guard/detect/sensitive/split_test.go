package sensitive_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

// What is between braces is found as the secret, with what joins its pieces.
var splits = map[string][]string{
	"secret.github": {
		"{ghp_16C7e42F292c\n6912E7710c838347Ae178B4a}", "{ghp_16C7e42F292c\r\n6912E7710c838347Ae178B4a}", "token {ghp_16C7e42F292c\n    \t6912E7710c838347Ae178B4a}.",
		"> {ghp_16C7e42F292c\n> 6912E7710c838347Ae178B4a}", ">> {ghp_16C7e42F292c\n>> 6912E7710c838347Ae178B4a}", "| {ghp_16C7e42F292c\n| 6912E7710c838347Ae178B4a} |", "{ghp_16C7e42F292c-\n6912E7710c838347Ae178B4a}", "{ghp_16C7e42F292c\\\n6912E7710c838347Ae178B4a}",
		"{ghp_\n16C7e42F292c\n6912E7710c83\n8347Ae178B4a}", "{ghp_abcdefghijkl\nmnopqrstuv\nwxyzabcdefghi9}",
		"\"{gh\" + \"p_16C7e42F292c6912E7710c838347Ae178B4a}\"", "'{gh' 'p_' '16C7e42F292c' '6912E7710c838347Ae178B4a}'", "f\"{ghp_16C7e42F292c\" f\"6912E7710c838347Ae178B4a}\"", "b'{ghp_16C7e42F292c' + rb'6912E7710c838347Ae178B4a}'",
		"{ghp_16C7e42F292C \n6912E7710C83 \n 8347Ae178B4a}", "key = \"{ghp_16C7e42F292c\" + \"6912E7710c838347Ae178B4a}\"", "'{ghp_16C7e42F292c' '6912E7710c838347Ae178B4a}'", "'{ghp_16C7e42F292c''6912E7710c838347Ae178B4a}'",
		"\"{ghp_16C7e42F292c\" \\\n    \"6912E7710c838347Ae178B4a}\"", "\"{ghp_16C7e42F292c\"\n  \"6912E7710c83\"\n  \"8347Ae178B4a}\";", "'{ghp_16C7e42F292c' .. '6912E7710c838347Ae178B4a}'", "'{ghp_16C7e42F292c' . '6912E7710c838347Ae178B4a}'",
		"\"{ghp_16C7e42F292c\" & \"6912E7710c838347Ae178B4a}\"", "\"{ghp_16C7e42F292c\" & _x \"6912E7710c838347Ae178B4a}\"", "\"{ghp_16C7e42F292c\"+\r\n\t\"6912E7710c838347Ae178B4a}\"", "{\\\"ghp_16C7e42F292c\\\" + \\\"6912E7710c838347Ae178B4a}\\\"",
		"select '{ghp_16C7e42F292c' || '6912E7710c838347Ae178B4a}'", "`{ghp_16C7e42F292c` + `6912E7710c838347Ae178B4a}`", "patient\n{ghp_16C7e42F292c\n6912E7710c838347Ae178B4a}", "Schlüssel: {ghp_16C7e42F\u200b292c\n\u00a06912E7710c838347Ae178B4a}\n",
	},
	"secret.mailgun":      {"'{ke' + 'y-0123456789abcdef0123456789abcdef}'", "`{key` + `-0123456789abcdef` + `0123456789abcdef}`"},
	"secret.npm":          {"f\"{np\" f\"m_\" f\"aB3dEfGhIjKlMnOpQrStUvWxYz0123456789}\""},
	"secret.aws-key-id":   {"{AKIAIOSF\nODNN7EXAMPLE}", "'{AK' + 'IAIOSFODNN7EXAMPLE}'", "{AKIAIOSF \nODNN7EXAMPLE}", "'{AKIA' + 'IOSFODNN7EXAMPLE}'", "ID {AKIAIOSFODNN7\n  EXAMPLE} Then"},
	"secret.gitlab":       {"\"{glpat-" + "aB3dEfGhIj\" + \"KlMnOpQrSt}\""},
	"secret.hugging-face": {"{hf_" + "aBcDeFgHiJkLmNo\npQrStUvWxYz01234567}"},
	"secret.openai":       {"{sk-" + "aB3dEfGhIjKlMnOp\nQrStUvWxYz0123456789aBcDeFgH}", "{sk-proj-" + "aB3dEfGhIjKlMnOp-\nQrStUvWxYz0123456789aBcDeFgH}"},
	"secret.slack":        {"{xoxb-" + "123456789012-12345\n67890123-aBcDeFgHiJkLmNoPqRsTuVwX}"},
	"secret.jwt":          {"{eyJhbGciOiJIUzI1NiJ9.\neyJzdWIiOiIxMjM0NTY3ODkwIn0.\ndozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U}", "{eyJhbGciOiJIUz\nI1NiJ9.eyJzdWIiOiIxMjM0NTY3\nODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U}"},
	"secret.anthropic":    {"\"{sk-ant-" + "aB3dEfGhIjKlMnOp\" +\n\"QrStUvWxYz0123456789aBcDeFgH\" +\n\"0123456789abcdef}\""},
	"secret.stripe":       {"{sk_live_" + "4eC39HqLyj\n   WDarjtT1zdp7dc}"},
	"secret.age":          {"{AGE-SECRET-KEY-1" + "QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ\nQQQQQQQQQQQQ2QQQQQQQQQQQQQQQ}"},
	"secret.private-key":  {"\"{-----BEGIN EC PRIVATE KEY-----\\n\" +\n\"MHcCAQEEIIGn\" +\n\"-----END EC PRIVATE KEY-----}\""},
}

func TestSplitSecretsAreFound(t *testing.T) {
	s := all(t)
	for kind, list := range splits {
		for _, e := range list {
			text := strings.NewReplacer("{", "", "}", "").Replace(e)
			want := kind + "=" + e[strings.Index(e, "{")+1:strings.Index(e, "}")]
			if strings.HasPrefix(e, "{\\\"") {
				want = strings.Replace(want, `\"`, "", 1)
			}
			for _, around := range []string{"%s", "So %s", "x\n%s\n\ny", "(%s)", "%s\nword"} {
				got := found(s, fmt.Sprintf(around, text))
				got = slices.DeleteFunc(got, func(m string) bool { return strings.HasPrefix(m, "secret.assigned=") }) // of a piece
				if strings.Contains(e, "& _x") {
					if len(got) > 0 {
						t.Errorf("%q: %q", text, got)
					}
				} else if !slices.Equal(got, []string{want}) {
					t.Errorf("%q: %q, want %q", fmt.Sprintf(around, text), got, want)
				}
			}
		}
	}
}

// A secret that is whole ends at its line; the string behind it is more of it.
func TestWholeSecretsEndWithTheirLine(t *testing.T) {
	s := all(t)
	const key = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	for text, want := range map[string][]string{
		key + "\nword2 more":                        {"secret.github=" + key},
		key + "\n" + key:                            {"secret.github=" + key, "secret.github=" + key},
		"ghp_abc1\n" + key:                          {"secret.github=" + key},
		"AKIA12\n" + key:                            {"secret.github=" + key},
		"\"" + key + "\" + \"0a1b2c\"":              {"secret.github=" + key, "secret.github=" + key + "\" + \"0a1b2c"},
		"\"" + key + "\", \"0a1b2c\"":               {"secret.github=" + key},
		"ghp_16C7e42F292c\n6912E7710c\nx@y.example": {"pii.email=x@y.example"},
	} {
		if got := found(s, text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	none, err := sensitive.New("pii.email")
	if err != nil {
		t.Fatal(err)
	}
	if got := found(none, "ghp_16C7e42F292c\n6912E7710c838347Ae178B4a"); len(got) > 0 {
		t.Error(got)
	}
}

func TestHarmlessLinesAreNotJoined(t *testing.T) {
	s := all(t)
	for _, text := range []string{
		"ghp_16C7e42F292c\n\n6912E7710c838347Ae178B4a", "ghp_16C7e42F292c 6912E7710c838347Ae178B4a", "\"ghp_16C7e42F292c\": \"6912E7710c838347Ae178B4a\"",
		"\"ghp_16C7e42F292c\", name, \"6912E7710c838347Ae178B4a\"", "`ghp_16C7e42F292c${name}6912E7710c838347Ae178B4a`", "`ghp_16C7e42F292c$ {\"6912E7710c838347Ae178B4a\"}`", "[\"ghp_\", \"gho_\", \"ghu_\", \"ghs_\"]", "'path',\n'path3',\n'pattern',\n'pause',\n'pdf',\n'pedal',\n'periodic',\n'perp',\n'perpendicular',\n'perpendicularmark',\n'phantom',\n'phi1'", "{\"SK\": \"0123456789abcdef0123456789abcdef\"}", "ghp_16C7e42F292c} 6912E7710c838347Ae178B4a", "ghp_16C7e42F292c{6912E7710c838347Ae178B4a}",
		"\"ghp_16C7e42F292c\" + name + \"6912E7710c838347Ae178B4a\"", "ghp_16C7e42F292c\n- 6912E7710c838347Ae178B4a", "ghp_abcdefghijkl\nmnopqrstuvwxyzabcdefghijkl", "ghp_16C7e42F292c\n6912E7710c838347Ae178B4", "ghp_16C7e42F292c\n6912E7710c838347Ae178B4é",
		"{\"key\": \"0123456789abcdef0123456789abcdef\"}", "'sk', 'np', 'gh'", "\"gh\" + name + \"p_16C7e42F292c6912E7710c838347Ae178B4a\"", "\"g\" + \"hp_16C7e42F292c6912E7710c838347Ae178B4a\"", "\"ghp_16C7e42F292c\" x\"6912E7710c838347Ae178B4a\"",
		"the sk-\nlearn library has 2 parts", "a sk-\nthis-is-a-very-long-name-of-a-branch-with-2-digits", "The prefix is \"ghp_\" + 36 characters", "see key-\nvalue stores", "patient\nrecords of 2024 are kept for ten years in the archive of the hospital.", "md-\nto-html-2.1.3-converter",
		"hvs.caesij\nkQ2b9dXy7zWv5uTs1qq", "hf_\n" + strings.Repeat("a", 36), "AKIA\nABCDEFGHIJKLMNOP", "SK\nslovakia", "ghp_16C7e42F292c\\x6912E7710c838347Ae178B4a", "\"ghp_16C7e42F292c\"" + strings.Repeat(" ", 80) + "\"6912E7710c838347Ae178B4a\"",
	} {
		if got := found(s, text); len(got) > 0 {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// However the text is cut, the same is found, nothing too late, and no more is held than what is needed.
func TestSplitSecretsCutAnywhere(t *testing.T) {
	s := all(t)
	for _, list := range splits {
		for _, e := range list {
			text := "At six. " + strings.NewReplacer("{", "", "}", "").Replace(e) + "\nand more"
			want := s.Find(nil, []byte(text))
			for size := 0; size <= len(text); size++ { // 0: byte by byte; else two pieces
				sc := s.Start()
				var got []stream.Match
				clear, given := 0, 0
				for given < len(text) {
					n := len(text) - given
					if size == 0 {
						n = 1
					} else if given == 0 {
						n = size
					}
					before := len(got)
					var held int
					got, held, _ = sc.Write(got, []byte(text[given:given+n]))
					given += n
					for _, m := range got[before:] {
						if m.Start < clear {
							t.Fatalf("%q: %v was found when %d bytes had been given up", text, m, clear)
						}
					}
					clear = given - held
				}
				if got, _ = sc.Finish(got); !slices.Equal(got, want) {
					t.Fatalf("%q at %d: %v, whole %v", text, size, got, want)
				}
			}
		}
	}
}

// Words, prefixes and what may join them, in any order and cut anywhere.
func TestSplitsOfFragmentsCutAnywhere(t *testing.T) {
	s := all(t)
	fragments := []string{"ghp_", "hvs.", "hvs.caesij", "eyJ", "SK", "AKIA", "sk-", "cio", "patient", "word", "Word", "16C7e42F292c", "6912E7710c838347Ae178B4a", "CAESIJ3kQ2b9dXy7zWv5uTs1", "a@b.co", "4111 1111", "x=", "${", "{", "}", "\", \"", "$", "\n", "\r\n", "\n> ", "-\n", "\\\n", "\"", "\" + \"", "' '", " ", ".", "+", "-", "\u00a0", "é"}
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(fragments), 1, 9).Draw(t, "fragments"), ""))
		want := s.Find(nil, text)
		for cut := range len(text) {
			sc := s.Start()
			got, _, _ := sc.Write(nil, text[:cut])
			got, _, _ = sc.Write(got, text[cut:])
			if got, _ = sc.Finish(got); !slices.Equal(got, want) {
				t.Fatalf("%q at %d: %v, whole %v", text, cut, got, want)
			}
		}
	})
}

func TestWhatIsHeldOfSplitSecretsIsBounded(t *testing.T) {
	s := all(t)
	for _, unit := range []string{"\na", "\n" + strings.Repeat(" ", 60) + "a", "\n" + strings.Repeat("a", 200), "\"" + strings.Repeat(" ", 60) + "\"a", "\"\\", "\n", "eyJ\n"} {
		sc := s.Start()
		if _, err := sc.Finish(nil); err != nil {
			t.Fatal(err)
		}
		sc = s.Start()
		text := []byte("eyJ" + strings.Repeat(unit, 300_000/len(unit)))
		for len(text) > 0 {
			n := min(len(text), 999)
			_, held, _ := sc.Write(nil, text[:n])
			if text = text[n:]; held > 3*4096 {
				t.Fatalf("%d bytes are held of %q", held, unit)
			}
		}
	}
}

// Text without secrets costs no memory but for the scanner.
func TestCleanTextAllocatesNothing(t *testing.T) {
	sc := all(t).Start()
	text := []byte("The \"harbour\" opens at six,\nand 'boats' are due\r\nat noon. The `key-`\nand \"patients\" + \"pat\" ghp_\nwait. ")
	write := func() {
		if ms, _, _ := sc.Write(nil, text); len(ms) > 0 {
			t.Error(ms)
		}
	}
	write()
	if n := testing.AllocsPerRun(100, write); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// The characters of the first piece count for each secret that begins so: "sk-" with a hyphen behind it is none of those without.
func TestSplitClassOfTheFirstPiece(t *testing.T) {
	s := all(t)
	for text, want := range map[string][]string{
		"\"sk-proj-a1-b\" + \"" + strings.Repeat("Zx81kLq2", 4) + "\"": nil,
		"\"sk-a1b\" + \"" + strings.Repeat("Zx81kLq2", 5) + "\"":       {"secret.openai=sk-a1b\" + \"" + strings.Repeat("Zx81kLq2", 5)},
		"\"sk-ant-a1\" + \"" + strings.Repeat("Zx81kLq2", 5) + "\"":    {"secret.anthropic=sk-ant-a1\" + \"" + strings.Repeat("Zx81kLq2", 5)},
	} {
		if got := found(s, text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Strings that a program joins in other ways are joined too: what stands between « and » is found.
func TestJoinedStrings(t *testing.T) {
	s := all(t)
	for _, e := range []string{
		"[\"«SK\", \"A\"].join(\"\")", "''.join(['«SK','B',\n  'C'])", "strings.Join([]string{\"«SK\", \"A\"}, \"\")", "sprintf(\"%s%s\", \"«SK\", \"A\")", "implode('', array('«SK', 'A'))", "\"«SK\".concat(\"A\")", "'«SK' <> 'A'", "(\"«SK\" ^ \"A\")", "{{ \"«SK\" ~ \"A\" }}",
		"`«SK${\"B\"}C`", "`${\"«SK\"}${\"A\"}`", "`${\"«SK\" + \"A\"}`", "f\"«SK{'B'}{'C'}\"", "`«SKB${'D'}${\"E\"}`", "`«SK${`B`}C`", "\"«SK#{'B'}C\"", "const k = `«SK${\n  'B'\n}C`;", "\"«SK\" +\n  \"B\" +\n  \"C\"", "(\"«SK\"\n \"B\"\n \"C\")",
	} {
		const secret = "0123456789abcdef0123456789abcdef"
		text := strings.NewReplacer("A", secret+"»", "B", secret[:11], "C", secret[11:]+"»", "D", secret[11:20], "E", secret[20:]+"»").Replace(e)
		from, to := strings.Index(text, "«"), strings.Index(text, "»")
		want := "secret.twilio=" + text[from+len("«"):to]
		text = strings.NewReplacer("«", "", "»", "").Replace(text)
		if got := found(s, text); !slices.Equal(got, []string{want}) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		ms := s.Find(nil, []byte(text))
		for cut := range len(text) {
			sc := s.Start()
			got, held, _ := sc.Write(nil, []byte(text[:cut]))
			n := len(got)
			got, _, _ = sc.Write(got, []byte(text[cut:]))
			if got, _ = sc.Finish(got); !slices.Equal(got, ms) || len(got) > n && got[n].Start < cut-held {
				t.Fatalf("%q at %d, %d held: %v, whole %v", text, cut, held, got, ms)
			}
		}
	}
}
