package sensitive

// Check digits. Each function gets the compact form of an identifier, of the length and shape that its rule states.

func digit(c byte) int { return int(c - '0') }

// luhn is ISO/IEC 7812-1, annex B.
func luhn(c []byte) bool {
	sum := 0
	for i := range c {
		d := digit(c[len(c)-1-i])
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// weighted sums digits times weights; c may be longer.
func weighted(c []byte, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += w * digit(c[i])
	}
	return sum
}

// mod97 is the remainder of a number in which letters count 10 to 35 (ISO 7064, MOD 97-10).
func mod97(c []byte) int {
	r := 0
	for _, b := range c {
		if b >= 'A' {
			r = (r*100 + int(b-'A') + 10) % 97
		} else {
			r = (r*10 + digit(b)) % 97
		}
	}
	return r
}

// number reads decimal digits, of which there are at most 18.
func number(c []byte) int64 {
	n := int64(0)
	for _, b := range c {
		n = n*10 + int64(digit(b))
	}
	return n
}

// verhoeff is the dihedral check of Verhoeff, 1969.
func verhoeff(c []byte) bool {
	d := [10][10]uint8{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5}, {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
		{4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1}, {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
		{8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
	}
	p := [8][10]uint8{
		{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}, {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
		{9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1}, {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8},
	}
	x := uint8(0)
	for i := range c {
		x = d[x][p[i%8][digit(c[len(c)-1-i])]]
	}
	return x == 0
}

// mod1110 is ISO 7064, MOD 11,10, as in the German tax number and the Croatian OIB.
func mod1110(c []byte) bool {
	p := 10
	for _, b := range c[:len(c)-1] {
		if p = (p + digit(b)) % 10; p == 0 {
			p = 10
		}
		p = p * 2 % 11
	}
	return (11-p)%10 == digit(c[len(c)-1])
}

// date reports whether the digits can be day, month and two digits of a year, in this order of positions.
func date(c []byte, day, month int) bool {
	d, m := number(c[day:day+2]), number(c[month:month+2])
	return d >= 1 && d <= 31 && m >= 1 && m <= 12
}

// repeated reports whether all digits are the same: many checks hold for such numbers, and nobody has them.
func repeated(c []byte) bool {
	for _, b := range c {
		if b != c[0] {
			return false
		}
	}
	return true
}

// cpf is Brazil's check of natural persons, cnpj that of companies.
func cpf(c []byte) bool {
	a := weighted(c, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	b := weighted(c, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2) * 10 % 11 % 10
	return !repeated(c) && a == digit(c[9]) && b == digit(c[10])
}

func cnpj(c []byte) bool {
	a := 11 - weighted(c, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)%11
	b := 11 - weighted(c, 6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)%11
	return !repeated(c) && a%11%10 == digit(c[12]) && b%11%10 == digit(c[13])
}

// ssn follows the rules of the Social Security Administration for numbers that were never given out.
func ssn(c []byte) bool {
	area, group, serial := number(c[:3]), number(c[3:5]), number(c[5:])
	return area != 0 && area != 666 && area < 900 && group != 0 && serial != 0 && string(c) != "078051120" && string(c) != "219099999"
}

func itin(c []byte) bool {
	g := number(c[3:5])
	return c[0] == '9' && (g >= 50 && g <= 65 || g >= 70 && g <= 88 || g >= 90 && g <= 92 || g >= 94)
}

// npi is a card number behind the prefix 80840 (45 CFR 162.406).
func npi(c []byte) bool {
	return (c[0] == '1' || c[0] == '2') && luhn(append([]byte("80840"), c...))
}

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

func dea(c []byte) bool {
	d := c[2:]
	return (weighted(d, 1, 0, 1, 0, 1)+2*weighted(d, 0, 1, 0, 1, 0, 1))%10 == digit(d[6])
}

func card(c []byte) bool {
	if !luhn(c) || repeated(c) {
		return false
	}
	two, four := number(c[:2]), number(c[:4])
	switch len(c) {
	case 13:
		return c[0] == '4'
	case 14:
		return two == 36 || two == 38 || two == 39 || four >= 3000 && four <= 3059 // Diners
	case 15:
		return two == 34 || two == 37 // American Express
	case 16:
		return c[0] == '4' || two >= 51 && two <= 55 || four >= 2221 && four <= 2720 || four == 6011 || two == 65 || four >= 6440 && four <= 6499 ||
			four >= 3528 && four <= 3589 || two == 62 || two == 60 || two == 81 || four >= 2200 && four <= 2204
	case 19:
		return c[0] == '4' || two == 62 || two == 63 || two == 67
	}
	return false
}

// vin is ISO 3779 with the check digit of 49 CFR 565.
func vin(c []byte) bool {
	weights := [17]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}
	values := "0123456789.ABCDEFGH..JKLMN.P.R..STUVWXYZ" // index modulo 10 is the value
	sum, letters := 0, 0
	for i, b := range c {
		v := -1
		for k := range len(values) {
			if values[k] == b {
				v = k % 10
			}
		}
		if v < 0 || b == 'I' || b == 'O' || b == 'Q' {
			return false
		}
		if b >= 'A' {
			letters++
		}
		sum += v * weights[i]
	}
	want := byte('0' + sum%11)
	if sum%11 == 10 {
		want = 'X'
	}
	return letters > 0 && c[8] == want
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

// icao is the check digit of machine-readable documents (ICAO 9303, weights 7-3-1).
func icao(c []byte) bool {
	w := [3]int{7, 3, 1}
	sum := 0
	for i, b := range c[:len(c)-1] {
		v := int(b - '0')
		if b >= 'A' {
			v = int(b-'A') + 10
		}
		sum += v * w[i%3]
	}
	return sum%10 == digit(c[len(c)-1])
}

func nrTail(c []byte, letters string, mod int64) bool {
	return letters[number(c[:len(c)-1])%mod] == c[len(c)-1]
}

// china is GB 11643-1999.
func china(c []byte) bool {
	sum := weighted(c, 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
	year := number(c[6:10])
	return date(c, 12, 10) && year >= 1900 && year < 2100 && "10X98765432"[sum%11] == c[17]
}

func norway(c []byte) bool {
	k1 := (11 - weighted(c, 3, 7, 6, 1, 8, 9, 4, 5, 2)%11) % 11
	k2 := (11 - weighted(c, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11
	return date(c, 0, 2) && k1 == digit(c[9]) && k2 == digit(c[10])
}

func estonia(c []byte) bool {
	k := weighted(c, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1) % 11
	if k == 10 {
		k = weighted(c, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3) % 11 % 10
	}
	return c[0] >= '1' && c[0] <= '8' && date(c, 5, 3) && k == digit(c[10])
}

func turkey(c []byte) bool {
	odd, even := weighted(c, 1, 0, 1, 0, 1, 0, 1, 0, 1), weighted(c, 0, 1, 0, 1, 0, 1, 0, 1)
	ten := ((7*odd-even)%10 + 10) % 10
	return c[0] != '0' && ten == digit(c[9]) && (odd+even+digit(c[9]))%10 == digit(c[10])
}

func abn(c []byte) bool {
	return c[0] != '0' && (weighted(c, 10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)-10)%89 == 0
}

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

func belgium(c []byte) bool {
	base, check := number(c[:9]), number(c[9:])
	return !repeated(c) && number(c[2:4])%20 <= 12 && (97-base%97 == check || 97-(2_000_000_000+base)%97 == check)
}

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

func hongKong(c []byte) bool {
	sum := 36*9 + (int(c[0]-'A')+10)*8 + weighted(c[1:], 7, 6, 5, 4, 3, 2)
	k := (11 - sum%11) % 11
	return k == 10 && c[7] == 'A' || k < 10 && c[7] == byte('0'+k)
}

func taiwan(c []byte) bool {
	codes := [26]int{10, 11, 12, 13, 14, 15, 16, 17, 34, 18, 19, 20, 21, 22, 35, 23, 24, 25, 26, 27, 28, 29, 32, 30, 31, 33}
	code := codes[c[0]-'A']
	return (c[1] == '1' || c[1] == '2' || c[1] == '8' || c[1] == '9') && (code/10+9*(code%10)+weighted(c[1:], 8, 7, 6, 5, 4, 3, 2, 1, 1))%10 == 0
}

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
