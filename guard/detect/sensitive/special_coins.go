package sensitive

import (
	"bytes"
	"crypto/sha256"
)

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
		if kinds(w[2:]) >= 8 { // else a constant
			f.add("pii.crypto-eth", i, j)
		}
	case len(w) >= 26 && len(w) <= 35 && (w[0] == '1' || w[0] == '3') && base58check(w):
		f.add("pii.crypto-btc", i, j)
	case len(w) >= 42 && len(w) <= 62 && bytes.EqualFold(w[:3], []byte("bc1")) && bech32(bytes.ToLower(w)):
		f.add("pii.crypto-btc", i, j)
	}
}

// kinds counts different characters of ASCII.
func kinds(b []byte) int {
	var seen [0x80]bool
	n := 0
	for _, c := range b {
		if c < 0x80 && !seen[c] {
			seen[c] = true
			n++
		}
	}
	return n
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
