package sensitive

import "bytes"

// special lists the kinds that have no fixed shape.
var special = []string{
	"pii.email", "pii.phone", "pii.iban", "pii.ipv4", "pii.ipv6", "pii.mac", "pii.crypto-btc", "pii.crypto-eth", "pii.fi-hetu", plateID, postcodeID, registerID,
	"secret.url-password", assignedID, botID, pemID,
}

const (
	pemID = "secret.private-key"
	botID = "secret.telegram"
)

// bots looks for the tokens of Telegram's bots: a number, ":AA" and 33 characters.
func (f *finder) bots() {
	s := f.seg
	for i := range s {
		if s[i] != ':' || !bytes.HasPrefix(s[i:], []byte(":AA")) {
			continue
		}
		from, to := i, i+3
		for from > 0 && i-from <= 10 && isDigit(s[from-1]) {
			from--
		}
		for to < len(s) && to-i <= 36 && url.has(s[to]) {
			to++
		}
		if n := i - from; n >= 8 && n <= 10 && to-i == 36 && (from == 0 || !isAlnum(s[from-1])) {
			f.add(botID, from, to)
		}
	}
}

// addresses looks for mail addresses, and passwords in URLs.
func (f *finder) addresses() {
	s := f.seg
	scheme := -1 // where the last "://" ends
	for i, c := range s {
		if c == '/' && i >= 2 && s[i-1] == '/' && s[i-2] == ':' {
			scheme = i + 1
		}
		if scheme >= 0 && (c == '?' || c == '#' || c == '/' && i >= scheme) {
			scheme = -1
		}
		if c != '@' {
			continue
		}
		from := i
		for from > max(0, i-65) && (isAlnum(s[from-1]) || bytes.IndexByte([]byte("._%+-~"), s[from-1]) >= 0) {
			from--
		}
		for s[from] == '.' { // of a sentence
			from++
		}
		if scheme >= 0 {
			if again := bytes.IndexAny(s[i+1:], "@/?# "); again >= 0 && s[i+1+again] == '@' { // the host stands behind the last one
				continue
			}
			if k := bytes.IndexByte(s[scheme:i], ':'); k >= 0 && scheme+k+1 < i && !placeholder(s[scheme+k+1:i]) {
				f.add("secret.url-password", scheme+k+1, i)
			}
			scheme = -1
			continue
		}
		to, dots := i+1, 0
		for to < len(s) && (isAlnum(s[to]) || s[to] == '-' || s[to] == '.' && to+1 < len(s) && isAlnum(s[to+1])) {
			if s[to] == '.' {
				dots++
			}
			to++
		}
		tld := i + bytes.LastIndexByte(s[i:to], '.')
		if from == i || dots == 0 || s[i+1] == '.' || !topDomain(s[tld+1:to]) || i-from > 64 || string(s[from:i]) == "git" { // the user of every repository
			continue
		}
		f.add("pii.email", from, to)
	}
}

// topDomain reports whether a name may be a domain at the top: letters, or what other scripts become (RFC 3490). Names of units of systemd are none.
func topDomain(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	for _, c := range b {
		if !isLetter(c) {
			return bytes.HasPrefix(bytes.ToLower(b), []byte("xn--"))
		}
	}
	switch string(b) {
	case "service", "socket", "timer", "mount", "slice":
		return false
	}
	return true
}

// placeholder reports whether a password is none: a word for one, a variable, or one character over and over.
func placeholder(b []byte) bool {
	switch string(bytes.ToLower(b)) {
	case "password", "passwd", "pass", "pwd", "pw", "secret", "token", "your-password", "your_password":
		return true
	}
	return b[0] == '$' || b[0] == '%' && !(len(b) > 2 && isHex(b[1:3])) || len(b) > 2 && repeated(b)
}

// iban lengths by country (SWIFT registry, 2025); the check alone would hold for one number in 97.
var ibans = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BI": 27, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28,
	"CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18,
	"GR": 27, "GT": 28, "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32,
	"LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15,
	"OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23,
	"ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}

// iban looks for an international bank account number in any case, compact or in groups of four.
func (f *finder) iban(i int) {
	s := f.seg
	if i+15 > len(s) || !isLetter(s[i]) || !isLetter(s[i+1]) || !isDigit(s[i+2]) || !isDigit(s[i+3]) {
		return
	}
	want := ibans[string([]byte{s[i] &^ 0x20, s[i+1] &^ 0x20})]
	var c [34]byte
	n, j := 0, i
	for ; j < len(s) && n < want; j++ {
		if isDigit(s[j]) {
			c[n] = s[j]
			n++
		} else if isLetter(s[j]) {
			c[n] = s[j] &^ 0x20
			n++
		} else if s[j] != ' ' && s[j] != '-' || n%4 != 0 || s[j] != s[i+4] {
			return
		}
	}
	if want == 0 || n < want || !f.ends(j) {
		return
	}
	if mod97(append(append(make([]byte, 0, 34), c[4:n]...), c[:4]...)) == 1 {
		f.add("pii.iban", i, j)
	}
}
