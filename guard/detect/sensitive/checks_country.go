package sensitive

import "bytes"

// Identifiers that one country gives out, from west to east. As in checks.go, each function gets the compact form.

// ssn follows the rules of the Social Security Administration for numbers that were never given out.
func ssn(c []byte) bool {
	area, group, serial := number(c[:3]), number(c[3:5]), number(c[5:])
	return area != 0 && area != 666 && area < 900 && group != 0 && serial != 0 && string(c) != "078051120" && string(c) != "219099999"
}

// itin is the taxpayer number of the United States for people without a social security number: its ranges of the fourth and fifth digit (IRS).
func itin(c []byte) bool {
	g := number(c[3:5])
	return c[0] == '9' && (g >= 50 && g <= 65 || g >= 70 && g <= 88 || g >= 90 && g <= 92 || g >= 94)
}

// npi is a card number behind the prefix 80840 (45 CFR 162.406).
func npi(c []byte) bool {
	return (c[0] == '1' || c[0] == '2') && luhn(append([]byte("80840"), c...))
}

// aba is the routing number of banks in the United States: prefixes that are given out, and weights 3-7-1.
func aba(c []byte) bool {
	p := number(c[:2])
	return (p <= 12 || p >= 21 && p <= 32 || p >= 61 && p <= 72 || p == 80) && number(c) != 0 && weighted(c, 3, 7, 1, 3, 7, 1, 3, 7, 1)%10 == 0
}

// mbi is the Medicare beneficiary identifier: letters but S, L, O, I, B and Z (CMS, 2018).
func mbi(c []byte) bool {
	for _, i := range [...]int{1, 4, 7, 8} {
		switch c[i] {
		case 'S', 'L', 'O', 'I', 'B', 'Z':
			return false
		}
	}
	return c[0] != '0'
}

// dea is the registration number of the United States Drug Enforcement Administration: two letters, then digits of which the last checks.
func dea(c []byte) bool {
	d := c[2:]
	return (weighted(d, 1, 0, 1, 0, 1)+2*weighted(d, 0, 1, 0, 1, 0, 1))%10 == digit(d[6])
}

