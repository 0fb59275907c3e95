package sensitive

import (
	"bytes"
	"net/netip"
)

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
	if a, err := netip.ParseAddr(string(s[i:j])); err == nil && ofHost(a) && !f.ofVersion(i) && !ofNetwork(a, s[j:]) && !(numbering(a.As4()) && !f.near(addressed, i)) {
		f.add("pii.ipv4", i, j)
	}
}

// ofHost reports whether an address can be that of somebody's host: it is public, and no mask.
func ofHost(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && (a.Is4() && a.As4()[0] < 240 || a.Is6() && a.As16()[0]>>5 == 1) // IPv6 gives out 2000::/3 alone (RFC 4291, section 2.4)
}

// ofNetwork reports whether what stands behind an address makes it that of a network ("13.32.0.0/15").
func ofNetwork(a netip.Addr, behind []byte) bool {
	n := 1
	for n < len(behind) && n < 4 && isDigit(behind[n]) {
		n++
	}
	if len(behind) == 0 || behind[0] != '/' || n == 1 {
		return false
	}
	p, err := a.Prefix(int(number(behind[1:n])))
	return err == nil && p.Bits() < a.BitLen() && p.Addr() == a
}

// numbering reports whether four numbers are as small as those of sections, versions and object identifiers. Of the addresses of the internet one in a thousand is so.
func numbering(a [4]byte) bool { return a[0] < 32 && a[1] < 32 && a[2] < 32 && a[3] < 100 }

// addressed are words behind which such numbers are an address.
var addressed = []string{"ip", "ipv4", "address", "addr", "host", "server", "client", "proxy", "dns", "gateway", "remote", "ping", "from", "login", "visitor"}

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
	if j-i == 18 && s[j-1] == ':' && (dashes == 0 || dashes == 5) { // of a line of a log
		colons--
		j--
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
		if bytes.Count(bytes.ToLower(s[i:j]), bytes.ToLower(s[i:i+1])) < 12 { // else it is nobody's, or everybody's
			f.add("pii.mac", i, j)
		}
		return
	}
	for j > i && s[j-1] == ':' && (j < i+2 || s[j-2] != ':') { // the colon of a sentence
		j--
	}
	if dashes > 0 || bytes.Count(s[i:j], []byte(":")) < 3 {
		return
	}
	if a, err := netip.ParseAddr(string(s[i:j])); err == nil && a.Is6() && ofHost(a) && !ofNetwork(a, s[j:]) {
		f.add("pii.ipv6", i, j)
	}
}
