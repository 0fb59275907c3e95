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

// card is the number of a payment card: lengths and prefixes that its scheme gives out, and the digit of [luhn].
func card(c []byte) bool {
	if !luhn(c) {
		return false
	}
	two, four := number(c[:2]), number(c[:4])
	switch len(c) {
	case 13:
		return c[0] == '4'
	case 14:
		return two == 36 || two == 38 || two == 39 || four >= 3000 && four <= 3059 || four == 3095 // Diners
	case 15:
		return two == 34 || two == 37 || four == 1800 || four == 2131 // American Express, JCB
	case 16:
		return c[0] >= '4' && c[0] <= '6' || four >= 2221 && four <= 2720 || four >= 2200 && four <= 2204 || four >= 3528 && four <= 3589 || two == 81 || two == 82 || four == 9792
	case 19:
		return c[0] == '4' || two == 50 || two >= 56 && two <= 58 || two == 62 || two == 63 || two == 67
	}
	return false
}

// bic is ISO 9362: the fifth and sixth letters are a country (ISO 3166-1, and Kosovo).
func bic(c []byte) bool {
	const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW "
	for i := 0; i < len(countries); i += 3 {
		if countries[i] == c[4] && countries[i+1] == c[5] {
			return true
		}
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
		if v < 0 { // I, O and Q
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

// corsica has letters for its departments, which count as 19 and 18 in the French check.
func corsica(c []byte) bool {
	d := append([]byte(nil), c...)
	switch c[6] {
	case 'A':
		d[5], d[6] = '1', '9'
	case 'B':
		d[5], d[6] = '1', '8'
	default:
		return false
	}
	return nir(d)
}

func nir(c []byte) bool {
	m := number(c[3:5])
	return (c[0] == '1' || c[0] == '2') && (m >= 1 && m <= 12 || m >= 20 && m <= 42 || m >= 50) && 97-number(c[:13])%97 == number(c[13:])
}

// inn is the Russian taxpayer's number of natural persons.
func inn(c []byte) bool {
	return !repeated(c) && weighted(c, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == digit(c[10]) && weighted(c, 3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)%11%10 == digit(c[11])
}

// kazakhstan is the IIN, whose weights move on by two where the first ones give 10.
func kazakhstan(c []byte) bool {
	k := weighted(c, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) % 11
	if k == 10 {
		k = weighted(c, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2) % 11
	}
	return date(c, 4, 2) && k == digit(c[11])
}

func nit(c []byte) bool {
	k := weighted(c, 41, 37, 29, 23, 19, 17, 13, 7, 3) % 11
	if k > 1 {
		k = 11 - k
	}
	return k == digit(c[9])
}
