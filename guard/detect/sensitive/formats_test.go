package sensitive_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// secretFormats are those that issuers publish: literal text, and after '%' an alphabet and a number of characters. w = letters and digits, l = letters, h = small hexadecimal
// digits, u = letters, digits, '_' and '-', b = base64, c = capitals and digits, d = digits.
var secretFormats = map[string][]string{
	"secret.aws-bedrock": {"ABSK%b128"}, "secret.facebook": {"EAAC%w110", "EAAM%w110"}, "secret.flutterwave": {"FLWSECK_TEST-%h32-X"}, "secret.hubspot": {"pat-na1-%h8-%h4-%h4-%h4-%h12", "pat-eu1-%h8-%h4-%h4-%h4-%h12"},
	"secret.shippo": {"shippo_live_%h40"}, "secret.typeform": {"tfp_%w44"},
	"secret.1password": {"ops_eyJ%b300"}, "secret.adafruit": {"aio_%w28"}, "secret.airtable": {"pat%w14.%h64"}, "secret.alibaba": {"LTAI%w20"}, "secret.anthropic": {"sk-ant-api03-%u95", "sk-ant-admin01-%u95", "sk-ant-oat01-%u86"},
	"secret.artifactory": {"AKCp%w69", "cmVmdGtuOj%w54"}, "secret.atlassian": {"ATATT3xFfGF0%u175=%h8", "ATCTT3xFfG%u170=%h8", "ATBB%w32"}, "secret.aws-key-id": {"AKIA%c16", "ASIA%c16", "ABIA%c16", "ACCA%c16"},
	"secret.brevo": {"xkeysib-%h64-%w16"}, "secret.cerebras": {"csk-%w48"}, "secret.clojars": {"CLOJARS_%h60"}, "secret.cloudflare": {"v1.0-%h24-%h146"}, "secret.contentful": {"CFPAT-%u43"}, "secret.crates-io": {"cio%w32"},
	"secret.databricks": {"dapi%h32"}, "secret.deepseek": {"sk-%h32"}, "secret.digitalocean": {"dop_v1_%h64", "doo_v1_%h64", "dor_v1_%h64"}, "secret.discord": {"https://discord.com/api/webhooks/%d18/%u68"},
	"secret.docker": {"dckr_pat_%u27", "dckr_oat_%u32"}, "secret.doppler": {"dp.pt.%w43", "dp.st.%w43", "dp.ct.%w43"}, "secret.dynatrace": {"dt0c01.%c24.%c64"}, "secret.easypost": {"EZAK%w54", "EZTK%w54"}, "secret.elevenlabs": {"sk_%h48"},
	"secret.figma": {"figd_%u40"}, "secret.fly": {"fo1_%u43", "fm2_%b200=="}, "secret.github": {"ghp_%w36", "gho_%w36", "ghu_%w36", "ghs_%w36", "ghr_%w36", "github_pat_%w22_%w59", "ghp_%l36"},
	"secret.gitlab": {"glpat-%u20", "glptt-%h40", "gldt-%u20", "glrt-%u20", "glcbt-%h2_%u20", "glsoat-%u20", "glimt-%u25", "glagent-%u50", "glft-%u20", "glffct-%u20", "GR1348941%u20"}, "secret.google-api-key": {"AIza%u35"},
	"secret.google-oauth": {"GOCSPX-%u28", "ya29.a0A%u200", "1//0%u50"}, "secret.grafana": {"glsa_%w32_%h8", "glc_%b100="}, "secret.groq": {"gsk_%w52"}, "secret.heroku": {"HRKU-AA%u58"}, "secret.hugging-face": {"hf_%l34", "hf_%w34", "api_org_%l34"},
	"secret.jina": {"jina_%h32%u28"}, "secret.jwt": {"eyJ%u30.eyJ%u60.%u43", "eyJ%u60.%u300.%u16.%u80.%u22"}, "secret.langfuse": {"sk-lf-%h8-%h4-%h4-%h4-%h12"}, "secret.langsmith": {"lsv2_pt_%h32_%h10", "lsv2_sk_%h32_%h10"},
	"secret.linear": {"lin_api_%w40"}, "secret.mailchimp": {"md-%u22"}, "secret.mailgun": {"key-%h32"}, "secret.mapbox": {"sk.eyJ%w60.%u22"}, "secret.netlify": {"nfp_%w36"}, "secret.new-relic": {"NRAK-%c27"},
	"secret.notion": {"ntn_%d11%w35", "secret_%w43"}, "secret.npm": {"npm_%w36", "npm_%l36"}, "secret.nuget": {"oy2%h43"}, "secret.nvidia": {"nvapi-%u64"}, "secret.openai": {"sk-%w20T3BlbkFJ%w20", "sk-proj-%u74T3BlbkFJ%u74", "sk-svcacct-%u58T3BlbkFJ%u58", "sk-admin-%u58T3BlbkFJ%u58"},
	"secret.openrouter": {"sk-or-v1-%h64"}, "secret.openshift": {"sha256~%u43"}, "secret.perplexity": {"pplx-%w48"}, "secret.pinecone": {"pcsk_%w5_%w63"}, "secret.planetscale": {"pscale_tkn_%u20.%w22", "pscale_pw_%u20.%w22", "pscale_oauth_%u20.%w22"},
	"secret.postman": {"PMAK-%h24-%h34"}, "secret.prefect": {"pnu_%w36"}, "secret.pulumi": {"pul-%h40"}, "secret.pypi": {"pypi-AgEIcHlwaS5vcmc%u60"}, "secret.readme": {"rdme_%h70"}, "secret.replicate": {"r8_%w37"}, "secret.rubygems": {"rubygems_%h48"},
	"secret.sendgrid": {"SG.%u22.%u43"}, "secret.sentry": {"sntrys_eyJ%b80_%b43", "sntryu_%h64"}, "secret.shopify": {"shpat_%h32", "shpss_%h32", "shpca_%h32", "shppa_%h32"},
	"secret.slack":     {"xoxb-%d12-%d13-%w24", "xoxp-%d12-%d12-%d13-%h32", "xoxe.xoxp-1-%w163", "xoxe-1-%w146", "xapp-1-A%c10-%d13-%h64", "xoxc-%d12-%d12-%d12-%h64", "xoxr-%d12-%w24", "https://hooks.slack.com/services/T%c10/B%c10/%w24"},
	"secret.sonarqube": {"squ_%h40", "sqp_%h40", "sqa_%h40"}, "secret.sourcegraph": {"sgp_%h40"}, "secret.square": {"sq0atp-%u22", "sq0csp-%u43"}, "secret.stripe": {"sk_live_%w24", "rk_live_%w24", "sk_test_%w24", "rk_test_%w24", "whsec_%w32"},
	"secret.supabase": {"sbp_%h40", "sb_secret_%u31"}, "secret.tailscale": {"tskey-auth-%w12CNTRL-%w32"}, "secret.tavily": {"tvly-dev-%w32"}, "secret.telegram": {"%d9:AA%u33", "%d10:AA%u33"}, "secret.together": {"tgp_v1_%u43"},
	"secret.twilio": {"SK%h32"}, "secret.vault": {"hvs.%u90", "hvb.%u140"}, "secret.xai": {"xai-%w80"},
}

