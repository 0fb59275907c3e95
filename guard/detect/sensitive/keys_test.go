package sensitive_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
	"github.com/holdfast-ai/holdfast/guard/stream"
)

// armoured returns private keys of several kinds.
func armoured(t *testing.T) map[string]string {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 7)
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, d, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der := func(key any) []byte {
		b, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	block := func(kind string, headers map[string]string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: b}))
	}
	ssh := append(append([]byte("openssh-key-v1\x00\x00\x00\x00\x04none\x00\x00\x00\x04none"), make([]byte, 100)...), der(d)...) // long rows of A, as in those of OpenSSH
	return map[string]string{
		"RSA": block("RSA PRIVATE KEY", nil, x509.MarshalPKCS1PrivateKey(r)), "PKCS 8": block("PRIVATE KEY", nil, der(r)), "EC": block("PRIVATE KEY", nil, der(e)), "Ed25519": block("PRIVATE KEY", nil, der(d)),
		"encrypted": block("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,5A0B3C4D5E6F708192A3B4C5D6E7F809"}, der(r)), "OpenSSH": block("OPENSSH PRIVATE KEY", nil, ssh),
		"PGP": block("PGP PRIVATE KEY BLOCK", map[string]string{"Version": "GnuPG v2.0.22 (GNU/Linux)", "Comment": "made by somebody for somebody, and for nobody else"}, der(r)),
	}
}

// shown writes a key in ways that answers have.
func shown(key string) map[string]string {
	quoted, _ := json.Marshal(map[string]string{"key": key})
	lines := strings.Split(strings.TrimSpace(key), "\n")
	body := strings.Join(lines[1:len(lines)-1], "")
	groups := func(n int) string {
		var b strings.Builder
		for ; len(body) > n; body = body[n:] {
			b.WriteString(body[:n] + " ")
		}
		return b.String() + body
	}
	whole := body
	out := map[string]string{
		"as it is": key, "in JSON": string(quoted), "quoted": "> " + strings.Join(lines, "\n> "), "indented": "    " + strings.Join(lines, "\n    "), "CR LF": strings.Join(lines, "\r\n"), "numbered": "1 " + strings.Join(lines, "\n2 "),
		"in strings": "\"" + strings.Join(lines, "\\n\" +\n\t\"") + "\"", "in a list": "['" + strings.Join(lines, "',\n  '") + "']", "cut off": strings.Join(lines[:len(lines)-1], "\n"), "without its last line": strings.Join(lines[:len(lines)-1], "\n") + "\n\nSo this is the key, as you had asked for it.",
		"few dashes": strings.ReplaceAll(key, "-----", "---"), "spaced line": strings.ReplaceAll(strings.ReplaceAll(key, "-----BEGIN", "---- BEGIN"), "KEY-----", "KEY ----"), "in capitals of prose": "The file begins with " + lines[0] + " and goes on:\n\n" + strings.Join(lines[1:], "\n"),
		"on one line": lines[0] + whole + lines[len(lines)-1],
	}
	if strings.Contains(key, ": ") { // its first lines are prose
		return out
	}
	for name, n := range map[string]int{"in groups of four": 4, "in groups of eight": 8, "letter by letter": 1} {
		body = whole
		out[name] = lines[0] + "\n" + groups(n) + "\n" + lines[len(lines)-1]
	}
	return out
}

// However a key is written down, nothing of it passes: no run of nine characters of its body is left, whatever the pieces.
func TestPrivateKeysLeaveNothing(t *testing.T) {
	s := all(t)
	for kind, key := range armoured(t) {
		lines := strings.Split(strings.TrimSpace(key), "\n")
		for i, l := range lines {
			if !strings.Contains(l, ":") && l != "" { // the body alone
				lines[i] = strings.ReplaceAll(l, "-", "")
			} else {
				lines[i] = ""
			}
		}
		body := strings.Join(lines[1:len(lines)-1], "")
		for name, text := range shown(key) {
			for _, text := range []string{text, "Here it is:\n" + text + "\nThat was all there is to say about this one."} {
				ms := s.Find(nil, []byte(text))
				if len(ms) == 0 {
					t.Errorf("%s, %s: passes", kind, name)
					continue
				}
				for i := range ms {
					if ms[i].Rule != "secret.private-key" {
						t.Errorf("%s, %s: %v", kind, name, ms[i])
					}
					ms[i].Replacement = " [redacted] "
				}
				left := strings.Map(func(r rune) rune {
					if strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=", r) {
						return r
					}
					return -1
				}, strings.ReplaceAll(string(stream.Redact(nil, []byte(text), ms)), `\n`, ""))
				for i := 0; i+9 <= len(body); i++ {
					if strings.Contains(left, body[i:i+9]) {
						t.Errorf("%s, %s: byte %d of %d is left", kind, name, i, len(body))
						break
					}
				}
				if len(text) > 1500 {
					continue
				}
				sc := s.Start()
				var got []stream.Match
				clear := 0
				for i := range text {
					before := len(got)
					var held int
					got, held, _ = sc.Write(got, []byte(text[i:i+1]))
					for _, m := range got[before:] {
						if m.Start < clear {
							t.Fatalf("%s, %s: found at %d when %d were given up", kind, name, m.Start, clear)
						}
					}
					clear = i + 1 - held
				}
				if got, _ = sc.Finish(got); len(got) != len(ms) || got[0].Start != ms[0].Start || got[0].End != ms[0].End {
					t.Errorf("%s, %s: %v in pieces, %v whole", kind, name, got, ms)
				}
			}
		}
	}
}

