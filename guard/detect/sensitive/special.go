package sensitive

import (
	"bytes"
	"crypto/sha256"
	"net/netip"
)

// special lists the kinds that have no fixed shape.
var special = []string{
	"pii.email", "pii.phone", "pii.iban", "pii.ipv4", "pii.ipv6", "pii.mac", "pii.crypto-btc", "pii.crypto-eth", "pii.fi-hetu",
	"secret.url-password", "secret.assigned", botID, pemID,
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
		if scheme >= 0 {
			if k := bytes.IndexByte(s[scheme:i], ':'); k >= 0 && scheme+k+1 < i {
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
		if from == i || s[from] == '.' || dots == 0 || to-tld-1 < 2 || !isLetter(s[tld+1]) || i-from > 64 {
			continue
		}
		f.add("pii.email", from, to)
	}
}

// international looks for a telephone number in the form of E.164 with its plus sign.
func (f *finder) international(i int) {
	s := f.seg
	n, end := 0, i
	for j := i + 1; j < len(s) && n <= 15; j++ {
		switch c := s[j]; {
		case isDigit(c):
			n++
			end = j + 1
			continue
		case (c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/') && n > 0:
			continue
		}
		break
	}
	if n >= 8 && n <= 15 && s[i+1] != '0' && f.ends(end) {
		f.add("pii.phone", i, end)
	}
}

// called are words that a telephone number stands behind.
var called = []string{"phone", "phone number", "phone no", "telefon", "tel", "mobile", "mobil", "cell", "call", "fax", "whatsapp", "handy", "téléphone", "teléfono", "telefone", "celular", "móvil", "numéro", "電話", "电话", "手机", "携帯", "전화", "тел", "телефон", "هاتف", "โทร"}

// shortCall is how far before a number of seven or eight digits such a word counts, in bytes, with no letters between.
const shortCall = 16

// national looks for a telephone number as it is written within a country, behind a word that says so: seven to twelve digits in groups, or behind a zero.
func (f *finder) national(i int) {
	s := f.seg
	n, end, groups, dots := 0, i, 0, 0
	for j := i; j < min(len(s), i+maxForm) && n <= 12; j++ {
		switch c := s[j]; {
		case isDigit(c):
			if end != j || n == 0 {
				groups++
			}
			n++
			end = j + 1
			continue
		case c == ' ' || c == '-' || c == '/' || c == ')' || c == '(':
			continue
		case c == '.' && j+1 < len(s) && isDigit(s[j+1]):
			dots++
			continue
		}
		break
	}
	if n < 7 || n > 12 || s[i] != '0' && s[i] != '(' && groups == 1 || !f.ends(end) {
		return
	}
	if dots == 3 || dots == 1 && groups == 2 || groups > 1 && (bytes.HasPrefix(s[i:], []byte("19")) || bytes.HasPrefix(s[i:], []byte("20"))) && i+4 < len(s) && !isDigit(s[i+4]) { // an address, a decimal number, a date
		return
	}
	if n >= 9 && f.near(called, i) || f.beside(called, i) {
		f.add("pii.phone", i, end)
	}
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

// dotted looks for the Finnish personal identity code, whose sign tells the century, and for IPv4 addresses.
func (f *finder) dotted(i int) {
	s := f.seg
	if i+11 <= len(s) && f.ends(i+11) && bytes.IndexByte([]byte("+-ABCDEFUVWXY"), s[i+6]) >= 0 {
		c := append(append(make([]byte, 0, 9), s[i:i+6]...), s[i+7:i+10]...)
		if fits(c, "999999999") && date(c, 0, 2) && "0123456789ABCDEFHJKLMNPRSTUVWXY"[number(c)%31] == s[i+10] {
			f.add("pii.fi-hetu", i, i+11)
		}
	}
	j, dots := i, 0
	for j < len(s) && j < i+15 && (isDigit(s[j]) || s[j] == '.' && j+1 < len(s) && isDigit(s[j+1])) {
		if s[j] == '.' {
			dots++
		}
		j++
	}
	if dots != 3 || !(j >= len(s) || f.ends(j) || s[j] == ':' || s[j] == '/') {
		return
	}
	if a, err := netip.ParseAddr(string(s[i:j])); err == nil && !a.IsLoopback() && !a.IsUnspecified() && !a.IsPrivate() && !f.ofVersion(i) {
		f.add("pii.ipv4", i, j)
	}
}

// ofVersion reports whether the word in front of position i says that a version stands there: those have four numbers too.
func (f *finder) ofVersion(i int) bool {
	t := bytes.TrimRight(f.text()[:len(f.before)+i], " :=\"'")
	from := len(t)
	for from > 0 && isLetter(t[from-1]) {
		from--
	}
	switch string(t[from:]) {
	case "version", "versions", "ver", "v", "release", "build", "firmware", "driver":
		return true
	}
	return false
}

// network looks for IPv6 and MAC addresses.
func (f *finder) network(i int) {
	s := f.seg
	hex := func(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
	if !hex(s[i]) {
		return
	}
	j, colons, dashes := i, 0, 0
	for j < len(s) && j < i+39 && (hex(s[j]) || s[j] == ':' || s[j] == '-') {
		switch s[j] {
		case ':':
			colons++
		case '-':
			dashes++
		}
		j++
	}
	if colons+dashes < 2 || j < len(s) && isAlnum(s[j]) {
		return
	}
	if j-i == 17 && (colons == 5 && dashes == 0 || dashes == 5 && colons == 0) {
		for k := i; k < j; k++ {
			if (k-i)%3 == 2 == hex(s[k]) {
				return
			}
		}
		f.add("pii.mac", i, j)
		return
	}
	for j > i && s[j-1] == ':' && (j < i+2 || s[j-2] != ':') { // the colon of a sentence
		j--
	}
	if dashes > 0 || bytes.Count(s[i:j], []byte(":")) < 3 {
		return
	}
	if a, err := netip.ParseAddr(string(s[i:j])); err == nil && a.Is6() && !a.IsLoopback() && !a.IsPrivate() && !a.IsLinkLocalUnicast() {
		f.add("pii.ipv6", i, j)
	}
}

// coins looks for addresses of Bitcoin (base58check and bech32) and Ethereum.
func (f *finder) coins(i int) {
	s := f.seg
	j := i
	for j < len(s) && isAlnum(s[j]) {
		j++
	}
	w := s[i:j]
	if !f.ends(j) && s[j] != '?' { // "bitcoin:…?amount=1" (BIP 21)
		return
	}
	switch {
	case len(w) == 42 && (string(w[:2]) == "0x" || string(w[:2]) == "0X") && isHex(w[2:]):
		f.add("pii.crypto-eth", i, j)
	case len(w) >= 26 && len(w) <= 35 && (w[0] == '1' || w[0] == '3') && base58check(w):
		f.add("pii.crypto-btc", i, j)
	case len(w) >= 42 && len(w) <= 62 && bytes.EqualFold(w[:3], []byte("bc1")) && bech32(bytes.ToLower(w)):
		f.add("pii.crypto-btc", i, j)
	}
}

func isHex(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// base58check decodes 25 bytes, the last four of which are a hash of the others.
func base58check(w []byte) bool {
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	var out [25]byte
	for _, c := range w {
		v := bytes.IndexByte([]byte(alphabet), c)
		if v < 0 {
			return false
		}
		for k := len(out) - 1; k >= 0; k-- {
			v += 58 * int(out[k])
			out[k] = byte(v)
			v >>= 8
		}
		if v != 0 {
			return false
		}
	}
	a := sha256.Sum256(out[:21])
	b := sha256.Sum256(a[:])
	return bytes.Equal(b[:4], out[21:])
}

// bech32 is BIP 173, and its variant of BIP 350.
func bech32(w []byte) bool {
	const charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	poly := uint32(1)
	step := func(v uint32) {
		top := poly >> 25
		poly = poly&0x1ffffff<<5 ^ v
		for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				poly ^= g
			}
		}
	}
	for _, v := range [...]uint32{3, 3, 0, 'b' & 31, 'c' & 31} { // the prefix, expanded
		step(v)
	}
	for _, c := range w[3:] {
		v := bytes.IndexByte([]byte(charset), c)
		if v < 0 {
			return false
		}
		step(uint32(v))
	}
	return poly == 1 || poly == 0x2bc830a3
}
