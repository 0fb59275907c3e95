package sensitive

import "bytes"

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
	if n < 8 || i > 0 && s[i-1] == '+' || s[i+1] == '1' && n != 11 { // "C++14"; North America has ten digits behind its code
		return
	}
	if n <= 15 && s[i+1] != '0' && f.ends(end) {
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
