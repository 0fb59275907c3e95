package sensitive_test

import (
	"slices"
	"testing"
)

// What was found in sources, manuals and tables, and is nobody's: each with what it stands beside that is somebody's.
func TestNobodysNumbers(t *testing.T) {
	s := all(t)
	for _, text := range []string{
		// Numbers of sections, versions, objects; masks, networks, and addresses of nobody.
		"// 27.8.1.5 Template class", "RFC 5280, Section 4.1.2.4.", "\"2.5.4.42\": given name", "2.5.29.52", "Git 1.8.1.1 Release Notes", "netmask 255.255.255.0", "255.192.164.0", "169.254.0.1", "224.0.0.114", "13.32.0.0/15", "240.0.0.1",
		"ffff:ff80::", "abcd:2345::1:2:3", "2600:9000::/28", "ff02::1:2:3", "00:00:00:00:00:00", "FF-FF-FF-FF-FF-FF",
		// Telephones.
		"Thu Feb 04 21:00:57 +1130 2010", "m=+123.456789000", "// C++14 20.8.2.2.10 swap", "+1 23456789", "a long word in front of it 123456 +", "0123456 + 1",
		// Decimal numbers, barcodes, years, tables of characters.
		"c0 .587.377.938 1", "4052739537881", "from 2019 2020 2021 on", "8CAB 9084 9451 9593", "7F5A 8337 9600 6830", "2024 2020 2021 2022",
		"0xffffffffffffffffffffffffffffffff00000001", "0x0000000000000000000000000000000000000000",
		// Words.
		"user@1000.service", "pg_receivewal@.service", "toolchain@v0.0.1-go1.999testmod.windows-amd64", "y.@.Om", "a@b.c1", "npm@10.2.3-x",
		"swift OPTIONAL", "BIC STREQUAL", "swift <INCLUDES>", "driver FUEHRERSCHEIN",
		// Calls, and words in place of passwords.
		"password = utf8_to_utf16_dup(v);", "password = base64.StdEncoding.EncodeToString(pwd[:])", "procOpenProcessToken = modadvapi32.NewProc(\"OpenProcessToken\")", "http://user:password@a.example", "https://user:pass@a.example/x", "http://user:xxxxx@a.example", "https://u:$TOKEN@a.example", "https://u:%s@a.example",
	} {
		if got := found(s, text); len(got) > 0 {
			t.Errorf("%q: %q", text, got)
		}
	}
	for text, want := range map[string]string{
		"client 27.8.1.5": "pii.ipv4=27.8.1.5", "198.8.1.5": "pii.ipv4=198.8.1.5", "13.32.0.7/15": "pii.ipv4=13.32.0.7", "13.32.0.7/32": "pii.ipv4=13.32.0.7", "2600:9000::7/28": "pii.ipv6=2600:9000::7", "00:00:5e:00:53:01": "pii.mac=00:00:5e:00:53:01",
		"+1 415 555 2671": "pii.phone=+1 415 555 2671", "Visa card 4222222222222": "pii.card=4222222222222", ".4111 1111 1111 1111": "pii.card=4111 1111 1111 1111", "...587.377.938-00": "", "A 9084 9451 9593": "pii.in-aadhaar=9084 9451 9593",
		"me@a.xn--p1ai": "pii.email=me@a.xn--p1ai", "BIC DEUTDEFF": "pii.bank-bic=DEUTDEFF", "password = \"pass(h7Gk29dLqPz\"": "secret.assigned=pass(h7Gk29dLqPz", "password=Tr0ub4dor(3xyz9": "secret.assigned=Tr0ub4dor(3xyz9", "http://user:password1@a.example": "secret.url-password=password1", "http://user:%41bc@a.example": "secret.url-password=%41bc",
	} {
		got := found(s, text)
		if want == "" && len(got) == 0 {
			continue
		}
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Numbers that are found behind a word that tells them, and are nobody's without it.
func TestNumbersThatWordsTell(t *testing.T) {
	const plate = "pii.vehicle-plate"
	s := all(t)
	for word, numbers := range map[string]map[string]string{
		"TIN": {"123-456-789": "pii.ph-tin", "123-456-789-000": "pii.ph-tin"}, "SSS": {"34-1234567-8": "pii.ph-sss"}, "UMID": {"0028-1215160-9": "pii.ph-umid"}, "PhilHealth": {"12-123456789-1": "phi.ph-philhealth"},
		"UEN": {"201412345K": "pii.sg-uen", "53312345D": "pii.sg-uen", "T08LL1234A": "pii.sg-uen"}, "BSNR": {"345678901": "phi.de-bsnr"}, "Steuernummer": {"21/815/08150": "pii.de-tax-number", "151/815/08156": "pii.de-tax-number"},
		"Führerschein": {"B072RRE2I55": "pii.de-driver-licence"}, "운전면허": {"11-22-333333-44": "pii.kr-driver-license"}, "passport": {"K1234567": "pii.passport", "AAA123456": "pii.passport", "12AB34567": "pii.passport", "M123A4567": "pii.passport"},
		"Reisepassnummer": {"C01X00T47": "pii.passport"}, "passaporto": {"YA1234567": "pii.passport"}, "여권": {"M12345678": "pii.passport"},
		// Of Italy, companies, vehicles and places.
		"carta d'identità": {"AX1234567": "pii.it-id-card", "CA12345AB": "pii.it-id-card"}, "patente": {"MI1234567X": "pii.it-driver-licence", "U1H74A000B": "pii.it-driver-licence"},
		"SIREN": {"820 000 016": "pii.fr-siren"}, "CVR": {"13 58 56 28": "pii.dk-cvr"}, "organisasjonsnummer": {"988 077 917": "pii.no-orgnr"}, "Y-tunnus": {"0112038-9": "pii.fi-business-id"}, "NIF": {"J99216582": "pii.es-cif", "J-99216582": "pii.es-cif"},
		"KvK": {"12345678": "pii.nl-kvk"}, "company number": {"01234567": "pii.uk-company", "SC123456": "pii.uk-company"}, "KRS": {"0000123456": "pii.pl-krs"}, "KBO": {"0403170701": "pii.be-enterprise"},
		"Kennzeichen": {"B-MA 1234": plate, "M-X 12": plate, "HH-AB 123E": plate, "KA PA 777": plate, "ABC-DE 123H": plate}, "registration": {"AB12 CDE": plate, "A123 BCD": plate, "MH 12 AB 1234": plate, "MH12AB1234": plate, "DL-01-C-1234": plate},
		"plate number": {"ABC-123DE": plate, "KJA123AA": plate}, "immatriculation": {"AB-123-CD": plate}, "matrícula": {"1234 BCD": plate}, "plaka": {"34 ABC 123": plate, "06 AB 1234": plate, "06 A 1234": plate, "34AB123": plate},
		"PLZ": {"10115": "pii.postcode", "1010": "pii.postcode"}, "postcode:": {"SW1A 1AA": "pii.postcode", "M1 1AE": "pii.postcode", "CR2 6XH": "pii.postcode", "B33 8TH": "pii.postcode", "DN55 1PT": "pii.postcode", "W1A 0AX": "pii.postcode", "1234 AB": "pii.postcode"},
		"zip": {"90210": "pii.postcode", "90210-1234": "pii.postcode"}, "Postal Code:": {"K1A 0B1": "pii.postcode"}, "PIN code:": {"110001": "pii.postcode"}, "郵便番号": {"100-0001": "pii.postcode"}, "kod pocztowy": {"00-950": "pii.postcode"}, "Postnummer:": {"114 55": "pii.postcode"},
	} {
		for number, kind := range numbers {
			if got := found(s, word+" "+number+"."); !slices.Equal(got, []string{kind + "=" + number}) {
				t.Errorf("%s %s: %q, want %s", word, number, got, kind)
			}
			if got := found(s, "part "+number+"."); len(got) > 0 {
				t.Errorf("%s: %q", number, got)
			}
		}
	}
}

// The register of companies of Germany, and that of Switzerland and Belgium, tell themselves.
func TestRegistersOfCompanies(t *testing.T) {
	s := all(t)
	for text, want := range map[string][]string{
		"Amtsgericht Charlottenburg, HRB 12345 B": {"pii.de-company-register=HRB 12345"}, "(HRA 101)": {"pii.de-company-register=HRA 101"}, "HRB 12": {"pii.de-company-register=HRB 12"}, "HRB 123456.": {"pii.de-company-register=HRB 123456"}, "HRB 12345x": nil, "Kennzeichen: B-MA-1234": {"pii.vehicle-plate=B-MA-1234"}, "Kennzeichen: B MA1234": {"pii.vehicle-plate=B MA1234"}, "CHE-100.155.212": {"pii.ch-uid=CHE-100.155.212"}, "BE 0403.170.701": {"pii.be-enterprise=0403.170.701"},
		"HRB 1": nil, "HRB 1234567": nil, "HRC 12345": nil, "HRB12345": nil, "HRB-X 12": nil, "HRBX 12345": nil, "CHE-100.155.213": nil, "0403.170.702": nil,
		// Nothing tells these.
		"Kennzeichen 1234": nil, "Kennzeichen B-MAX 1234": nil, "Kennzeichen ABCD-E 123": nil, "Kennzeichen B-MA 0123": nil, "Kennzeichen B-MA 12345": nil, "Kennzeichen ABC-DE 1234": nil, "Kennzeichen B-MA 1234X": nil, "the zip of 90210 files": nil, "PLZ of 10115": nil, "PLZ 101156777": nil, "zip-12345x": nil,
	} {
		if got := found(s, text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
