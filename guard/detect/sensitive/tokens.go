package sensitive

import (
	"bytes"
	"strings"

	"github.com/holdfast-ai/holdfast/internal/entropy"
)

// token is a secret with a prefix of its own: what follows is at least min bytes long, at most max (0 = exactly min), and of
// the given class.
type token struct {
	id, prefix string
	class      class
	min, max   int
}

// minTelling is the length of the shortest prefix that tells a secret within a word, in bytes.
const minTelling = 4

// class is an alphabet.
type class uint8

const (
	word   class = iota // letters, digits, '_'
	url                 // word, '-'
	dotted              // url, '.'
	base64              // letters, digits, '+', '/', '='
	wide                // url, base64
	hexes               // hexadecimal digits
	upper               // capitals and digits
	classes
)

func (k class) has(c byte) bool {
	switch k {
	case hexes:
		return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
	case upper:
		return isDigit(c) || isUpper(c)
	case base64:
		return isAlnum(c) || c == '+' || c == '/' || c == '='
	case wide:
		return isAlnum(c) || c == '+' || c == '/' || c == '=' || c == '_' || c == '-'
	case word, url, dotted, classes:
	}
	return isAlnum(c) || c == '_' || k >= url && c == '-' || k == dotted && c == '.'
}

// tokens are the formats that issuers publish.
var tokens = []token{
	{"secret.aws-key-id", "AKIA", upper, 16, 0}, {"secret.aws-key-id", "ASIA", upper, 16, 0}, {"secret.aws-key-id", "ABIA", upper, 16, 0}, {"secret.aws-key-id", "ACCA", upper, 16, 0},
	{"secret.github", "ghp_", word, 36, 251}, {"secret.github", "gho_", word, 36, 251}, {"secret.github", "ghu_", word, 36, 251},
	{"secret.github", "ghs_", word, 36, 251}, {"secret.github", "ghr_", word, 36, 251}, {"secret.github", "github_pat_", word, 60, 255},
	{"secret.gitlab", "glpat-", dotted, 20, 64}, {"secret.gitlab", "gldt-", url, 20, 64}, {"secret.gitlab", "glrt-", dotted, 20, 64}, {"secret.gitlab", "glptt-", hexes, 40, 0},
	{"secret.gitlab", "glcbt-", url, 20, 64}, {"secret.gitlab", "glsoat-", url, 20, 64}, {"secret.gitlab", "glimt-", url, 20, 64}, {"secret.gitlab", "glagent-", url, 40, 64}, {"secret.gitlab", "glft-", url, 20, 64},
	{"secret.gitlab", "GR1348941", url, 20, 0},
	{"secret.slack", "xoxb-", url, 24, 120}, {"secret.slack", "xoxp-", url, 24, 120}, {"secret.slack", "xoxa-", url, 24, 120}, {"secret.slack", "xoxs-", url, 24, 120},
	{"secret.slack", "xoxe.", dotted, 24, 250}, {"secret.slack", "xapp-", url, 30, 160},
	{"secret.slack", "xoxe-", url, 24, 250}, {"secret.slack", "xoxc-", url, 24, 160}, {"secret.slack", "xoxr-", url, 24, 120}, {"secret.slack", "https://hooks.slack.com/services/", wide, 40, 64},
	{"secret.discord", "https://discord.com/api/webhooks/", wide, 80, 100},
	{"secret.anthropic", "sk-ant-", url, 32, 200},
	{"secret.openrouter", "sk-or-v1-", hexes, 64, 0},
	{"secret.openai", "sk-proj-", url, 40, 220}, {"secret.openai", "sk-svcacct-", url, 40, 220}, {"secret.openai", "sk-admin-", url, 40, 220}, {"secret.openai", "sk-", word, 40, 64},
	{"secret.deepseek", "sk-", hexes, 32, 0}, {"secret.langfuse", "sk-lf-", url, 36, 0}, {"secret.langsmith", "lsv2_", word, 40, 60}, {"secret.nvidia", "nvapi-", url, 60, 70}, {"secret.pinecone", "pcsk_", word, 60, 80},
	{"secret.together", "tgp_v1_", url, 43, 0}, {"secret.tavily", "tvly-", url, 32, 48}, {"secret.jina", "jina_", url, 60, 0}, {"secret.cerebras", "csk-", word, 48, 0}, {"secret.elevenlabs", "sk_", hexes, 48, 0},
	{"secret.google-api-key", "AIza", url, 35, 0}, {"secret.google-oauth", "GOCSPX-", url, 28, 0}, {"secret.google-oauth", "ya29.", dotted, 40, 400}, {"secret.google-oauth", "1//0", url, 40, 120},
	{"secret.stripe", "sk_live_", word, 24, 160}, {"secret.stripe", "rk_live_", word, 24, 160}, {"secret.stripe", "sk_test_", word, 24, 160}, {"secret.stripe", "rk_test_", word, 24, 160}, {"secret.stripe", "whsec_", base64, 32, 100},
	{"secret.sendgrid", "SG.", dotted, 60, 80},
	{"secret.twilio", "SK", hexes, 32, 0}, {"secret.mailgun", "key-", hexes, 32, 0}, {"secret.mailchimp", "md-", url, 22, 0},
	{"secret.npm", "npm_", word, 36, 0}, {"secret.pypi", "pypi-", url, 60, 250}, {"secret.rubygems", "rubygems_", hexes, 48, 0}, {"secret.crates-io", "cio", word, 32, 0},
	{"secret.docker", "dckr_pat_", url, 27, 0}, {"secret.docker", "dckr_oat_", url, 27, 40}, {"secret.nuget", "oy2", word, 43, 0}, {"secret.clojars", "CLOJARS_", word, 60, 0}, {"secret.sonarqube", "squ_", hexes, 40, 0},
	{"secret.sonarqube", "sqp_", hexes, 40, 0}, {"secret.sonarqube", "sqa_", hexes, 40, 0}, {"secret.artifactory", "AKCp", word, 69, 0}, {"secret.artifactory", "cmVmdGtuO", word, 55, 0},
	{"secret.hugging-face", "hf_", word, 34, 40}, {"secret.hugging-face", "api_org_", word, 34, 40}, {"secret.replicate", "r8_", word, 37, 40}, {"secret.groq", "gsk_", word, 48, 60},
	{"secret.perplexity", "pplx-", word, 40, 64}, {"secret.xai", "xai-", word, 70, 90},
	{"secret.digitalocean", "dop_v1_", hexes, 64, 0}, {"secret.digitalocean", "doo_v1_", hexes, 64, 0}, {"secret.digitalocean", "dor_v1_", hexes, 64, 0},
	{"secret.databricks", "dapi", hexes, 32, 36}, {"secret.shopify", "shpat_", hexes, 32, 0}, {"secret.shopify", "shpss_", hexes, 32, 0}, {"secret.shopify", "shpca_", hexes, 32, 0}, {"secret.shopify", "shppa_", hexes, 32, 0},
	{"secret.square", "sq0atp-", url, 22, 0}, {"secret.square", "sq0csp-", url, 43, 0}, {"secret.square", "EAAA", url, 60, 64},
	{"secret.linear", "lin_api_", word, 40, 0}, {"secret.notion", "ntn_", word, 40, 60}, {"secret.notion", "secret_", word, 43, 0},
	{"secret.vault", "hvs.", url, 24, 200}, {"secret.vault", "hvb.", url, 100, 300}, {"secret.vault", "hvr.", url, 24, 200},
	{"secret.terraform", "atlasv1.", url, 60, 80}, {"secret.grafana", "glsa_", word, 41, 0}, {"secret.grafana", "glc_", base64, 32, 400},
	{"secret.new-relic", "NRAK-", upper, 27, 0}, {"secret.sentry", "sntrys_", wide, 40, 400}, {"secret.sentry", "sntryu_", hexes, 64, 0},
	{"secret.planetscale", "pscale_tkn_", dotted, 32, 64}, {"secret.planetscale", "pscale_pw_", dotted, 32, 64}, {"secret.planetscale", "pscale_oauth_", dotted, 32, 64},
	{"secret.supabase", "sbp_", hexes, 40, 0}, {"secret.supabase", "sb_secret_", url, 31, 0}, {"secret.doppler", "dp.pt.", word, 40, 44}, {"secret.doppler", "dp.st.", word, 40, 44}, {"secret.pulumi", "pul-", hexes, 40, 0},
	{"secret.heroku", "HRKU-", url, 36, 64}, {"secret.atlassian", "ATATT3", wide, 100, 260}, {"secret.atlassian", "ATCTT3", wide, 100, 260}, {"secret.atlassian", "ATBB", word, 32, 0}, {"secret.postman", "PMAK-", url, 59, 0},
	{"secret.dynatrace", "dt0c01.", dotted, 80, 100}, {"secret.airtable", "pat", dotted, 79, 0}, {"secret.age", "AGE-SECRET-KEY-1", upper, 58, 0},
	{"secret.tailscale", "tskey-", url, 20, 64}, {"secret.fly", "fo1_", url, 43, 0}, {"secret.fly", "fm2_", base64, 100, 1000}, {"secret.jwt", "eyJ", dotted, 40, maxSegment},
	{"secret.sourcegraph", "sgp_", word, 40, 60}, {"secret.figma", "figd_", url, 40, 50}, {"secret.contentful", "CFPAT-", url, 43, 0},
	{"secret.alibaba", "LTAI", word, 20, 0}, {"secret.brevo", "xkeysib-", url, 81, 0}, {"secret.netlify", "nfp_", word, 36, 0}, {"secret.1password", "ops_eyJ", base64, 100, 1000}, {"secret.mapbox", "sk.eyJ", dotted, 60, 120},
	{"secret.readme", "rdme_", word, 70, 0}, {"secret.prefect", "pnu_", word, 36, 0}, {"secret.adafruit", "aio_", word, 28, 0}, {"secret.easypost", "EZAK", word, 54, 0}, {"secret.openshift", "sha256~", url, 43, 0},
	{"secret.cloudflare", "v1.0-", url, 100, 200},
	{"secret.aws-bedrock", "ABSK", base64, 100, 300}, {"secret.facebook", "EAAC", word, 80, 300}, {"secret.facebook", "EAAM", word, 80, 300}, {"secret.flutterwave", "FLWSECK_TEST-", url, 34, 0}, {"secret.gitlab", "glffct-", url, 20, 64},
	{"secret.hubspot", "pat-na1-", url, 36, 0}, {"secret.hubspot", "pat-eu1-", url, 36, 0}, {"secret.shippo", "shippo_live_", hexes, 40, 0}, {"secret.typeform", "tfp_", dotted, 40, 64}, {"secret.easypost", "EZTK", word, 54, 0}, {"secret.doppler", "dp.ct.", word, 40, 44},
}