// A line of a key that is only mentioned is none, whatever stands behind it.
func TestMentionedKeysAreNone(t *testing.T) {
	s := all(t)
	const first, last = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
	for _, text := range []string{
		first + " is how it begins", first, first + "\n" + last, "`" + first + "` and `" + last + "` stand around it.", first + "\n<base64 encoded key here>\n" + last, first + "\n...\n" + last, first + "\n[your key]\n" + last,
		"A file with " + first + " in it holds a key of 4096 bits in PKCS1 or PKCS8, with SHA256 and AES256 for the passphrase, as RFC 7468 says.",
		"if bytes.HasPrefix(b, []byte(\"" + first + "\")) {\n\tkey, err := x509.ParsePKCS1PrivateKey(block.Bytes)\n\tif err != nil {\n\t\treturn nil, err\n\t}\n\treturn loadFromRepository(ctx, \"github.com/example/project/internal/keys\")\n}",
		"case strings.Contains(line, \"" + first + "\"):\n\tkind = KindRSA\ncase strings.Contains(line, \"-----BEGIN EC PRIVATE KEY-----\"):\n\tkind = KindECDSA\n",
		first + " then the digest 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 of the file", "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----",
		"-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ\n-----END CERTIFICATE-----", "a -- b --- c ---- d ----- e -----BEGIN", strings.Repeat("-", 5000) + "BEGIN PRIVATE KEY", "---\ntitle: PRIVATE KEY---\n",
	} {
		if got := found(s, text); len(got) > 0 {
			t.Errorf("%q: %q", text, got)
		}
		sc := s.Start()
		for i := range text {
			if _, held, _ := sc.Write(nil, []byte(text[i:i+1])); held > 400 && !strings.HasPrefix(text, "------") {
				t.Fatalf("%q: %d held at %d", text, held, i)
			}
		}
	}
}

// What stands behind a mention is read as ever, and a key behind it is found.
func TestBehindMentionedKeys(t *testing.T) {
	s := all(t)
	key := base64.StdEncoding.EncodeToString([]byte("0\x82\x04\xa4\x02\x01\x00\x02\x82\x01\x01\x00\xc5\x1f\x99\x03\x7a\xee\x10\x42\xb8\x77\x5d\x21\x5b\x9e\x03\xd1\x8c\x27\x6f\xe4"))
	text := "With -----BEGIN RSA PRIVATE KEY----- it begins, as bob@example.com knows. And then comes " + key + " in it."
	if got := found(s, text); !slices.Equal(got, []string{"pii.email=bob@example.com", "secret.private-key=" + key}) {
		t.Errorf("%q", got)
	}
	far := "With -----BEGIN RSA PRIVATE KEY----- it begins, and " + strings.Repeat("on it goes, ", 400) + key
	if got := found(s, far); len(got) > 0 {
		t.Errorf("%q", got)
	}
	none, err := sensitive.New("pii.email")
	if err != nil {
		t.Fatal(err)
	}
	if got := found(none, "-----BEGIN RSA PRIVATE KEY-----\n"+key); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// A key that is longer than what is held is found in several pieces, and texts that are none hold little.
func TestWhatIsHeldOfKeysIsBounded(t *testing.T) {
	s := all(t)
	const first = "-----BEGIN PRIVATE KEY-----"
	for name, text := range map[string]string{
		"a long key": first + "\n" + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n", 3000), "a long line": first + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", 3000), "lines": strings.Repeat(first+"\n", 3000),
		"small letters": first + strings.Repeat("a", 100_000), "prose and letters": first + " is how such a file begins to be " + strings.Repeat("a", 100_000), "digits": first + " is how such a file begins to be " + strings.Repeat("12 ", 30_000), "capitals": first + strings.Repeat("A", 100_000),
		"dashes": strings.Repeat("-", 100_000), "labels": strings.Repeat("-----BEGIN ", 10_000), "numbers": first + strings.Repeat(" 1", 50_000),
	} {
		sc := s.Start()
		var ms []stream.Match
		most := 0
		for rest := text; len(rest) > 0; {
			n := min(len(rest), 100)
			var held int
			ms, held, _ = sc.Write(ms, []byte(rest[:n]))
			rest, most = rest[n:], max(most, held)
		}
		ms, _ = sc.Finish(ms)
		if most > 17_000 {
			t.Errorf("%s: %d bytes are held", name, most)
		}
		if name == "a long key" || name == "a long line" {
			found := 0
			for _, m := range ms {
				found += m.End - m.Start
			}
			if found < len(text)-8 {
				t.Errorf("%s: %d of %d bytes are found", name, found, len(text))
			}
		}
	}
}
