package sensitive_test

import (
	"fmt"
	"strconv"
	"strings"
)

// laws are those of every kind with check characters, ranges or dates, see [law].
var laws = []law{
	{kind: "pii.card", good: "4dddddddddddddd# 5dddddddddddddd# 6dddddddddddddd# 2221ddddddddddd# 2720ddddddddddd# 2200ddddddddddd# 2204ddddddddddd# 3528ddddddddddd# 3589ddddddddddd# 81ddddddddddddd# 82ddddddddddddd# 9792ddddddddddd# " +
		"34dddddddddddd# 37dddddddddddd# 1800dddddddddd# 2131dddddddddd# " +
		"36ddddddddddd# 38ddddddddddd# 39ddddddddddd# 3000ddddddddd# 3059ddddddddd# 3095ddddddddd# " +
		"4ddddddddddddddddd# 50dddddddddddddddd# 56dddddddddddddddd# 58dddddddddddddddd# 62dddddddddddddddd# 63dddddddddddddddd# 67dddddddddddddddd#",
		bad: "34ddddddddddddd# 36ddddddddddddd# 2220ddddddddddd# 2721ddddddddddd# 2199ddddddddddd# 2205ddddddddddd# 3527ddddddddddd# 3590ddddddddddd# 80ddddddddddddd# 83ddddddddddddd# 9791ddddddddddd# 9793ddddddddddd# 7dddddddddddddd# 1dddddddddddddd# " +
			"35dddddddddddd# 36dddddddddddd# 1799dddddddddd# 1801dddddddddd# 2130dddddddddd# 2132dddddddddd# 4ddddddddddddd# " +
			"2999ddddddddd# 3060ddddddddd# 3094ddddddddd# 3096ddddddddd# 35ddddddddddd# 37ddddddddddd# 4dddddddddddd# " +
			"51dddddddddddddddd# 55dddddddddddddddd# 59dddddddddddddddd# 61dddddddddddddddd# 64dddddddddddddddd# 66dddddddddddddddd# 68dddddddddddddddd# 3ddddddddddddddddd# " +
			"4ddddddddddddddd# " +
			"4dddddddddddddddd# 62ddddddddddddddd#", check: tens(0)},
	{kind: "pii.card", word: "card", good: "4ddddddddddd#", bad: "3ddddddddddd# 5ddddddddddd#", check: tens(0)},
	{kind: "pii.imei", word: "IMEI", good: "dddddddddddddd#", check: tens(0)},
	{kind: "pii.vin", word: "VIN", good: "1M8GDM9A#KPdddddd WVWZZZ1K#AWdddddd JHMCM563#4Cdddddd ABCDEFGH#JKLMNPRS AAAA1111#11111111 TUVWXYZ1#23456789 5UXKR0C5#J0LSRTUV", bad: "1M8GDM9A#KPddddOd 1M8GDM9A#KPddddId 1M8GDM9A#KPddddQd 11111111111111111", signs: "0123456789X", check: func(s string) string {
		values, weights := map[rune]int{}, []int{8, 7, 6, 5, 4, 3, 2, 10, 9, 8, 7, 6, 5, 4, 3, 2}
		for v, group := range []string{1: "1AJ", 2: "2BKS", 3: "3CLT", 4: "4DMU", 5: "5ENV", 6: "6FW", 7: "7GPX", 8: "8HY", 9: "9RZ"} {
			for _, c := range group {
				values[c] = v
			}
		}
		n := 0
		for i, c := range strings.Replace(s, "#", "", 1) {
			n += values[c] * weights[i]
		}
		return string("0123456789X"[n%11])
	}},
	{kind: "pii.mrz", word: "MRZ", good: "Ldddddddd# xxxxxxxxx#", check: by("0123456789", 7, 3, 1)},
	{kind: "pii.de-id-card", word: "Personalausweis", good: "Lxxxxxxxx#", check: by("0123456789", 7, 3, 1)},
	{kind: "pii.bank-bic", word: "BIC", good: "DEUTDEFF ABCDXKxx ABCDADxx ABCDZWxxxxx", bad: "ABCDXXxx ABCDAAxx ABCDZZxxxxx ABCDDDxx ABCDEDxx"},
	{kind: "pii.us-ssn", good: "001-01-0001 665-99-9999 667-dd-1234 899-11-9999", bad: "000-12-3456 666-12-3456 900-12-3456 999-12-3456 123-00-4567 123-45-0000 078-05-1120 219-09-9999"},
	{kind: "pii.us-itin", word: "ITIN", good: "9dd-50-dddd 9dd-65-dddd 9dd-70-dddd 9dd-88-dddd 9dd-90-dddd 9dd-92-dddd 9dd-94-dddd 9dd-99-dddd", bad: "9dd-49-dddd 9dd-66-dddd 9dd-69-dddd 9dd-89-dddd 9dd-93-dddd 9dd-00-dddd 8dd-70-dddd"},
	{kind: "pii.us-aba", word: "routing", good: "00dddddd# 12dddddd# 21dddddd# 32dddddd# 61dddddd# 72dddddd# 80dddddd#", bad: "13dddddd# 20dddddd# 33dddddd# 60dddddd# 73dddddd# 79dddddd# 81dddddd# 000000000", check: by("0987654321", 3, 7, 1)},
	{kind: "phi.us-npi", word: "NPI", good: "1dddddddd# 2dddddddd#", bad: "3dddddddd# 0dddddddd#", check: func(s string) string { return tens(0)("80840" + s) }},
	{kind: "phi.us-mbi", good: "1EG4TE5MK73 9AC0DE0FG00", bad: "0EG4TE5MK73 1SG4TE5MK73 1EG4LE5MK73 1EG4TE5OK73 1EG4TE5MI73 1BG4TE5MK73 1EG4ZE5MK73"},
	{kind: "phi.us-dea", word: "DEA", good: "lldddddd#", check: func(s string) string { return by("0123456789", 1, 2)(s[2:]) }},
	{kind: "pii.phone", word: "call", good: "2002000000 9999999999", bad: "1002000000 2001000000 2000200000"},
	{kind: "pii.ca-sin", word: "SIN", good: "1ddddddd# 7ddddddd# 9ddddddd#", bad: "0ddddddd# 8ddddddd#", check: tens(0)},
	{kind: "pii.br-cpf", word: "CPF", good: "ddddddddd##", bad: "11111111111 000.000.000-00 999.999.999-99", check: two(by("00987654321", 10, 9, 8, 7, 6, 5, 4, 3, 2), by("00987654321", 11, 10, 9, 8, 7, 6, 5, 4, 3, 2))},
	{kind: "pii.br-cnpj", word: "CNPJ", good: "dddddddddddd##", bad: "00.000.000/0000-00", check: two(by("00987654321", 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2), by("00987654321", 6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))},
	{kind: "pii.mx-curp", good: "lllldd0101HlllllX# lllldd1231Mlllll0# lllldd0631Xlllll9#", bad: "lllldd0001Hlllll0# lllldd1301Hlllll0# lllldd0100Hlllll0# lllldd0132Hlllll0# lllldd0101Alllll0#", check: func(s string) string {
		n := 0
		for i, c := range []rune(strings.TrimSuffix(s, "#")) {
			n += strings.IndexRune("0123456789ABCDEFGHIJKLMN*OPQRSTUVWXYZ", c) * (18 - i)
		}
		return strconv.Itoa((1000000 - n) % 10)
	}},
	{kind: "pii.mx-rfc", word: "RFC", good: "lllldd0101xxx lllldd1231xxx", bad: "lllldd0001xxx lllldd1301xxx lllldd0100xxx lllldd0132xxx"},
	{kind: "pii.ar-cuit", word: "CUIT", good: "2ddddddddd# 3ddddddddd#", bad: "1ddddddddd# 4ddddddddd#", check: by("09987654321", 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.cl-rut", word: "RUT", good: "dddddddd#", signs: "0123456789K", check: by("0K987654321", 3, 2, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.cl-rut", word: "RUT", good: "ddddddd#", signs: "0123456789K", check: by("0K987654321", 2, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.pe-ruc", word: "RUC", good: "1ddddddddd# 2ddddddddd#", bad: "0ddddddddd# 3ddddddddd#", check: by("10987654321", 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.ec-cedula", word: "cedula", good: "010dddddd# 245dddddd# 106dddddd#", bad: "000dddddd# 255dddddd# 107dddddd#", check: tens(0)},
	{kind: "pii.do-cedula", word: "cedula", good: "dddddddddd#", check: tens(0)},
	{kind: "pii.co-nit", word: "NIT", good: "ddddddddd#", check: by("01987654321", 41, 37, 29, 23, 19, 17, 13, 7, 3)},
	{kind: "pii.uy-ci", word: "cedula", good: "ddddddd#", check: by("0987654321", 2, 9, 8, 7, 6, 3, 4)},
	{kind: "phi.uk-nhs", word: "NHS", good: "ddddddddd#", bad: "1111111111 5555555555", check: by("0-987654321", 10, 9, 8, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.uk-nino", good: "AB123456A CE123456D SZ123456B", bad: "DB123456A FB123456A IB123456A QB123456A UB123456A VB123456A AD123456A AF123456A AI123456A AQ123456A AU123456A AV123456A AO123456A AB123456E BG123456A GB123456A NK123456A KN123456A TN123456A NT123456A ZZ123456A"},
	{kind: "pii.uk-utr", word: "UTR", good: "#ddddddddd", check: by("21987654321", 6, 7, 8, 9, 10, 5, 4, 3, 2)},
	{kind: "pii.uk-driver-licence", good: "MORGA657054SM9IJ ABCDE607311A99ZZ A9999d1ddddX99AA Zxxxxd6ddddX99AA", bad: "MORGA622054SM9IJ MORGA672054SM9IJ MORGA647054SM9IJ 9ORGA657054SM9IJ"},
	{kind: "pii.ie-pps", word: "PPS", good: "ddddddd#", signs: letters, check: by("WABCDEFGHIJKLMNOPQRSTUV", 8, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.ie-pps", word: "PPS", good: "ddddddd#W ddddddd#T ddddddd#X", bad: "ddddddd#C ddddddd#G ddddddd#Z", signs: letters, check: func(s string) string { return by("WABCDEFGHIJKLMNOPQRSTUV", 8, 7, 6, 5, 4, 3, 2)(s[:7]) }},
	{kind: "pii.ie-pps", word: "PPS", good: "ddddddd#A ddddddd#B ddddddd#H", signs: letters, check: func(s string) string {
		return string("WABCDEFGHIJKLMNOPQRSTUV"[(sum(s[:7], 8, 7, 6, 5, 4, 3, 2)+9*(strings.IndexByte(letters, s[8])+1))%23])
	}},
	{kind: "pii.de-tax-id", word: "Steuer-ID", good: "1ddddddddd# 9ddddddddd#", bad: "0ddddddddd#", check: eleven(0)},
	{kind: "pii.hr-oib", word: "OIB", good: "dddddddddd#", check: eleven(0)},
	{kind: "pii.de-vat", good: "DE1ddddddd# DE9ddddddd#", bad: "DE0ddddddd#", check: eleven(2)},
	{kind: "phi.de-lanr", word: "LANR", good: "dddddd#dd", check: func(s string) string { return by("0987654321", 4, 9)(s[:6]) }},
	{kind: "phi.de-kvnr", word: "KVNR", good: "ldddddddd#", check: func(s string) string { return strconv.Itoa(crossed(lettered(s, 0), 1, 2) % 10) }},
	{kind: "pii.de-pension", word: "Rentenversicherung", good: "ddddddddldd#", check: func(s string) string {
		return strconv.Itoa(crossed(lettered(s, 8), 2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1) % 10)
	}},
	{kind: "pii.de-driver-licence", word: "Führerschein", good: "Axxxxxxxxx9", bad: "9xxxxxxxxxA FUEHRERSCHE"},
	{kind: "pii.at-svnr", word: "SVNR", good: "1dd#0101dd 9dd#3112dd", bad: "0dd#0101dd 1dd#0001dd 1dd#3201dd 1dd#0100dd 1dd#0113dd", check: by("0123456789-", 3, 7, 9, 5, 8, 4, 2, 1, 6)},
	{kind: "pii.ch-ahv", good: "756ddddddddd#", check: by("0987654321", 1, 3)},
	{kind: "pii.fr-nir", good: "1dd01dddddddd## 2dd12dddddddd## 1dd20dddddddd## 1dd42dddddddd## 1dd50dddddddd## 2dd99dddddddd##", bad: "3dd01dddddddd## 0dd01dddddddd## 1dd00dddddddd## 1dd13dddddddd## 1dd19dddddddd## 1dd43dddddddd## 1dd49dddddddd##", check: func(s string) string {
		return fmt.Sprintf("%02d", 97-integer(s[:13])%97)
	}},
	{kind: "pii.fr-nir", good: "1dd012Adddddd## 2dd122Bdddddd##", bad: "1dd012Cdddddd##", check: func(s string) string { // A counts as 0 less a million, B as 0 less two
		n := integer(strings.NewReplacer("A", "0", "B", "0", "C", "0").Replace(s[:13]))
		return fmt.Sprintf("%02d", 97-(n-map[byte]int64{'A': 1, 'B': 2, 'C': 3}[s[6]]*1_000_000)%97)
	}},
	{kind: "pii.fr-siret", word: "SIRET", good: "ddddddddddddd#", check: tens(0)},
	{kind: "pii.nl-bsn", word: "BSN", good: "dddddddd#", bad: "000000000", check: by("0123456789-", 9, 8, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.be-rrn", word: "rijksregister", good: "dd01ddddd## dd12ddddd## dd00ddddd## dd32ddddd##", bad: "dd13ddddd## dd19ddddd## dd33ddddd##", check: func(s string) string { // of both centuries
		return fmt.Sprintf("%02d|%02d", 97-integer(s[:9])%97, 97-integer("2"+s[:9])%97)
	}},
	{kind: "pii.es-nif", good: "dddddddd#", signs: letters, check: func(s string) string { return string(dniLetters[integer(s[:8])%23]) }},
	{kind: "pii.es-nie", good: "Xddddddd# Yddddddd# Zddddddd#", bad: "Wddddddd#", signs: letters, check: func(s string) string {
		return string(dniLetters[(integer(s[1:8])+10_000_000*(int64(s[0])+23-'X'))%23])
	}},
	{kind: "pii.es-nss", word: "seguridad social", good: "dddddddddd##", check: func(s string) string { return fmt.Sprintf("%02d", integer(s[:10])%97) }},
	{kind: "pii.it-fiscal-code", good: "llllllddlddlddd#", signs: letters, check: func(s string) string {
		n := 0
		for i, c := range []byte(s[:15]) {
			v := value(c) % 10
			if c >= 'A' {
				v = int(c - 'A')
			}
			if i%2 == 0 {
				v = strings.IndexByte("BAKPLCQDREVOSFTGUHMINJWZYX", letters[v]) // values of odd places are a row of letters in another order (decree of 23 December 1976)
			}
			n += v
		}
		return string(letters[n%26])
	}},
	{kind: "pii.it-vat", word: "partita IVA", good: "dddddddddd#", check: tens(0)},
	{kind: "pii.pt-nif", word: "NIF", good: "dddddddd#", check: by("00987654321", 9, 8, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.gr-amka", word: "AMKA", good: "0101dddddd# 3112dddddd#", bad: "0001dddddd# 3201dddddd# 0100dddddd# 0113dddddd#", check: tens(0)},
	{kind: "pii.gr-afm", word: "AFM", good: "dddddddd#", check: by("01234567890", 256, 128, 64, 32, 16, 8, 4, 2)},
	{kind: "pii.pl-pesel", word: "PESEL", good: "dd01dddddd# dd12dddddd# dd81dddddd# dd92dddddd#", bad: "dd00dddddd# dd13dddddd# dd80dddddd# dd93dddddd#", check: by("0987654321", 1, 3, 7, 9)},
	{kind: "pii.pl-nip", word: "NIP", good: "ddddddddd#", check: by("0123456789-", 6, 5, 7, 2, 3, 4, 5, 6, 7)},
	{kind: "pii.pl-id-card", word: "dowód", good: "lll#ddddd", check: by("0123456789", 7, 3, 1)},
	{kind: "pii.cz-birth-number", word: "rodné", good: "dd0101ddd# dd1231ddd# dd5101ddd# dd6231ddd# dd2101ddd# dd3201ddd# dd7101ddd#", bad: "dd1301ddd# dd0132ddd# dd6301ddd# dd3301ddd#", check: func(s string) string { return strconv.FormatInt(integer(s[:9])%11%10, 10) }},
	{kind: "pii.ro-cnp", word: "CNP", good: "1dd0101ddddd# 9dd1231ddddd#", bad: "0dd0101ddddd# 1dd0001ddddd# 1dd1301ddddd# 1dd0100ddddd# 1dd0132ddddd#", check: by("01234567891", 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)},
	{kind: "pii.bg-egn", word: "EGN", good: "dd01ddddd# dd12ddddd# dd21ddddd# dd52ddddd#", bad: "dd00ddddd# dd13ddddd# dd20ddddd# dd53ddddd#", check: by("01234567890", 2, 4, 8, 5, 10, 9, 7, 3, 6)},
	{kind: "pii.si-emso", word: "EMSO", good: "0101dddddddd# 3112dddddddd#", bad: "0001dddddddd# 3201dddddddd# 0100dddddddd# 0113dddddddd#", check: by("00987654321", 7, 6, 5, 4, 3, 2)},
	{kind: "pii.ee-isikukood", word: "isikukood", good: "1dd0101ddd# 8dd1231ddd#", bad: "0dd0101ddd# 9dd0101ddd# 1dd0001ddd# 1dd1301ddd# 1dd0100ddd# 1dd0132ddd#", check: orElse(by("0123456789-", 1, 2, 3, 4, 5, 6, 7, 8, 9, 1), by("01234567890", 3, 4, 5, 6, 7, 8, 9, 1, 2, 3))},
	{kind: "pii.hu-tax-id", word: "adóazonosító", good: "8dddddddd#", bad: "7dddddddd# 9dddddddd#", check: by("0123456789-", 1, 2, 3, 4, 5, 6, 7, 8, 9)},
	{kind: "phi.hu-taj", word: "TAJ", good: "dddddddd#", check: by("0123456789", 3, 7)},
	{kind: "pii.lv-personal-code", word: "personas kods", good: "0101dddddd# 3112dddddd#", bad: "0001dddddd# 3201dddddd# 0100dddddd# 0113dddddd#", check: by("12345678900", 10, 5, 8, 4, 2, 1, 6, 3, 7, 9)},
	{kind: "pii.ru-inn", word: "INN", good: "dddddddddd##", bad: "000000000000", check: two(by("01234567890", 7, 2, 4, 10, 3, 5, 9, 4, 6, 8), by("01234567890", 3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))},
	{kind: "pii.ru-snils", word: "SNILS", good: "ddddddddd##", check: func(s string) string { return fmt.Sprintf("%02d", sum(s, 9, 8, 7, 6, 5, 4, 3, 2, 1)%101%100) }},
	{kind: "pii.ua-rnokpp", word: "rnokpp", good: "ddddddddd#", check: by("01234567890", 10, 5, 7, 9, 4, 6, 10, 5, 7)},
	{kind: "pii.kz-iin", word: "IIN", good: "dd0101ddddd# dd1231ddddd#", bad: "dd0001ddddd# dd1301ddddd# dd0100ddddd# dd0132ddddd#", check: orElse(by("0123456789-", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), by("0123456789-", 3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2))},
	{kind: "pii.se-personnummer", word: "personnummer", good: "dd0101ddd# dd1231ddd# dd0161ddd# dd0191ddd#", bad: "dd0001ddd# dd1301ddd# dd0132ddd# dd0192ddd#", check: tens(0)},
	{kind: "pii.se-personnummer", word: "personnummer", good: "19dd01ddddd# 20dd12ddddd#", bad: "09dd01ddddd# 30dd01ddddd# 19dd00ddddd# 19dd13ddddd#", check: tens(2)},
	{kind: "pii.se-orgnr", word: "orgnr", good: "dd2dddddd# dd9dddddd#", bad: "dd1dddddd#", check: tens(0)},
	{kind: "pii.no-fnr", good: "0101ddddd## 3112ddddd##", bad: "0001ddddd## 3201ddddd## 0100ddddd## 0113ddddd##", check: two(by("0-987654321", 3, 7, 6, 1, 8, 9, 4, 5, 2), by("0-987654321", 5, 4, 3, 2, 7, 6, 5, 4, 3, 2))},
	{kind: "pii.is-kennitala", word: "kennitala", good: "0101dddd#9 3112dddd#0", bad: "0001dddd#9 3201dddd#9 0100dddd#9 0113dddd#9 0101dddd#8", check: func(s string) string { return by("0-987654321", 3, 2, 7, 6, 5, 4, 3, 2)(s[:8]) }},
	{kind: "pii.dk-cpr", word: "CPR", good: "0101dddddd 3112dddddd", bad: "0001dddddd 3201dddddd 0100dddddd 0113dddddd"},
	{kind: "pii.fi-hetu", good: "0101dd-ddd# 3112ddAddd# 0101dd+ddd# 0101ddFddd# 0101ddUddd# 0101ddYddd#", bad: "0001dd-ddd# 3201dd-ddd# 0100dd-ddd# 0113dd-ddd# 0101ddGddd# 0101ddTddd# 01011A-ddd#", signs: alnums, check: func(s string) string {
		n, err := strconv.Atoi(s[:6] + s[7:10])
		if err != nil {
			return "0"
		}
		return string("0123456789ABCDEFHJKLMNPRSTUVWXY"[n%31])
	}},
	{kind: "pii.tr-id", word: "kimlik", good: "1dddddddd## 9dddddddd##", bad: "0dddddddd##", check: two(by("0123456789", 7, 9), by("0123456789", 1))},
	{kind: "pii.in-aadhaar", word: "Aadhaar", good: "2dddddddddd# 9dddddddddd#", bad: "0dddddddddd# 1dddddddddd#", check: dihedral},
	{kind: "pii.in-pan", good: "lllPlddddl lllClddddl lllHlddddl lllAlddddl lllBlddddl lllGlddddl lllJlddddl lllLlddddl lllFlddddl lllTlddddl", bad: "lllDlddddl lllMlddddl lllZlddddl"},
	{kind: "pii.in-gstin", good: "ddlllllddddlxZ#", bad: "ddlllllddddlxA#", signs: alnums, check: func(s string) string {
		n := 0
		for i, c := range []byte(s[:14]) {
			p := value(c)
			if i%2 == 1 { // twice, less 35 where that has two digits of base 36
				if p *= 2; p >= 36 {
					p -= 35
				}
			}
			n += p
		}
		return string(alnums[(36*100-n)%36])
	}},
	{kind: "pii.cn-id", good: "dddddd19000101ddd# dddddd20991231ddd#", bad: "dddddd18990101ddd# dddddd21000101ddd# dddddd19000001ddd# dddddd19001301ddd# dddddd19000100ddd# dddddd19000132ddd#", signs: "0123456789X", check: by("10X98765432", 7, 9, 10, 5, 8, 4, 2, 1, 6, 3)},
	{kind: "pii.hk-id", word: "HKID", good: "ldddddd#", signs: "0123456789A", check: by("6543210A987", 8, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.tw-id", word: "national ID", good: "l1ddddddd# l2ddddddd# l8ddddddd# l9ddddddd#", bad: "l0ddddddd# l3ddddddd# l7ddddddd#", check: func(s string) string {
		code := strings.IndexByte("ABCDEFGHJKLMNPQRSTUVXYWZIO", s[0]) + 10
		n := code/10 + code%10*9
		for i, c := range s[1:9] {
			n += int(c-'0') * (8 - i)
		}
		return strconv.Itoa((1000 - n) % 10)
	}},
	{kind: "pii.jp-my-number", word: "My Number", good: "ddddddddddd#", check: by("00987654321", 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.kr-rrn", word: "RRN", good: "dd01011ddddd# dd12318ddddd#", bad: "dd00011ddddd# dd13011ddddd# dd01001ddddd# dd01321ddddd# dd01010ddddd# dd01019ddddd#", check: by("10987654321", 2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)},
	{kind: "pii.kr-brn", word: "사업자", good: "ddddddddd#", check: func(s string) string {
		return by("0987654321", 1, 3, 7, 1, 3, 7, 1, 3, 1)(s[:8] + strconv.Itoa((5*value(s[8])+5*value(s[8])/10)%10))
	}},
	{kind: "pii.sg-nric", good: "Sddddddd#", signs: letters, check: func(s string) string { return by("JZIHGFEDCBA", 2, 7, 6, 5, 4, 3, 2)(s[1:8]) }},
	{kind: "pii.sg-nric", good: "Tddddddd#", signs: letters, check: func(s string) string { return by("GFEDCBAJZIH", 2, 7, 6, 5, 4, 3, 2)(s[1:8]) }},
	{kind: "pii.sg-nric", good: "Fddddddd#", bad: "Addddddd# Nddddddd#", signs: letters, check: func(s string) string { return by("XWUTRQPNMLK", 2, 7, 6, 5, 4, 3, 2)(s[1:8]) }},
	{kind: "pii.sg-nric", good: "Gddddddd#", signs: letters, check: func(s string) string { return by("RQPNMLKXWUT", 2, 7, 6, 5, 4, 3, 2)(s[1:8]) }},
	{kind: "pii.sg-nric", good: "Mddddddd#", signs: letters, check: func(s string) string { return by("TRQPNJLKXWU", 2, 7, 6, 5, 4, 3, 2)(s[1:8]) }},
	{kind: "pii.th-id", word: "Thai", good: "dddddddddddd#", check: by("10987654321", 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.my-nric", word: "MyKad", good: "dd0101dddddd dd1231dddddd", bad: "dd0001dddddd dd1301dddddd dd0100dddddd dd0132dddddd"},
	{kind: "pii.id-nik", word: "NIK", good: "dddddd0101dddddd dddddd3112dddddd dddddd4101dddddd dddddd7112dddddd", bad: "dddddd0001dddddd dddddd3201dddddd dddddd0113dddddd dddddd4001dddddd dddddd7201dddddd"},
	{kind: "pii.il-id", word: "Israeli ID", good: "dddddddd#", check: tens(0)},
	{kind: "pii.ae-id", good: "784ddddddddddd#", check: tens(0)},
	{kind: "pii.sa-id", word: "Iqama", good: "1dddddddd# 2dddddddd#", bad: "0dddddddd# 3dddddddd#", check: tens(0)},
	{kind: "pii.za-id", word: "South African", good: "dd0101dddd0d# dd1231dddd1d#", bad: "dd0001dddd0d# dd1301dddd0d# dd0100dddd0d# dd0132dddd0d# dd0101dddd2d#", check: tens(0)},
	{kind: "pii.au-abn", word: "ABN", good: "##ddddddddd", bad: "0#ddddddddd", check: func(s string) string {
		var fit []string
		for k := 10; k < 100; k++ { // one less in the first digit
			if (10*(k/10-1)+k%10+sum(strings.TrimLeft(s[2:], "#"), 3, 5, 7, 9, 11, 13, 15, 17, 19))%89 == 0 {
				fit = append(fit, strconv.Itoa(k))
			}
		}
		return strings.Join(fit, "|")
	}},
	{kind: "pii.au-acn", word: "ACN", good: "dddddddd#", check: by("0987654321", 8, 7, 6, 5, 4, 3, 2, 1)},
	{kind: "pii.au-tfn", word: "TFN", good: "dddddddd#", check: by("0123456789-", 1, 4, 3, 7, 5, 8, 6, 9)},
	{kind: "phi.au-medicare", word: "Medicare", good: "2ddddddd#d 6ddddddd#d", bad: "1ddddddd#d 7ddddddd#d", check: func(s string) string { return by("0123456789", 1, 3, 7, 9)(s[:8]) }},
	{kind: "pii.nz-ird", word: "IRD", good: "dddddddd#", check: orElse(by("0-987654321", 3, 2, 7, 6, 5, 4, 3, 2), by("0-987654321", 7, 4, 3, 2, 5, 2, 7, 6))},
	{kind: "phi.nz-nhi", word: "NHI", good: "ABCddd# ZYXddd# HJNddd# PQVddd#", bad: "ABIddd# OBCddd# AIBddd#", check: func(s string) string {
		n := 0
		for i, w := range []int{7, 6, 5} {
			n += w * (strings.IndexByte("ABCDEFGHJKLMNPQRSTUVWXYZ", s[i]) + 1)
		}
		return strings.TrimSuffix(string("-0987654321"[(n+sum(s[3:6], 4, 3, 2))%11]), "-")
	}},
	{kind: "pii.iban", good: "DE##dddddddddddddddddd NO##ddddddddddd MT##MALTdddddxxxxxxxxxxxxxxxxxx", bad: "DE##ddddddddddddddddd DE##ddddddddddddddddddd XX##dddddddddddddddddd QQ##ddddddddddd", check: func(s string) string {
		r := 0
		for _, c := range []byte(s[4:] + s[:2] + "00") {
			for _, digit := range strconv.Itoa(value(c)) {
				r = (r*10 + int(digit-'0')) % 97
			}
		}
		return fmt.Sprintf("%02d", 98-r)
	}},
	{kind: "pii.fr-siren", word: "SIREN", good: "dddddddd#", check: tens(0)},
	{kind: "pii.ch-uid", good: "CHEdddddddd#", check: func(s string) string { return by("0-987654321", 5, 4, 3, 2, 7, 6, 5, 4)(s[3:]) }},
	{kind: "pii.be-enterprise", word: "KBO", good: "0ddddddd## 1ddddddd##", bad: "2ddddddd##", check: func(s string) string {
		k := 97 - integer(s[:8])%97
		return fmt.Sprintf("%02d|%02d", k, (k+97)%194)
	}},
	{kind: "pii.es-cif", word: "CIF", good: "Addddddd# Hddddddd# Jddddddd# Nddddddd# Wddddddd#", bad: "Iddddddd# Oddddddd# Kddddddd# Xddddddd#", signs: alnums, check: func(s string) string {
		k := tens(1)(s)
		return k + "|" + string("JABCDEFGHI"[integer(k)])
	}},
	{kind: "pii.dk-cvr", word: "CVR", good: "1dddddd# 9dddddd#", bad: "0dddddd#", check: by("0-987654321", 2, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.no-orgnr", word: "organisasjonsnummer", good: "dddddddd#", check: by("0-987654321", 3, 2, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.fi-business-id", word: "Y-tunnus", good: "ddddddd#", check: by("0-987654321", 7, 9, 10, 5, 8, 4, 2)},
	{kind: "pii.cz-ico", word: "IČO", good: "ddddddd#", check: by("10987654321", 8, 7, 6, 5, 4, 3, 2)},
	{kind: "pii.pl-regon", word: "REGON", good: "dddddddd#", check: by("01234567890", 8, 9, 2, 3, 4, 5, 6, 7)},
	{kind: "pii.ee-registry-code", word: "registrikood", good: "ddddddd#", check: orElse(by("0123456789-", 1, 2, 3, 4, 5, 6, 7), by("01234567890", 3, 4, 5, 6, 7, 8, 9))},
	{kind: "pii.ru-ogrn", word: "ОГРН", good: "1ddddddddddd# 5ddddddddddd#", bad: "0ddddddddddd#", check: func(s string) string { return strconv.FormatInt(integer(s[:12])%11%10, 10) }},
	{kind: "pii.jp-corporate-number", word: "法人番号", good: "#dddddddddddd", check: func(s string) string {
		n := 0
		for i := range 12 { // from the right: once, twice
			n += value(s[12-i]) * (1 + i%2)
		}
		return strconv.Itoa(9 - n%9)
	}},
	{kind: "pii.passport", word: "Reisepass", good: "C01X00T47 Axxxxxxx9", bad: "901X00T47 CABCDEFGH"},
}