// tokens looks for secrets: those with a prefix where a word begins, and those that are assigned to a telling name.
func (f *finder) tokens() {
	s := f.seg
	var runs [classes]run // of each class, the one that was looked at last
	for i := range s {
		if !f.set.begins(s[i:]) {
			continue
		}
		within := i > 0 && (isAlnum(s[i-1]) || s[i-1] == '_' && joined(s, i) || s[i-1] == '-' && i > 1 && isAlnum(s[i-2]))
		for _, t := range f.set.starting(s[i:]) {
			if end := t.match(s, i, &runs[t.class]); end > 0 && (!within || t.telling()) && f.add(t.id, i, end) {
				break
			}
		}
	}
	f.assigned()
}

// telling reports whether a prefix tells a secret within a word too, so that a letter in front hides none. Names of files end in "key-" and a hash.
func (t *token) telling() bool {
	return len(t.prefix) >= minTelling && t.class != hexes && strings.ContainsAny(t.prefix, "_-")
}

// pair tells texts apart by their first two bytes: most secrets that begin with the same letter differ in the next.
func pair(a, b byte) uint8 { return a<<3 ^ b }

// starting returns the secrets that a text may begin with.
func (s *Set) starting(b []byte) []*token {
	if len(b) < 2 {
		return nil
	}
	return s.secrets[pair(b[0], b[1])]
}

