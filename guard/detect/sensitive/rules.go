package sensitive

// rule recognises one kind of identifier with letters and digits.
type rule struct {
	id    string
	shape string   // A = capital letter, 9 = digit, X = either, else the character itself
	forms []string // lengths of groups with what stands between them, as written; the compact form is always one. Behind a "?" one that tells nothing without a word
	check func(c []byte) bool
	sure  bool     // in the compact form too; else only in one of forms, or near one of words
	words []string // lower-case words that make the kind likely when they stand shortly before
}

// rules are those with a fixed length. Sources: the authorities' publications, by way of the names in the comments of the
// checks. An identifier whose check is weak, or that has none, needs a form or a word.
var rules = []rule{
	// Anywhere.
	{"pii.card", "9999999999999", []string{"4 4 4 1", "4-4-4-1"}, card, false, []string{"card", "visa", "karte", "carte", "tarjeta"}}, // one in ten barcodes is such a number
	{"pii.card", "99999999999999", []string{"4 6 4", "4-6-4"}, card, true, nil},
	{"pii.card", "999999999999999", []string{"4 6 5", "4-6-5"}, card, true, nil},
	{"pii.card", "9999999999999999", []string{"4 4 4 4", "4-4-4-4", "4.4.4.4", "4/4/4/4", "4_4_4_4"}, card, true, nil},
	{"pii.card", "9999999999999999999", []string{"4 4 4 4 3", "4-4-4-4-3"}, card, true, nil},
	{"pii.imei", "999999999999999", []string{"2-6-6-1", "2 6 6 1"}, luhn, false, []string{"imei"}},
	{"pii.vin", "XXXXXXXXXXXXXXXXX", nil, vin, false, []string{"vin", "vehicle", "chassis"}},
	{"pii.bank-bic", "AAAAAAXX", nil, bic, false, []string{"bic", "swift"}},
	{"pii.bank-bic", "AAAAAAXXXXX", nil, bic, false, []string{"bic", "swift"}},
	{"pii.passport", "A99999999", nil, nil, false, []string{"passport"}},
	{"pii.passport", "AA9999999", nil, nil, false, []string{"passport", "passeport", "pasaporte"}},
	{"pii.passport", "A9999999", nil, nil, false, []string{"passport"}}, // of India, among others
	{"pii.passport", "999999999", nil, nil, false, []string{"passport"}},
	{"pii.passport", "AA9999999", nil, nil, false, []string{"passaporto", "passnummer"}},
	{"pii.passport", "AAA999999", nil, nil, false, []string{"pasaporte", "passport"}},
	{"pii.passport", "99AA99999", nil, nil, false, []string{"passeport", "passport"}},
	{"pii.passport", "A99999999", nil, nil, false, []string{"여권", "passeport", "pasaporte"}},
	{"pii.passport", "A999A9999", nil, nil, false, []string{"여권", "passport"}}, // of Korea, from 2021 on
	{"pii.passport", "XXXXXXXXX", nil, func(c []byte) bool { return isUpper(c[0]) && mixed(c) }, false, []string{"reisepass", "passnummer"}},
	{"pii.mrz", "XXXXXXXXX9", nil, icao, false, []string{"document number", "mrz"}},
	{"pii.birth-date", "99999999", []string{"4-2-2", "2-2-4", "2/2/4", "2.2.4"}, nil, false, []string{"born", "birth", "dob", "geboren", "nacimiento", "naissance"}},
	// United States.
	{"pii.us-ssn", "999999999", []string{"3-2-4"}, ssn, false, []string{"ssn", "social security"}},
	{"pii.us-ssn", "999999999", []string{"3 2 4", "3.2.4"}, nil, false, []string{"ssn", "social security"}}, // in these forms near a word alone
	{"pii.us-itin", "999999999", []string{"3-2-4"}, itin, false, []string{"itin", "taxpayer"}},
	{"pii.us-ein", "999999999", []string{"2-7"}, nil, false, []string{"ein", "employer identification"}},
	{"pii.us-aba", "999999999", nil, aba, false, []string{"routing", "aba"}},
	{"pii.us-bank", "999999999999", nil, nil, false, []string{"account number", "acct", "account no"}},
	{"pii.us-bank", "9999999999", nil, nil, false, []string{"account number", "acct", "account no"}},
	{"pii.us-driver-license", "A9999999", nil, nil, false, []string{"driver", "license", "licence", "dl#"}},
	{"pii.us-driver-license", "A999999999999", []string{"4-4-4-1"}, nil, false, []string{"driver", "license", "licence"}},
	{"phi.us-npi", "9999999999", nil, npi, false, []string{"npi", "provider"}},
	{"phi.us-mbi", "9AX9AX9AA99", []string{"4-3-4"}, mbi, true, nil},
	{"phi.us-dea", "AA9999999", nil, dea, false, []string{"dea"}},
	{"phi.record", "99999999", []string{"2-2-2-2"}, nil, false, []string{"mrn", "medical record", "patient id", "patient number"}},
	{"phi.record", "9999999", nil, nil, false, []string{"mrn", "medical record", "patient id", "patient number"}},
	{"pii.phone", "9999999999", []string{"3-3-4", "(3) 3-4", "(3)3-4", "3.3.4"}, func(c []byte) bool { return c[0] > '1' && c[3] > '1' }, false, []string{"phone", "tel", "mobile", "call", "fax"}},
	// The Americas.
	{"pii.ca-sin", "999999999", []string{"3-3-3", "?3 3 3"}, func(c []byte) bool { return c[0] != '0' && c[0] != '8' && luhn(c) }, false, []string{"sin", "social insurance", "assurance sociale"}},
	{"pii.br-cpf", "99999999999", []string{"3.3.3-2"}, cpf, false, []string{"cpf"}},
	{"pii.br-cnpj", "99999999999999", []string{"2.3.3/4-2"}, cnpj, false, []string{"cnpj"}},
	{"pii.mx-curp", "AAAA999999AAAAAAX9", nil, curp, true, nil},
	{"pii.mx-rfc", "AAAA999999XXX", nil, func(c []byte) bool { return date(c, 8, 6) }, false, []string{"rfc"}},
	{"pii.ar-cuit", "99999999999", []string{"2-8-1"}, func(c []byte) bool {
		return "09987654321"[weighted(c, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11] == c[10] && (c[0] == '2' || c[0] == '3')
	}, false, []string{"cuit", "cuil"}},
	{"pii.cl-rut", "99999999X", []string{"2.3.3-1", "8-1"}, func(c []byte) bool { return rut(c) }, false, []string{"rut", "run"}},
	{"pii.cl-rut", "9999999X", []string{"1.3.3-1", "7-1"}, func(c []byte) bool { return rut(c) }, false, []string{"rut", "run"}},
	{"pii.pe-ruc", "99999999999", nil, func(c []byte) bool {
		k := (11 - weighted(c, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 10
		return (c[0] == '1' || c[0] == '2') && k == digit(c[10])
	}, false, []string{"ruc"}},
	{"pii.ec-cedula", "9999999999", []string{"9-1"}, func(c []byte) bool { return number(c[:2]) >= 1 && number(c[:2]) <= 24 && c[2] <= '6' && luhn(c) }, false, []string{"cédula", "cedula"}},
	{"pii.do-cedula", "99999999999", []string{"3-7-1"}, luhn, false, []string{"cédula", "cedula"}},
	{"pii.co-nit", "9999999999", []string{"9-1", "3.3.3-1"}, nit, false, []string{"nit"}},
	{"pii.uy-ci", "99999999", []string{"1.3.3-1", "7-1"}, func(c []byte) bool { return (10-weighted(c, 2, 9, 8, 7, 6, 3, 4)%10)%10 == digit(c[7]) }, false, []string{"cédula", "cedula"}},
	// Britain and Ireland.
	{"phi.uk-nhs", "9999999999", []string{"3 3 4", "3-3-4"}, func(c []byte) bool {
		return (11-weighted(c, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11)%11 == digit(c[9]) && !repeated(c)
	}, false, []string{"nhs"}},
	{"pii.uk-nino", "AA999999A", []string{"2 2 2 2 1", "2-2-2-2-1"}, func(c []byte) bool {
		bad := func(b byte, set string) bool {
			for i := range len(set) {
				if set[i] == b {
					return true
				}
			}
			return false
		}
		p := string(c[:2])
		return !bad(c[0], "DFIQUV") && !bad(c[1], "DFIQUVO") && c[8] <= 'D' && p != "BG" && p != "GB" && p != "NK" && p != "KN" && p != "TN" && p != "NT" && p != "ZZ"
	}, true, nil},
	{"pii.uk-utr", "9999999999", []string{"?5 5"}, func(c []byte) bool {
		return "21987654321"[weighted(c[1:], 6, 7, 8, 9, 10, 5, 4, 3, 2)%11] == c[0]
	}, false, []string{"utr", "tax reference"}},
	{"pii.uk-bank", "99999999999999", []string{"2-2-2 8"}, nil, false, nil},
	{"pii.uk-driver-licence", "XXXXX999999XX9AA", nil, func(c []byte) bool { m := digit(c[6]) % 5; return m <= 1 && c[0] >= 'A' }, true, nil},
	{"pii.ie-pps", "9999999A", nil, func(c []byte) bool {
		return "WABCDEFGHIJKLMNOPQRSTUV"[weighted(c, 8, 7, 6, 5, 4, 3, 2)%23] == c[7]
	}, false, []string{"pps", "ppsn"}},
	{"pii.ie-pps", "9999999AA", nil, func(c []byte) bool {
		second := 0
		switch c[8] {
		case 'A':
			second = 1
		case 'B':
			second = 2
		case 'H':
			second = 8
		case 'W', 'T', 'X':
		default:
			return false
		}
		return "WABCDEFGHIJKLMNOPQRSTUV"[(weighted(c, 8, 7, 6, 5, 4, 3, 2)+9*second)%23] == c[7]
	}, false, []string{"pps", "ppsn"}},
	// Germany, Austria, Switzerland.
	{"pii.de-tax-id", "99999999999", []string{"?2 3 3 3"}, func(c []byte) bool { return c[0] != '0' && mod1110(c) }, false, []string{"steuer", "tax id", "idnr", "tin"}},
	{"pii.de-vat", "DE999999999", nil, func(c []byte) bool { return c[2] != '0' && mod1110(c[2:]) }, true, nil},
	{"phi.de-lanr", "999999999", nil, func(c []byte) bool { return (10-weighted(c, 4, 9, 4, 9, 4, 9)%10)%10 == digit(c[6]) }, false, []string{"lanr", "arztnummer"}},
	{"phi.de-bsnr", "999999999", nil, nil, false, []string{"bsnr", "betriebsstätten"}},
	{"pii.de-tax-number", "9999999999", []string{"2/3/5"}, nil, false, []string{"steuernummer", "steuer-nr", "st.-nr", "stnr"}},
	{"pii.de-tax-number", "99999999999", []string{"3/3/5"}, nil, false, []string{"steuernummer", "steuer-nr", "st.-nr", "stnr"}},
	{"pii.de-driver-licence", "XXXXXXXXXXX", nil, func(c []byte) bool { return isUpper(c[0]) && mixed(c) }, false, []string{"führerschein", "fuehrerschein"}},
	{"pii.de-id-card", "XXXXXXXXX9", nil, icao, false, []string{"personalausweis", "ausweis", "reisepass"}},
	{"phi.de-kvnr", "A999999999", nil, func(c []byte) bool {
		n := int(c[0]-'A') + 1
		d := append([]byte{byte('0' + n/10), byte('0' + n%10)}, c[1:9]...)
		sum := 0
		for i, b := range d {
			p := digit(b) * (1 + i%2)
			sum += p/10 + p%10
		}
		return sum%10 == digit(c[9])
	}, false, []string{"kvnr", "versichertennummer", "krankenversicher"}},
	{"pii.de-pension", "99999999A999", []string{"2 6 1 3"}, func(c []byte) bool {
		n := int(c[8]-'A') + 1
		d := append(append(append([]byte{}, c[:8]...), byte('0'+n/10), byte('0'+n%10)), c[9:]...)
		sum := 0
		for i, w := range [...]int{2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1} {
			p := digit(d[i]) * w
			sum += p/10 + p%10
		}
		return sum%10 == digit(d[12])
	}, false, []string{"rentenversicherung", "sozialversicherung", "svnr"}},
	{"pii.at-svnr", "9999999999", []string{"4 6", "4-6"}, func(c []byte) bool {
		return c[0] != '0' && date(c, 4, 6) && (weighted(c, 3, 7, 9)+weighted(c[4:], 5, 8, 4, 2, 1, 6))%11 == digit(c[3])
	}, false, []string{"svnr", "sozialversicherung", "versicherungsnummer"}},
	{"pii.ch-ahv", "7569999999999", []string{"3.4.4.2"}, func(c []byte) bool {
		return (10-weighted(c, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3)%10)%10 == digit(c[12])
	}, true, nil},
	// France, Benelux.
	{"pii.fr-nir", "999999999999999", []string{"1 2 2 2 3 3 2"}, nir, true, nil},
	{"pii.fr-nir", "999992A99999999", []string{"1 2 2 2 3 3 2"}, corsica, true, nil},
	{"pii.fr-siret", "99999999999999", []string{"3 3 3 5"}, luhn, false, []string{"siret"}},
	{"pii.nl-bsn", "999999999", []string{"4.2.3", "?3.3.3"}, func(c []byte) bool {
		return (weighted(c, 9, 8, 7, 6, 5, 4, 3, 2)-digit(c[8]))%11 == 0 && !repeated(c)
	}, false, []string{"bsn", "burgerservice", "sofi"}},
	{"pii.be-rrn", "99999999999", []string{"2.2.2-3.2"}, belgium, false, []string{"rijksregister", "registre national", "nrn", "insz", "niss"}},
	// Southern Europe.
	{"pii.es-nif", "99999999A", []string{"8-1"}, func(c []byte) bool { return nrTail(c, "TRWAGMYFPDXBNJZSQVHLCKE", 23) }, true, nil},
	{"pii.es-nie", "A9999999A", []string{"1-7-1", "8-1"}, func(c []byte) bool {
		if c[0] < 'X' {
			return false
		}
		return nrTail(append([]byte{'0' + c[0] - 'X'}, c[1:]...), "TRWAGMYFPDXBNJZSQVHLCKE", 23)
	}, true, nil},
	{"pii.es-nss", "999999999999", []string{"2/8/2", "2 8 2"}, func(c []byte) bool { return number(c[:10])%97 == number(c[10:]) }, false, []string{"seguridad social", "nss"}},
	{"pii.it-fiscal-code", "AAAAAA99A99A999A", nil, codiceFiscale, true, nil},
	{"pii.it-vat", "99999999999", nil, luhn, false, []string{"partita iva", "p.iva", "p. iva"}},
	{"pii.pt-nif", "999999999", []string{"?3 3 3"}, func(c []byte) bool {
		return (11-weighted(c, 9, 8, 7, 6, 5, 4, 3, 2)%11)%11%10 == digit(c[8])
	}, false, []string{"nif", "contribuinte"}},
	{"pii.gr-amka", "99999999999", nil, func(c []byte) bool { return date(c, 0, 2) && luhn(c) }, false, []string{"amka", "αμκα", "ΑΜΚΑ"}},
	{"pii.gr-afm", "999999999", nil, func(c []byte) bool {
		return weighted(c, 256, 128, 64, 32, 16, 8, 4, 2)%11%10 == digit(c[8])
	}, false, []string{"afm", "αφμ", "α.φ.μ", "ΑΦΜ", "Α.Φ.Μ"}},
	// Central and Eastern Europe.
	{"pii.pl-pesel", "99999999999", nil, func(c []byte) bool {
		return number(c[2:4])%20 >= 1 && number(c[2:4])%20 <= 12 && (10-weighted(c, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10)%10 == digit(c[10])
	}, false, []string{"pesel"}},
	{"pii.pl-nip", "9999999999", []string{"3-3-2-2", "3-2-2-3"}, func(c []byte) bool {
		return weighted(c, 6, 5, 7, 2, 3, 4, 5, 6, 7)%11 == digit(c[9])
	}, false, []string{"nip"}},
	{"pii.pl-id-card", "AAA999999", []string{"3 6"}, func(c []byte) bool {
		v := func(i int) int { return int(c[i]-'A') + 10 }
		return (7*v(0)+3*v(1)+v(2)+weighted(c[4:], 7, 3, 1, 7, 3))%10 == digit(c[3])
	}, false, []string{"dowód", "dowod"}},
	{"pii.cz-birth-number", "9999999999", []string{"6/4"}, func(c []byte) bool {
		return int(number(c[:9])%11%10) == digit(c[9]) && number(c[2:4])%50%20 <= 12 && number(c[4:6]) <= 31
	}, false, []string{"rodné", "rodne", "r.č"}},
	{"pii.ro-cnp", "9999999999999", nil, func(c []byte) bool {
		return c[0] != '0' && date(c, 5, 3) && "01234567891"[weighted(c, 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)%11] == c[12]
	}, false, []string{"cnp"}},
	{"pii.bg-egn", "9999999999", nil, func(c []byte) bool {
		return number(c[2:4])%20 >= 1 && number(c[2:4])%20 <= 12 && weighted(c, 2, 4, 8, 5, 10, 9, 7, 3, 6)%11%10 == digit(c[9])
	}, false, []string{"egn", "егн", "ЕГН"}},
	{"pii.hr-oib", "99999999999", nil, mod1110, false, []string{"oib"}},
	{"pii.si-emso", "9999999999999", nil, func(c []byte) bool {
		return date(c, 0, 2) && (11-weighted(c, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11)%11%10 == digit(c[12])
	}, false, []string{"emšo", "emŠo", "emso", "jmbg"}},
	{"pii.ee-isikukood", "99999999999", nil, estonia, false, []string{"isikukood", "asmens kod", "personal code"}},
	{"pii.hu-tax-id", "9999999999", nil, func(c []byte) bool { return c[0] == '8' && weighted(c, 1, 2, 3, 4, 5, 6, 7, 8, 9)%11 == digit(c[9]) }, false, []string{"adóazonosító", "adoazonosito"}},
	{"phi.hu-taj", "999999999", []string{"?3 3 3", "3-3-3"}, func(c []byte) bool { return weighted(c, 3, 7, 3, 7, 3, 7, 3, 7)%10 == digit(c[8]) }, false, []string{"taj"}},
	{"pii.lv-personal-code", "99999999999", []string{"6-5"}, func(c []byte) bool {
		return date(c, 0, 2) && (1+weighted(c, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9))%11%10 == digit(c[10])
	}, false, []string{"personas kod"}},
	{"pii.ru-inn", "999999999999", nil, inn, false, []string{"инн", "ИНН", "inn"}},
	{"pii.ru-snils", "99999999999", []string{"3-3-3 2", "3-3-3-2"}, func(c []byte) bool {
		return int64(weighted(c, 9, 8, 7, 6, 5, 4, 3, 2, 1)%101%100) == number(c[9:])
	}, false, []string{"снилс", "СНИЛС", "snils"}},
	{"pii.ua-rnokpp", "9999999999", nil, func(c []byte) bool { return (weighted(c, -1, 5, 7, 9, 4, 6, 10, 5, 7)%11+11)%11%10 == digit(c[9]) }, false, []string{"рнокпп", "РНОКПП", "ідентифікаційний", "rnokpp"}},
	{"pii.kz-iin", "999999999999", nil, kazakhstan, false, []string{"иин", "ИИН", "iin", "жсн", "ЖСН"}},
	// Northern Europe, Turkey.
	{"pii.se-personnummer", "9999999999", []string{"6-4"}, func(c []byte) bool {
		return number(c[2:4]) >= 1 && number(c[2:4]) <= 12 && number(c[4:6])%60 <= 31 && luhn(c)
	}, false, []string{"personnummer", "samordningsnummer"}},
	{"pii.se-personnummer", "999999999999", []string{"8-4"}, func(c []byte) bool {
		return (c[0] == '1' || c[0] == '2') && number(c[4:6]) >= 1 && number(c[4:6]) <= 12 && luhn(c[2:])
	}, false, []string{"personnummer"}},
	{"pii.se-orgnr", "9999999999", []string{"6-4"}, func(c []byte) bool { return c[2] >= '2' && luhn(c) }, false, []string{"organisationsnummer", "orgnr", "org.nr"}},
	{"pii.no-fnr", "99999999999", []string{"6 5"}, norway, true, nil},
	{"pii.is-kennitala", "9999999999", []string{"6-4"}, func(c []byte) bool {
		return date(c, 0, 2) && (11-weighted(c, 3, 2, 7, 6, 5, 4, 3, 2)%11)%11 == digit(c[8]) && (c[9] == '9' || c[9] == '0')
	}, false, []string{"kennitala"}},
	{"pii.dk-cpr", "9999999999", []string{"6-4"}, func(c []byte) bool { return date(c, 0, 2) }, false, []string{"cpr"}},
	{"pii.tr-id", "99999999999", nil, turkey, false, []string{"kimlik", "tckn", "tc no"}},
	// Asia.
	{"pii.in-aadhaar", "999999999999", []string{"4 4 4", "4-4-4"}, func(c []byte) bool { return c[0] > '1' && verhoeff(c) }, false, []string{"aadhaar", "aadhar", "uidai"}},
	{"pii.in-pan", "AAAAA9999A", nil, func(c []byte) bool {
		switch c[3] {
		case 'P', 'C', 'H', 'A', 'B', 'G', 'J', 'L', 'F', 'T':
			return true
		}
		return false
	}, true, nil},
	{"pii.in-gstin", "99AAAAA9999AXAX", nil, gstin, true, nil},
	{"pii.in-voter", "AAA9999999", nil, nil, false, []string{"voter", "epic"}},
	{"pii.in-ifsc", "AAAA0XXXXXX", nil, nil, false, []string{"ifsc"}},
	{"pii.cn-id", "99999999999999999X", nil, china, true, nil},
	{"pii.hk-id", "A999999X", []string{"7(1)"}, hongKong, false, []string{"hkid", "identity card", "身份證"}},
	{"pii.tw-id", "A999999999", nil, taiwan, false, []string{"身分證", "身份證", "national id", "taiwan"}},
	{"pii.jp-my-number", "999999999999", []string{"4 4 4", "4-4-4"}, func(c []byte) bool {
		k := weighted(c, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2) % 11
		if k <= 1 {
			return c[11] == '0'
		}
		return 11-k == digit(c[11])
	}, false, []string{"my number", "マイナンバー", "個人番号"}},
	{"pii.kr-rrn", "9999999999999", []string{"6-7"}, func(c []byte) bool {
		return date(c, 4, 2) && c[6] >= '1' && c[6] <= '8' && (11-weighted(c, 2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)%11)%10 == digit(c[12])
	}, false, []string{"rrn", "주민", "resident registration"}},
	{"pii.kr-brn", "9999999999", []string{"3-2-5"}, func(c []byte) bool {
		return (10-(weighted(c, 1, 3, 7, 1, 3, 7, 1, 3, 5)+digit(c[8])*5/10)%10)%10 == digit(c[9])
	}, false, []string{"사업자", "business registration"}},
	{"pii.kr-driver-license", "999999999999", []string{"2-2-6-2"}, nil, false, []string{"운전면허", "driver", "license"}},
	{"pii.ph-tin", "999999999", []string{"3-3-3"}, nil, false, []string{"tin", "bir"}},
	{"pii.ph-tin", "999999999999", []string{"3-3-3-3"}, nil, false, []string{"tin", "bir"}},
	{"pii.ph-sss", "9999999999", []string{"2-7-1"}, nil, false, []string{"sss", "social security"}},
	{"pii.ph-umid", "999999999999", []string{"4-7-1"}, nil, false, []string{"umid", "crn"}},
	{"phi.ph-philhealth", "999999999999", []string{"2-9-1"}, nil, false, []string{"philhealth"}},
	{"pii.sg-uen", "999999999A", nil, nil, false, []string{"uen"}},
	{"pii.sg-uen", "99999999A", nil, nil, false, []string{"uen"}},
	{"pii.sg-uen", "A99AA9999A", nil, nil, false, []string{"uen"}},
	{"pii.sg-nric", "A9999999A", nil, singapore, true, nil},
	{"pii.th-id", "9999999999999", []string{"1-4-5-2-1", "1 4 5 2 1"}, func(c []byte) bool {
		return (11-weighted(c, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11)%10 == digit(c[12])
	}, false, []string{"thai", "บัตรประชาชน", "national id"}},
	{"pii.my-nric", "999999999999", []string{"6-2-4"}, func(c []byte) bool { return date(c, 4, 2) }, false, []string{"mykad", "nric", "kad pengenalan", "ic number", "ic no"}},
	{"pii.id-nik", "9999999999999999", nil, func(c []byte) bool { d := number(c[6:8]) % 40; return d >= 1 && d <= 31 && number(c[8:10]) <= 12 }, false, []string{"nik", "ktp"}},
	{"pii.pk-cnic", "9999999999999", []string{"5-7-1"}, nil, false, []string{"cnic", "nadra"}},
	{"pii.il-id", "999999999", nil, luhn, false, []string{"teudat", "תעודת", "israeli id"}},
	{"pii.ae-id", "784999999999999", []string{"3-4-7-1"}, luhn, true, nil},
	{"pii.sa-id", "9999999999", nil, func(c []byte) bool { return (c[0] == '1' || c[0] == '2') && luhn(c) }, false, []string{"iqama", "الهوية", "saudi"}},
	// Africa, Oceania.
	{"pii.za-id", "9999999999999", []string{"6 4 3", "6 4 2 1"}, func(c []byte) bool { return date(c, 4, 2) && c[10] <= '1' && luhn(c) }, false, []string{"south african", "rsa id", "id number", "sa id"}},
	{"pii.ng-nin", "99999999999", nil, nil, false, []string{"nin", "bvn"}},
	{"pii.au-abn", "99999999999", []string{"?2 3 3 3"}, abn, false, []string{"abn", "business number"}},
	{"pii.au-acn", "999999999", []string{"?3 3 3"}, func(c []byte) bool {
		return (10-weighted(c, 8, 7, 6, 5, 4, 3, 2, 1)%10)%10 == digit(c[8])
	}, false, []string{"acn", "company number"}},
	{"pii.au-tfn", "999999999", []string{"?3 3 3"}, func(c []byte) bool { return weighted(c, 1, 4, 3, 7, 5, 8, 6, 9, 10)%11 == 0 }, false, []string{"tfn", "tax file"}},
	{"phi.au-medicare", "9999999999", []string{"4 5 1"}, func(c []byte) bool {
		return c[0] >= '2' && c[0] <= '6' && weighted(c, 1, 3, 7, 9, 1, 3, 7, 9)%10 == digit(c[8])
	}, false, []string{"medicare"}},
	{"pii.nz-ird", "999999999", []string{"3-3-3"}, func(c []byte) bool {
		k := (11 - weighted(c, 3, 2, 7, 6, 5, 4, 3, 2)%11) % 11
		if k == 10 {
			k = (11 - weighted(c, 7, 4, 3, 2, 5, 2, 7, 6)%11) % 11
		}
		return k == digit(c[8])
	}, false, []string{"ird", "inland revenue"}},
	{"phi.nz-nhi", "AAA9999", nil, func(c []byte) bool {
		const values = "ABCDEFGHJKLMNPQRSTUVWXYZ"
		sum := 0
		for i := range 3 {
			v := -1
			for k := range len(values) {
				if values[k] == c[i] {
					v = k + 1
				}
			}
			if v < 0 {
				return false
			}
			sum += v * (7 - i)
		}
		k := 11 - (sum+weighted(c[3:], 4, 3, 2))%11
		return k < 11 && k%10 == digit(c[6])
	}, false, []string{"nhi"}},
	// Companies, of one person often.
	{"pii.fr-siren", "999999999", []string{"?3 3 3"}, luhn, false, []string{"siren"}},
	{"pii.ch-uid", "CHE999999999", []string{"3-3.3.3"}, func(c []byte) bool {
		return "0-987654321"[weighted(c[3:], 5, 4, 3, 2, 7, 6, 5, 4)%11] == c[11]
	}, true, nil},
	{"pii.be-enterprise", "9999999999", []string{"4.3.3"}, func(c []byte) bool { return c[0] <= '1' && (number(c[:8])+number(c[8:]))%97 == 0 }, false, []string{"ondernemingsnummer", "entreprise", "kbo", "bce", "btw", "tva"}},
	{"pii.nl-kvk", "99999999", nil, nil, false, []string{"kvk", "handelsregister"}},
	{"pii.uk-company", "99999999", nil, nil, false, []string{"company number", "company no", "companies house", "company registration"}},
	{"pii.uk-company", "AA999999", nil, nil, false, []string{"company number", "company no", "companies house", "company registration"}},
	{"pii.es-cif", "A9999999X", []string{"?1-8", "?1-7-1"}, cif, false, []string{"cif", "nif"}},
	{"pii.dk-cvr", "99999999", []string{"?2 2 2 2"}, func(c []byte) bool { return weighted(c, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0 && c[0] != '0' }, false, []string{"cvr"}},
	{"pii.no-orgnr", "999999999", []string{"?3 3 3"}, func(c []byte) bool { return "0-987654321"[weighted(c, 3, 2, 7, 6, 5, 4, 3, 2)%11] == c[8] }, false, []string{"organisasjonsnummer", "orgnr", "org.nr", "foretaksnummer"}},
	{"pii.fi-business-id", "99999999", []string{"?7-1"}, func(c []byte) bool { return weighted(c, 7, 9, 10, 5, 8, 4, 2, 1)%11 == 0 }, false, []string{"y-tunnus", "business id", "fo-nummer"}},
	{"pii.cz-ico", "99999999", nil, func(c []byte) bool { return "10987654321"[weighted(c, 8, 7, 6, 5, 4, 3, 2)%11] == c[7] }, false, []string{"ičo", "iČo", "ičo:"}},
	{"pii.pl-regon", "999999999", nil, func(c []byte) bool { return "01234567890"[weighted(c, 8, 9, 2, 3, 4, 5, 6, 7)%11] == c[8] }, false, []string{"regon"}},
	{"pii.pl-krs", "9999999999", nil, nil, false, []string{"krs"}},
	{"pii.ee-registry-code", "99999999", nil, func(c []byte) bool {
		k := weighted(c, 1, 2, 3, 4, 5, 6, 7) % 11
		if k == 10 {
			k = weighted(c, 3, 4, 5, 6, 7, 8, 9) % 11 % 10
		}
		return k == digit(c[7])
	}, false, []string{"registrikood", "registry code"}},
	{"pii.ru-ogrn", "9999999999999", nil, func(c []byte) bool { return int(number(c[:12])%11%10) == digit(c[12]) && c[0] != '0' }, false, []string{"огрн", "ОГРН", "ogrn"}},
	{"pii.jp-corporate-number", "9999999999999", nil, func(c []byte) bool { return 9-weighted(c[1:], 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1)%9 == digit(c[0]) }, false, []string{"法人番号", "corporate number"}},
	// Of Italy, and of vehicles.
	{"pii.it-id-card", "AA9999999", nil, nil, false, []string{"carta d'ident", "carta di ident", "carta d’ident"}},
	{"pii.it-id-card", "AA99999AA", nil, nil, false, []string{"carta d'ident", "carta di ident", "carta d’ident"}},
	{"pii.it-driver-licence", "AA9999999A", nil, nil, false, []string{"patente"}},
	{"pii.it-driver-licence", "U1XXXXXXXA", nil, nil, false, []string{"patente"}},
	{"pii.vehicle-plate", "AA99AAA", []string{"4 3"}, nil, false, []string{"number plate", "registration", "reg no", "vrm", "licence plate", "license plate"}},              // of Britain
	{"pii.vehicle-plate", "A999AAA", []string{"4 3"}, nil, false, []string{"number plate", "registration", "reg no", "vrm", "licence plate", "license plate"}},              // and before 2001
	{"pii.vehicle-plate", "AA999AA", []string{"2-3-2", "2 3 2"}, nil, false, []string{"immatriculation", "plaque", "targa"}},                                                // of France and Italy
	{"pii.vehicle-plate", "9999AAA", []string{"4 3", "4-3"}, nil, false, []string{"matrícula", "matricula"}},                                                                // of Spain
	{"pii.vehicle-plate", "AA99AA9999", []string{"2 2 2 4", "2-2-2-4", "4 2 4", "4-2-4"}, nil, false, []string{"vehicle", "registration", "number plate"}},                  // of India
	{"pii.vehicle-plate", "AA99A9999", []string{"2 2 1 4", "2-2-1-4", "4 1 4", "4-1-4"}, nil, false, []string{"vehicle", "registration", "number plate"}},                   // the same
	{"pii.vehicle-plate", "AAA999AA", []string{"3-3-2", "3-5", "3 5", "3 3 2"}, nil, false, []string{"plate number", "number plate", "registration"}},                       // of Nigeria
	{"pii.vehicle-plate", "99AAA999", []string{"2 3 3"}, nil, false, []string{"plaka"}}, {"pii.vehicle-plate", "99AA999", []string{"2 2 3"}, nil, false, []string{"plaka"}}, // of Turkey
	{"pii.vehicle-plate", "99AA9999", []string{"2 2 4"}, nil, false, []string{"plaka"}}, {"pii.vehicle-plate", "99A9999", []string{"2 1 4"}, nil, false, []string{"plaka"}}, // the same
}
