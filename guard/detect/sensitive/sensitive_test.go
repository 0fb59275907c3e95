package sensitive_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/holdfast-ai/holdfast/guard/detect"
	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
	"github.com/holdfast-ai/holdfast/guard/stream"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

func all(t testing.TB) *sensitive.Set {
	t.Helper()
	s, err := sensitive.New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// found lists the kinds and texts of matches: "pii.email=a@b.example".
func found(s *sensitive.Set, text string) []string {
	var out []string
	for _, m := range s.Find(nil, []byte(text)) {
		out = append(out, m.Rule+"="+text[m.Start:m.End])
	}
	slices.Sort(out)
	return out
}

// Published examples of each kind, with the part that is found between { and }. Others' validators judge the numbers with
// check digits in internal/interop.
var examples = map[string][]string{
	"pii.card": {"{4111111111111111}", "é {4111\u00a01111\u202f1111\u20091111} é", "{4111\u20111111\u20131111\u22121111}", "ａ {４１１１ １１１１ １１１１ １１１１}。", "{٤١١١ ١١١١ ١١١١ ١١١١}", "{4111\u200b1111\u00ad1111\u20601111}", "{৪১১১ ১১১১ ১১১১ ১১১১}", "{௪௧௧௧ ௧௧௧௧ ௧௧௧௧ ௧௧௧௧}", "{๔๑๑๑ ๑๑๑๑ ๑๑๑๑ ๑๑๑๑}", "{໔໑໑໑ ໑໑໑໑ ໑໑໑໑ ໑໑໑໑}", "{༤༡༡༡ ༡༡༡༡ ༡༡༡༡ ༡༡༡༡}", "{၄၁၁၁ ၁၁၁၁ ၁၁၁၁ ၁၁၁၁}", "{៤១១១ ១១១១ ១១១១ ១១១១}", "{𝟒𝟏𝟏𝟏 𝟙𝟙𝟙𝟙 𝟣𝟣𝟣𝟣 𝟷𝟷𝟷𝟷}", "{4\ufe0f\u20e3111 1111 1111 1111}", "{4111·1111·1111·1111}", `\t{4111\u00201111\u00a01111\u20091111}\n`, `{\u0034111\u00201111 1111 111\u0031}`, "Visa {4111 1111 1111 1111}.", "{5555-5555-5555-4444},", "amex {378282246310005}", "{30569309025904}"},
	"pii.imei": {"IMEI: {490154203237518}"}, "pii.vin": {"VIN {1M8GDM9AXKP042788}"}, "pii.bank-bic": {"BIC {DEUTDEFF}", "bic: {DEUTDEFF},", "swift code {DEUTDEFF500}"},
	"pii.passport": {"passport no. {C01234567}", "US passport {123456789}"}, "pii.birth-date": {"born {1987-03-14}", "dob: {03/14/1987}", `dob: {03\/14\/1987}`, "geboren am {14.03.1987}"},
	"pii.us-ssn": {"{536-90-4399}", "my ssn is {536904399}", "ssn: {536 90 4399}", "SSN {536.90.4399}"}, "pii.us-itin": {"ITIN {912-78-1234}"}, "pii.us-ein": {"EIN {12-3456789}"},
	"pii.us-aba": {"routing number {021000021}"}, "pii.us-bank": {"account number {000123456789}"}, "pii.us-driver-license": {"driver's license {D1234567}"},
	"phi.us-npi": {"NPI {1234567893}"}, "phi.us-mbi": {"{1EG4-TE5-MK73}", "{1EG4TE5MK73}"}, "phi.us-dea": {"DEA {AB1234563}"},
	"phi.record": {"MRN {12345678}", "medical record {12-34-56-78}"}, "pii.phone": {"{(415) 555-2671}", "{415-555-2671}", "{+44 20 7946 0958}", "{+4915123456789}", "call {4155552671}"},
	"pii.ca-sin": {"SIN {193-456-787}"}, "pii.br-cpf": {"{529.982.247-25}", "cpf {52998224725}"}, "pii.br-cnpj": {"{11.222.333/0001-81}"}, "pii.mx-curp": {"{HEGG560427MVZRRL04}"},
	"pii.mx-rfc": {"RFC {VECJ880326XXX}"}, "pii.ar-cuit": {"{20-12345678-6}"}, "pii.cl-rut": {"{12.345.678-5}"}, "pii.ec-cedula": {"cédula {1710034065}"},
	"phi.uk-nhs": {"{943 476 5919}", "NHS {9434765919}"}, "pii.uk-nino": {"{AB 12 34 56 C}", "{AB123456C}"}, "pii.uk-driver-licence": {"{MORGA657054SM9IJ}"},
	"pii.uk-bank": {"sort code and account {12-34-56 12345678}"}, "pii.ie-pps": {"PPS {1234567T}", "PPSN {1234567FA}"}, "pii.de-tax-id": {"Steuer-ID {86095742719}", "Steuer-ID {86 095 742 719}"},
	"pii.de-id-card": {"Personalausweis {T220001293}"}, "phi.de-kvnr": {"KVNR {A123456780}"}, "pii.de-pension": {"Rentenversicherung {15070649C103}"}, "pii.at-svnr": {"SVNR {1237 010180}"},
	"pii.ch-ahv": {"{756.9217.0769.85}"}, "pii.fr-nir": {"{2 55 08 14 168 025 38}", "{255081416802538}"}, "pii.fr-siret": {"{732 829 320 00074}"}, "pii.nl-bsn": {"BSN {111222333}"},
	"pii.be-rrn": {"{85.07.30-033.28}"}, "pii.es-nif": {"{12345678Z}", "{12345678-Z}"}, "pii.es-nie": {"{X1234567L}", "{X-1234567-L}"}, "pii.it-fiscal-code": {"{RSSMRA85T10A562S}"},
	"pii.pt-nif": {"NIF {123456789}"}, "pii.fi-hetu": {"{131052-308T}"}, "pii.pl-id-card": {"dowód {ABA300000}"}, "pii.in-pan": {"{ABCPE1234F}"}, "pii.in-gstin": {"{27AAPFU0939F1ZV}"},
	"pii.cn-id": {"{11010519491231002X}"}, "pii.hk-id": {"{A123456(3)}"}, "pii.tw-id": {"national ID {A123456789}"}, "pii.jp-my-number": {"My Number {1234 5678 9018}"},
	"pii.sg-nric": {"{S1234567D}", "{T0123456G}"}, "pii.ae-id": {"{784-1980-1234567-8}"}, "phi.au-medicare": {"Medicare {2123 45670 1}"}, "phi.nz-nhi": {"NHI {ZAC5361}"},
	"pii.iban": {"{DE89 3704 0044 0532 0130 00}", "{DE89370400440532013000}", "IBAN {GB82 WEST 1234 5698 7654 32}!", "iban {de89370400440532013000}", "{de89 3704 0044 0532 0130 00}", "{DE89-3704-0044-0532-0130-00}"}, "pii.email": {"mail {john.doe+x@mail.example.com}.", "<{a@b.co}>", `{a\u0040b.co}`, `x\n{a@b.co}`, `\\ {ann\u002ex\u0040b.co}`},
	"pii.ipv4": {"{93.184.216.34}", "conversion {93.184.216.34}", "the server {8.8.4.4}", "http://{203.0.113.9}:8080/"}, "pii.ipv6": {"{2001:db8:85a3::8a2e:370:7334}"}, "pii.mac": {"{00:1B:44:11:3A:B7}", "{00-1b-44-11-3a-b7}"},
	"pii.crypto-btc": {"{1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa}", "{bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4}", "bitcoin:{1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa}?amount=1", "{bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0}"},
	"pii.crypto-eth": {"{0x52908400098527886E0F7030069857D2E4169EE7}"},

	"secret.aws-key-id": {"aws {AKIAIOSFODNN7EXAMPLE}"}, "secret.github": {"{ghp_16C7e42F292c6912E7710c838347Ae178B4a}"}, "secret.url-password": {"postgres://app:{s3cr3t-pw}@db.example/x", "redis://:{hunter2secret}@h:6379"},
	"secret.jwt":         {"{eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U}"},
	"secret.assigned":    {"DB_PASSWORD={h7Gk29dLqPzx81}", "api_key: \"{9f8e7d6c5b4a39281706f5e4}\"", "curl -d token={Zx81kLq29dPh7Gq}&x=1", "\"password\": \"{h7Gk29dLqPzx}\"", `"api_key":"{9f8e7d6c5b4a}"`, `api_key=\"{h7Gk29dLqPzx81}\"`, "<password>{h7Gk29dLqPzx81}</password>", "Authorization: Bearer {h7Gk29dLqPzx81aaBB}"},
	"secret.private-key": {"{-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIIGn\n-----END EC PRIVATE KEY-----}", "{-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA"},
	"secret.slack":       {"{xoxb-" + "123456789012-1234567890123-aBcDeFgHiJkLmNoPqRsTuVwX}"}, "secret.stripe": {"{sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc}"},
	"secret.google-api-key": {"{AIza" + "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY}"}, "secret.hugging-face": {"{hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567}", "{api_org_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567}"},
	"secret.npm": {"{npm_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789}"}, "secret.openai": {"{sk-proj-" + "aB3dEfGhIjKlMnOpQrStUvWxYz0123456789aBcDeFgH}"},
	"secret.vault": {"{hvs." + "CAESIJ3kQ2b9dXy7zWv5uTs1}"}, "secret.age": {"{AGE-SECRET-KEY-1" + "QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ}"},
}

func TestExamples(t *testing.T) {
	s := all(t)
	for kind, list := range examples {
		for _, e := range list {
			want := kind + "=" + e[strings.Index(e, "{")+1:]
			if i := strings.Index(want, "}"); i >= 0 {
				want = want[:i]
			}
			text := strings.NewReplacer("{", "", "}", "").Replace(e)
			for _, around := range []string{"%s", "So %s", "x\n%s\ny", "(%s)"} {
				got := found(s, fmt.Sprintf(around, text))
				if strings.Contains(kind, "private-key") && len(got) == 1 { // a key that is cut off goes to the end
					got[0] = strings.TrimRight(strings.TrimSuffix(got[0], "\ny"), ")")
				}
				if !slices.Equal(got, []string{want}) {
					t.Errorf("%q: %q, want %q", fmt.Sprintf(around, text), got, want)
				}
			}
		}
	}
}

// Texts that look like identifiers and are none.
func TestHarmless(t *testing.T) {
	s := all(t)
	for _, text := range []string{
		"4111\u00a01111 — 1111\u00a01111", "１２３４５６７８９０", "2019–2024", "٢٠١٩", "\u200b\u200b\u200b",
		"order 123456789 shipped", "1234567890", "3.14159265358979", "version 1.2.3.4.5", "version 1.2.3.4", "Version: 10.4.0.1", "v 2.3.4.5", "2024-01-02 10:20:30", "at 10:20:30:40", "127.0.0.1 and 192.168.0.1",
		"4111111111111112", "4111111111111116", "id 4242 4242 4242 4241", "000-12-3456", "f47ac10b-58cc-4372-a567-0e02b2c3d479",
		"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "@decorator and user@localhost", "a @ b.example", "http://example.com/@user/1",
		"sk-this-is-a-very-long-name-of-a-branch-without-digits", "the token: is a word", "the bearer h7G", "a bearer certificate2026", "536 90 4399", "de89370400440532013001", "DE89-3704 0044-0532 0130-00", "\"password\": \"placeholder1\"", "৪১১১ ১১১১ ১১১১ ১১১২", "a>b9c8d7e6f5a4", "password: correct horse battery", "secret=changeme", "token = getToken(request)",
		"I have 3 APPLES AND 4 PEARS", "lim x->0 (1+x)^(1/x) = 2.718281828459045", "E = 1.602176634e-19", "ISBN 978-3-16-148410-0", "GB82 WEST 1234 5698 7654 33",
		"1 234 567 890 people", "12/25/2024", "call me at noon", "the passport of 1987", "RGB(255, 255, 255)", "0xDEADBEEF", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
	} {
		if got := found(s, text); len(got) > 0 {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func TestKinds(t *testing.T) {
	pii, secrets := 0, 0
	for _, k := range sensitive.Kinds() {
		if strings.HasPrefix(k, "secret.") {
			secrets++
		} else {
			pii++
		}
	}
	if pii < 75 || secrets < 40 {
		t.Errorf("%d identifiers, %d secrets", pii, secrets)
	}
	if _, err := sensitive.New("pii.name"); !errors.Is(err, sensitive.ErrKind) {
		t.Error(err)
	}
	only, err := sensitive.New("pii.email")
	if err != nil {
		t.Fatal(err)
	}
	if got := found(only, "a@b.example 4111111111111111"); !slices.Equal(got, []string{"pii.email=a@b.example"}) {
		t.Error(got)
	}
}

func TestOperatorsTextIsNotScanned(t *testing.T) {
	f, err := all(t).Detect(t.Context(), detect.View{Spans: []detect.Span{
		{Trust: detect.TrustOperator, Text: []byte("help@shop.example")}, {Trust: detect.TrustUser, Text: []byte("me: me@home.example")},
	}}, nil)
	if err != nil || len(f) != 1 || f[0].Span != 1 || f[0].Start != 4 || f[0].End != 19 || f[0].Rule != "pii.email" || f[0].Category != "LLM02" {
		t.Fatal(f, err)
	}
}

// However a text is cut, the same is found, nothing is found late, and what is held back is bounded.
func TestCutsDoNotMatter(t *testing.T) {
	s := all(t)
	var corpus []string
	for _, list := range examples {
		corpus = append(corpus, list...)
	}
	slices.Sort(corpus)
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.SampledFrom(corpus), 1, 4).Draw(t, "parts")
		text := strings.NewReplacer("{", "", "}", "").Replace(strings.Join(parts, rapid.SampledFrom([]string{" ", "\n", ", ", "."}).Draw(t, "between")))
		want := s.Find(nil, []byte(text))
		sc := s.Start()
		var got []stream.Match
		clear := 0
		for rest := text; len(rest) > 0; {
			n := rapid.IntRange(1, min(len(rest), 9)).Draw(t, "cut")
			before := len(got)
			var held int
			var err error
			if got, held, err = sc.Write(got, []byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
			for _, m := range got[before:] {
				if m.Start < clear {
					t.Fatalf("%v was found when %d bytes had been given up", m, clear)
				}
			}
			clear = len(text) - len(rest) - held
		}
		got, err := sc.Finish(got)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%v\n%v\n%q", got, want, text)
		}
	})
}

// Pieces of a long text may end within characters, whole ones and broken ones.
func TestPiecesEndAnywhere(t *testing.T) {
	s := all(t)
	for pad := range 8 {
		for _, fill := range []string{"\u00a0", "\xe2", "\xe2\x80", "é", "\u2011"} {
			text := strings.Repeat("x", pad) + strings.Repeat(fill, 3000) + " 4111\u00a01111\u00a01111\u00a01111 " + strings.Repeat(fill, 3000)
			ms := s.Find(nil, []byte(text))
			if len(ms) != 1 || text[ms[0].Start:ms[0].End] != "4111\u00a01111\u00a01111\u00a01111" {
				t.Errorf("%d × %q: %v", pad, fill, ms)
			}
			sc := s.Start()
			if _, held, _ := sc.Write(nil, []byte(text)); held > 4*4096 {
				t.Errorf("%d bytes are held behind %q", held, fill)
			}
		}
	}
}

func TestProseIsHeldByAWord(t *testing.T) {
	sc := all(t).Start()
	for _, w := range strings.SplitAfter("The harbour opens at six in the morning, and closes late. Boats are due at noon.\n", " ") {
		_, held, err := sc.Write(nil, []byte(w))
		if err != nil || held > len(w) {
			t.Errorf("%d bytes held behind %q", held, w)
		}
	}
}

// Prose is passed over at hundreds of megabytes per second; what was made to be looked at costs up to sixty
// times more, and must not cost more with the square of its length.
func TestHostileTextsCostNoMore(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector costs where most is looked at")
	}
	s := all(t)
	find := func(text string) func() {
		b := []byte(strings.Repeat(text, 50_000/len(text)))
		return func() { s.Find(nil, b) }
	}
	for name, unit := range map[string]string{
		"digits": "1", "capitals": "A", "groups": "1 ", "dashes": "1-", "at": "a@", "prefixes": "sk-", "eyJ": "eyJ.", "colons": "a:", "hex": "f:0", "password": "password=", "begin": "-----BEGIN ",
		"split": "eyJa\na\nb\nc\nd\n", "split again": "\nghp_", "split much": "eyJ" + strings.Repeat("\n"+strings.Repeat("a.", 30), 60), "quotes": "SK\"a\"", "many": "a.eyJ.\n", "telephones": "0123456789 ", "bots": "12345678:AA", "key": "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n", 100), "mentioned": "-----BEGIN PRIVATE KEY----- is how such a file begins to be ", "lines of keys": "-----BEGIN PRIVATE KEY-----", "strings": "\"\\", "values": "pwd=\"a;", "list": "\"eyJ\",\"a", "expressions": "`eyJ${\"a\"}", "digits apart": "4 ", "plates": "B-MA 123 ", "postcodes": "zip 90210 ",
	} {
		testkit.CostsAtMost(t, name, 120, find(unit), find("The harbour opens at six in the morning. "))
	}
}