// A run is a stretch of characters of one class.
type run struct{ from, end int }

// match returns where the secret that begins at i ends, or 0. last is the last run of the class: no byte of it is looked
// at twice.
func (t *token) match(s []byte, i int, last *run) int {
	if !bytes.HasPrefix(s[i:], []byte(t.prefix)) {
		return 0
	}
	from := i + len(t.prefix)
	end := from
	if last.from <= from { // else a longer prefix stands between, of other characters
		end = max(end, last.end)
	}
	for end < len(s) && t.class.has(s[end]) {
		end++
	}
	*last = run{from, end}
	for end > from && s[end-1] == '.' { // of a sentence
		end--
	}
	most := max(t.max, t.min)
	for end-from > most && s[end-1] == '_' { // emphasis
		end--
	}
	n := end - from
	if n < t.min || n > most || end < len(s) && isAlnum(s[end]) {
		return 0
	}
	body := s[from:end]
	if t.id == "secret.jwt" && !parted(body) {
		return 0
	}
	if t.class != upper && t.class != hexes && t.class != dotted && !random(body) {
		return 0 // "sk-this-is-a-very-long-name…"
	}
	return end
}

// parted reports whether there are two dots, or four in a token that is encrypted (RFC 7516), and looks no further than a fifth.
func parted(b []byte) bool {
	dots := 0
	for ; dots <= 4; dots++ {
		i := bytes.IndexByte(b, '.')
		if i < 0 {
			break
		}
		b = b[i+1:]
	}
	return dots == 2 || dots == 4
}