func made(rnd *rand.Rand, format string) string {
	const digits, small, capitals = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alphabets := map[byte]string{'w': small + capitals + digits, 'l': small + capitals, 'h': "abcdef" + digits, 'u': small + capitals + digits + "_-", 'b': small + capitals + digits + "+/", 'c': "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 'd': digits}
	var b strings.Builder
	for {
		literal, rest, more := strings.Cut(format, "%")
		b.WriteString(literal)
		if !more {
			return b.String()
		}
		n := 1
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		count, _ := strconv.Atoi(rest[1:n])
		for i := range count {
			a := alphabets[rest[0]]
			if i < 4 && count > 8 || i == count-1 { // some of each kind, and a text ends in no hyphen
				switch rest[0] {
				case 'w', 'u', 'b':
					a = []string{digits, small, capitals, digits}[i%4]
				case 'l':
					a = []string{capitals, small}[i%2]
				}
			}
			b.WriteByte(a[rnd.IntN(len(a))])
		}
		format = rest[n:]
	}
}

// Every published format is found, whole, and none of them by half.
func TestSecretFormats(t *testing.T) {
	s := all(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	for kind, formats := range secretFormats {
		for _, format := range formats {
			for range 20 {
				text := made(rnd, format)
				if strings.Contains(format, "%l") && skewed(text) {
					continue
				}
				for _, around := range []string{"", "."} {
					if got := found(s, "Use "+text+around); !slices.Equal(got, []string{kind + "=" + text}) {
						t.Errorf("%s: %q: %q", format, text, got)
					}
				}
				if kind == "secret.jwt" || kind == "secret.deepseek" || kind == "secret.heroku" || kind == "secret.vault" { // or what it begins with is of another length
					continue
				}
				if got := found(s, "Use "+text[:len(text)/2]+" here"); slices.ContainsFunc(got, func(m string) bool { return strings.HasPrefix(m, kind+"="+text[:8]) }) && len(text) < 60 {
					t.Errorf("%s: half of %q: %q", format, text, got)
				}
			}
		}
	}
	for _, k := range s.IDs() {
		if _, ok := secretFormats[k]; !ok && strings.HasPrefix(k, "secret.") && !slices.Contains([]string{"secret.assigned", "secret.private-key", "secret.url-password", "secret.terraform", "secret.age"}, k) {
			t.Errorf("%s has no format here", k)
		}
	}
}

// skewed reports whether random letters are, by chance, of one case mostly.
func skewed(text string) bool {
	text = text[strings.LastIndexByte(text, '_')+1:]
	capitals := 0
	for _, c := range text {
		if c >= 'A' && c <= 'Z' {
			capitals++
		}
	}
	return 3*capitals < len(text)+2 || 3*capitals > 2*len(text)-2
}

// Words say what a number is in other languages, capitals and compounds too.
func TestWordsBeforeNumbers(t *testing.T) {
	s := all(t)
	for text, want := range map[string]string{
		"Rentenversicherungsnummer: 15070649C103": "pii.de-pension", "Sozialversicherungsnummer 15 070649 C 103": "pii.de-pension", "Personalausweisnummer T220001293": "pii.de-id-card", "Krankenversichertennummer A123456780": "phi.de-kvnr",
		"Steueridentifikationsnummer 86095742719": "pii.de-tax-id", "passports 123456789": "pii.passport", "birthday 1987-03-14": "pii.birth-date", "ЕГН 7523169263": "pii.bg-egn", "ΑΜΚΑ 01013099997": "pii.gr-amka", "ΑΦΜ 094259216": "pii.gr-afm",
		"EMŠO 0101006500006": "pii.si-emso", "asmens kodas 33309240064": "pii.ee-isikukood", "IC number 850412145567": "pii.my-nric", "NIR 2 55 08 2A 168 025 97": "pii.fr-nir", "255082A16802597": "pii.fr-nir", "255082B16802527": "pii.fr-nir",
		"Phone: 020 7946 0958": "pii.phone", "Tel. 01.23.45.67.89": "pii.phone", "電話は03-1234-5678です": "pii.phone", "WhatsApp (11) 98765-4321": "pii.phone", "Handynummer 0151 23456789": "pii.phone", "手机：138 1234 5678": "pii.phone", "phone 6123 4567": "pii.phone",
		"IBAN RU44 8425 8124 7277 62MR WBLO WLBC O0VT U": "pii.iban", "MN719966763392693627": "pii.iban", "5018101798930579": "pii.card", "9792737703661801": "pii.card", "180092067764117": "pii.card",
		"ИНН 500100732259": "pii.ru-inn", "СНИЛС 374-068-124 83": "pii.ru-snils", "РНОКПП 1759013776": "pii.ua-rnokpp", "TAJ 008 063 601": "phi.hu-taj", "adóazonosító jel 8071592153": "pii.hu-tax-id", "NIT 213.123.432-1": "pii.co-nit",
		"cédula 224-0002211-1": "pii.do-cedula", "C.I. cédula 1.234.567-2": "pii.uy-ci", "USt-IdNr. DE136695976": "pii.de-vat", "사업자등록번호 116-82-00276": "pii.kr-brn", "organisationsnummer 556036-0793": "pii.se-orgnr", "LANR 123456601": "phi.de-lanr",
		"personas kods 161175-19997": "pii.lv-personal-code", "ИИН 980506300122": "pii.kz-iin",
		// The word tells what several kinds could be.
		"TFN 132 490 595": "pii.au-tfn", "ACN 007 728 298": "pii.au-acn", "IMEI 375255889394828": "pii.imei", "South African 4902130222089": "pii.za-id", "NIT 015899422-8": "pii.co-nit", "150172-3650": "pii.is-kennitala",
	} {
		got := found(s, text+".")
		if len(got) != 1 || !strings.HasPrefix(got[0], want+"=") {
			t.Errorf("%q: %q, want %s", text, got, want)
		}
	}
	for _, text := range []string{
		"255082A16802536", "255082C16802535", "ИНН 500100732258", "СНИЛС 374-068-124 84", "РНОКПП 1759013777", "TAJ 008 063 602", "NIT 213.123.432-2", "cédula 224-0002211-2", "DE136695977", "사업자등록번호 116-82-00277", "LANR 123456701", "ИИН 980506300121",
		"call 192.168.100.200", "call me on 2024-01-02 10", "the phone of 2019 costs 1299", "phone 3.14159265", "phones sold: 1234567", "call f(0x1234567890)", "mobile web 1024-2048 pixels in the year 20242025", "adóazonosító jel 8071592154",
	} {
		if got := found(s, text); len(got) > 0 {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// A private key on one line, and in a string of JSON, is one.
func TestPrivateKeysOnOneLine(t *testing.T) {
	s := all(t)
	for _, key := range []string{
		"-----BEGIN RSA PRIVATE KEY----- yjE5rNoW8cRv PN/XE6kqRs8v -----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----MIIEvQIBADANBg-----END PRIVATE KEY-----", `-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----`,
		"-----BEGIN PRIVATE KEY----- MIIEvQIBADANBg -----END PRIVATE KEY-----",
	} {
		if got := found(s, "key: \""+key+"\" and more"); !slices.Equal(got, []string{"secret.private-key=" + key}) {
			t.Errorf("%q: %q", key, got)
		}
	}
}

func TestAssignedNames(t *testing.T) {
	s := all(t)
	const value = "h7Gk29dLqPzx81Yt"
	for _, text := range []string{
		"os.environ['API_KEY'] = 'V'", "Authorization: Basic V", "Authorization: token V", "--password V", "the password is V", "my api key is V", "API key: V", "the API key is: V", "secret_key_base: V", "Passwort: V", "contraseña: V", "mot de passe : V", "пароль: V", "密码：V",
		"パスワード: V", "ENCRYPTION_KEY=V", "SIGNING_KEY=V", "session_key: V", "passphrase: V", "Kennwort ist V bzw. Kennwort: V", "config[\"db_password\"] = \"V\"",
	} {
		got := found(s, strings.ReplaceAll(text, "V", value))
		if !slices.Contains(got, "secret.assigned="+value) {
			t.Errorf("%q: %q", text, got)
		}
	}
	for _, text := range []string{"the password is V2024", "a token is issued2024x", "this is h7Gk29dLqPzx81Yt", "the key is h7Gk29dLqPzx81Yt", "-- h7Gk29dLqPzx81Yt", "a password h7Gk29dLqPzx81Yt"} {
		if got := found(s, text); len(got) > 0 {
			t.Errorf("%q: %q", text, got)
		}
	}
}