func FuzzFind(f *testing.F) {
	for _, list := range examples {
		f.Add([]byte(strings.NewReplacer("{", "", "}", "").Replace(list[0])), 3)
	}
	for _, list := range splits {
		for _, e := range list {
			f.Add([]byte(strings.NewReplacer("{", "", "}", "").Replace(e)), 17)
		}
	}
	f.Add([]byte("-----BEGIN PRIVATE KEY----- is how it begins, and then MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQD -----END PRIVATE KEY-----"), 40)
	for _, list := range disguised {
		for _, e := range list {
			f.Add([]byte(e), 6)
		}
	}
	s := all(f)
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		want := s.Find(nil, text)
		for _, m := range want {
			if m.Start < 0 || m.End > len(text) || m.Start >= m.End {
				t.Fatal(m)
			}
		}
		cut = min(max(cut, 0), len(text))
		sc := s.Start()
		got, _, _ := sc.Write(nil, text[:cut])
		got, _, _ = sc.Write(got, text[cut:])
		got, _ = sc.Finish(got)
		if !slices.Equal(got, want) {
			t.Fatalf("%v, whole %v", got, want)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	s := all(b)
	text := []byte(strings.Repeat("The harbour opens at six in the morning, and 12 boats are due at 9:30. ", 1500))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s.Find(nil, text)
	}
}