// mixed reports whether a text has digits and letters, as random ones of some length do.
func mixed(b []byte) bool {
	digits, letters := 0, 0
	for _, c := range b {
		if isDigit(c) {
			digits++
		} else if isLetter(c) {
			letters++
		}
	}
	return digits > 0 && letters > 0
}

// random reports whether a text has digits and letters, or many letters of both cases, as random ones without a digit do (Hugging Face's have none).
func random(b []byte) bool {
	digits, capitals, small := 0, 0, 0
	for _, c := range b {
		switch {
		case isDigit(c):
			digits++
		case isUpper(c):
			capitals++
		case isLetter(c):
			small++
		}
		if digits > 0 && capitals+small > 0 {
			return true
		}
	}
	return 4*capitals >= len(b) && 4*small >= len(b)
}

// names are what secrets are assigned to, in configurations and code.
var names = []string{
	"password", "passwd", "pwd", "secret", "token", "api_key", "apikey", "api-key",
	"api key", "access_key", "accesskey", "access key", "secret key", "secret_key_base", "signing_key", "encryption_key", "session_key", "master_key",
	"private_key", "auth_key", "accountkey", "credential", "passphrase", "passcode",
	"passwort", "kennwort", "contraseña", "senha", "mot de passe", "пароль", "密码", "密碼", "パスワード", "비밀번호",
}

const (
	minAssigned = 12  // bytes of a value
	maxAssigned = 256 // bytes
	minEntropy  = 3.3 // bits for each byte of a value: words have 2 to 3, random base64 of 20 bytes about 4
)

// assigned looks for a value of high entropy behind a name such as API_KEY and '=' or ':', in this segment or at the end of
// the text before it.
func (f *finder) assigned() {
	s := f.seg
	if len(s) < minAssigned || !f.set.on[assignedID] {
		return
	}
	from := 0
	named := len(f.before) > 0 && f.endsInName(len(f.before))
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '=' && s[i] != ':' && s[i] != '&' && s[i] != ' ' {
			continue
		}
		if i < len(s) && s[i] == '=' && i+1 < len(s) && s[i+1] == '=' || i == len(s)-1 && s[i] == '=' && named {
			continue // padding of base64
		}
		if named && i > from {
			if v := bytes.TrimRight(s[from:i], ").!?*"); secretValue(v) && (!calls(v) || f.quoted(from)) && !refers(v) {
				f.add(assignedID, from, from+len(v))
			}
		}
		named = i < len(s) && (s[i] == '=' || s[i] == ':') && f.endsInName(len(f.before)+i+1)
		from = i + 1
	}
}

// quotes may stand on both sides of what assigns a value, with the backslash of JSON within a string of JSON, emphasis of Markdown ("**Password:** `…`"), and ends of lines.
const quotes = " \t\r\n\"'`\\*_~"

// assigning has the bytes that stand between a value, what assigns it, and its name.
var assigning = func() (t struct{ quotes, closing [256]bool }) {
	for _, c := range []byte(quotes) {
		t.quotes[c], t.closing[c] = true, true
	}
	for _, c := range []byte(":])") {
		t.closing[c] = true
	}
	return t
}()

// endsInName reports whether a telling name and what assigns stand before position end of the text before the segment and the segment: '=', ':', '>', '|' or "is" with
// quotes, brackets and spaces; or a flag of a command alone.
func (f *finder) endsInName(end int) bool {
	i := f.trim(end, &assigning.quotes)
	if i < 4 {
		return false
	}
	spaced := i < end
	switch c := f.at(i - 1); {
	case c == '=' || c == ':' || c == '>' || c == '|' && i > 1 && f.at(i-2) != '|': // the last one of a table
		if i > 1 && c == '>' && (f.at(i-2) == '=' || f.at(i-2) == '-') { // an arrow
			i--
		}
		if i = f.trim(i-1, &assigning.closing); f.behind(i, " is") {
			i = f.trim(i-len(" is"), &assigning.quotes)
		}
	case !spaced:
		return false
	case f.behind(i, " is"):
		i = f.trim(i-len(" is"), &assigning.quotes)
	case f.at(i) == '\n' || f.at(i) == '\r': // most of prose
		return false
	case f.behind(i, " bearer") || f.behind(i, "authorization: basic") || f.behind(i, "authorization: token"): // RFC 6750, RFC 7617
		return true
	default:
		flag := i
		for flag > 0 && f.at(flag-1) > ' ' {
			flag--
		}
		if i < flag+2 || f.at(flag) != '-' || f.at(flag+1) != '-' {
			return false
		}
	}
	if i < 3 || !inName(f.at(i-2)) || !inName(f.at(i-3)) { // no name ends so
		return false
	}
	for _, n := range names {
		if f.behind(i, n) {
			return n != "token" || !f.behind(i, "publickeytoken") // of an assembly of .NET: everybody has it
		}
	}
	return false
}