// cpf is the number of people in Brazil: two check digits modulo 11.
func cpf(c []byte) bool {
	a := weighted(c, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	b := weighted(c, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	return !repeated(c) && a == digit(c[9]) && b == digit(c[10])
}

// cnpj is the number of companies in Brazil: two check digits modulo 11.
func cnpj(c []byte) bool {
	a := 11 - weighted(c, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)%11
	b := 11 - weighted(c, 6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)%11
	return !repeated(c) && a%11%10 == digit(c[12]) && b%11%10 == digit(c[13])
}

// curp is the number of people in Mexico, with the date of birth and the sex in it.
func curp(c []byte) bool {
	const values = "0123456789ABCDEFGHIJKLMN.OPQRSTUVWXYZ" // Ñ stands between N and O
	sum := 0
	for i, b := range c[:17] {
		for v := range len(values) {
			if values[v] == b {
				sum += v * (18 - i)
			}
		}
	}
	return date(c, 8, 6) && (c[10] == 'H' || c[10] == 'M' || c[10] == 'X') && (10-sum%10)%10 == digit(c[17])
}

// rut is the number of people and companies in Chile: a check character modulo 11, K for ten.
func rut(c []byte) bool {
	n := len(c) - 1
	sum, w := 0, 2
	for i := n - 1; i >= 0; i-- {
		sum += w * digit(c[i])
		if w++; w > 7 {
			w = 2
		}
	}
	return "0K987654321"[sum%11] == c[n]
}

// cif is the number of companies in Spain: a letter, seven digits, and the digit of [luhn] for them or a letter in its place.
func cif(c []byte) bool {
	for _, k := range []byte("0123456789") {
		if luhn(append(append(make([]byte, 0, 8), c[1:8]...), k)) {
			return bytes.IndexByte([]byte("ABCDEFGHJNPQRSUVW"), c[0]) >= 0 && (c[8] == k || c[8] == "JABCDEFGHI"[digit(k)])
		}
	}
	return false
}

// codiceFiscale is the check letter of the Italian decree of 23 December 1976.
func codiceFiscale(c []byte) bool {
	odd := [36]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i, b := range c[:15] {
		v := int(b - '0')
		if b >= 'A' {
			v = int(b-'A') + 10
		}
		if i%2 == 0 {
			sum += odd[v]
		} else if v >= 10 {
			sum += v - 10
		} else {
			sum += v
		}
	}
	return byte('A'+sum%26) == c[15]
}

// nrTail is the check letter of numbers such as the Spanish DNI: letters at the number modulo mod.
func nrTail(c []byte, letters string, mod int64) bool {
	return letters[number(c[:len(c)-1])%mod] == c[len(c)-1]
}

// norway is the fødselsnummer: date of birth, and two check digits modulo 11.
func norway(c []byte) bool {
	k1 := (11 - weighted(c, 3, 7, 6, 1, 8, 9, 4, 5, 2)%11) % 11
	k2 := (11 - weighted(c, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11
	return date(c, 0, 2) && k1 == digit(c[9]) && k2 == digit(c[10])
}

// estonia is the isikukood, which Lithuania has too: date of birth, and a check digit with a second row of weights where the first gives ten.
func estonia(c []byte) bool {
	k := weighted(c, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1) % 11
	if k == 10 {
		k = weighted(c, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3) % 11 % 10
	}
	return c[0] >= '1' && c[0] <= '8' && date(c, 5, 3) && k == digit(c[10])
}

// turkey is the T.C. kimlik numarası: two check digits.
func turkey(c []byte) bool {
	odd, even := weighted(c, 1, 0, 1, 0, 1, 0, 1, 0, 1), weighted(c, 0, 1, 0, 1, 0, 1, 0, 1)
	ten := ((7*odd-even)%10 + 10) % 10
	return c[0] != '0' && ten == digit(c[9]) && (odd+even+digit(c[9]))%10 == digit(c[10])
}

// belgium is the rijksregisternummer: 97 less the rest, with a 2 in front for those born from 2000 on.
func belgium(c []byte) bool {
	base, check := number(c[:9]), number(c[9:])
	return number(c[2:4])%20 <= 12 && (97-base%97 == check || 97-(2_000_000_000+base)%97 == check)
}

// china is GB 11643-1999.
func china(c []byte) bool {
	sum := weighted(c, 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
	year := number(c[6:10])
	return date(c, 12, 10) && year >= 1900 && year < 2100 && "10X98765432"[sum%11] == c[17]
}

// singapore is the NRIC or FIN: the first letter says which letters check.
func singapore(c []byte) bool {
	sum := weighted(c[1:], 2, 7, 6, 5, 4, 3, 2)
	switch c[0] {
	case 'S':
		return "JZIHGFEDCBA"[sum%11] == c[8]
	case 'T':
		return "JZIHGFEDCBA"[(sum+4)%11] == c[8]
	case 'F':
		return "XWUTRQPNMLK"[sum%11] == c[8]
	case 'G':
		return "XWUTRQPNMLK"[(sum+4)%11] == c[8]
	case 'M':
		return "XWUTRQPNJLK"[(sum+3)%11] == c[8]
	}
	return false
}

// hongKong is the HKID of one letter: weights 9 to 2 with a space in front, and A for ten.
func hongKong(c []byte) bool {
	sum := 36*9 + (int(c[0]-'A')+10)*8 + weighted(c[1:], 7, 6, 5, 4, 3, 2)
	k := (11 - sum%11) % 11
	return k == 10 && c[7] == 'A' || k < 10 && c[7] == byte('0'+k)
}

// taiwan is the national identification card number: the letter stands for two digits.
func taiwan(c []byte) bool {
	codes := [26]int{10, 11, 12, 13, 14, 15, 16, 17, 34, 18, 19, 20, 21, 22, 35, 23, 24, 25, 26, 27, 28, 29, 32, 30, 31, 33}
	code := codes[c[0]-'A']
	return (c[1] == '1' || c[1] == '2' || c[1] == '8' || c[1] == '9') && (code/10+9*(code%10)+weighted(c[1:], 8, 7, 6, 5, 4, 3, 2, 1, 1))%10 == 0
}

// gstin is the number of Indian taxpayers for goods and services: base 36, weights 1-2.
func gstin(c []byte) bool {
	const values = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	value := func(b byte) int {
		if b >= 'A' {
			return int(b-'A') + 10
		}
		return digit(b)
	}
	sum := 0
	for i, b := range c[:14] {
		p := value(b) * (1 + i%2)
		sum += p/36 + p%36
	}
	return c[13] == 'Z' && values[(36-sum%36)%36] == c[14]
}

// abn is the Australian business number: one less in the first digit, modulo 89.
func abn(c []byte) bool {
	return c[0] != '0' && (weighted(c, 10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)-10)%89 == 0
}