// at returns byte i of the text before the segment and the segment, in lower case.
func (f *finder) at(i int) byte {
	var c byte
	if i < len(f.before) {
		c = f.before[i]
	} else {
		c = f.seg[i-len(f.before)]
	}
	if isUpper(c) {
		c |= 0x20
	}
	return c
}

// trim returns where the bytes of a set begin that stand before position i.
func (f *finder) trim(i int, set *[256]bool) int {
	for i > 0 && set[f.at(i-1)] {
		i--
	}
	return i
}

// behind reports whether a word stands before position i.
func (f *finder) behind(i int, word string) bool {
	for k := range len(word) {
		if i < len(word) || f.at(i-1-k) != word[len(word)-1-k] {
			return false
		}
	}
	return true
}

// quoted reports whether a quote stands in front of position i.
func (f *finder) quoted(i int) bool {
	if i > 0 {
		return quote(f.seg[i-1])
	}
	return len(f.before) > 0 && quote(f.before[len(f.before)-1])
}

// calls reports whether a value is the call of a function ("base64.StdEncoding.EncodeToString(b"): names have digits at the end of their parts alone.
func calls(v []byte) bool {
	before, _, ok := bytes.Cut(v, []byte("("))
	if !ok {
		return false
	}
	for part := range bytes.FieldsFuncSeq(before, func(r rune) bool { return r == '.' || r == '_' }) {
		if digits, ok := name(part); !ok || digits > 3 || digits == len(part) {
			return false
		}
	}
	return true
}

// name reports whether a text is letters with digits behind them, and how many.
func name(b []byte) (digits int, ok bool) {
	for i, c := range b {
		switch {
		case isDigit(c):
			digits++
		case !isLetter(c) || digits > 0 && i > 0:
			return digits, false
		}
	}
	return digits, true
}

// ofNames reports whether a text consists of names, and numbers of four digits at most, as those of years are.
func ofNames(b []byte) bool {
	for part := range bytes.FieldsFuncSeq(b, func(r rune) bool { return strings.ContainsRune("~/._-", r) }) {
		if digits, ok := name(part); !ok || digits > 4 {
			return false
		}
	}
	return true
}

// refers reports whether a value is no secret, and says where one is or what to put there: a path from a root ("/etc/ssl/private/server2.key"), a constant of a program
// ("process.env.API_TOKEN_V2"), "your-api-key-1234", or the two ends of one ("abcd12...wxyz89").
func refers(v []byte) bool {
	const shown = 8 // bytes of each end
	if before, behind, ok := bytes.Cut(v, []byte("...")); ok && len(before) <= shown && len(behind) <= shown {
		return true
	}
	path := bytes.TrimLeft(v, "~.")
	if len(path) > 0 && path[0] == '/' && bytes.Count(path, []byte("/")) > 1 || len(v) > 5 && bytes.EqualFold(v[:4], []byte("your")) && (v[4] == '-' || v[4] == '_') {
		return ofNames(v)
	}
	dot := bytes.LastIndexByte(v, '.')
	if dot <= 0 || bytes.IndexByte(v[dot:], '_') < 0 {
		return false
	}
	for i, c := range v {
		if i < dot && !isLetter(c) && c != '.' || i > dot && !isUpper(c) && !isDigit(c) && c != '_' {
			return false
		}
	}
	return true
}

func inName(c byte) bool { return isLetter(c) || c >= 0x80 }

// secretValue reports whether a value looks random.
func secretValue(v []byte) bool {
	if len(v) < minAssigned || len(v) > maxAssigned || !mixed(v) {
		return false
	}
	return entropy.Bits(v) >= minEntropy
}
