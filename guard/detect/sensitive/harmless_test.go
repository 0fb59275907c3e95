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

// Numbers of the Philippines, Singapore, Germany, Korea and India, each with and without the word that tells it.
func TestNumbersThatWordsTell(t *testing.T) {
	s := all(t)
	for word, numbers := range map[string]map[string]string{
		"TIN": {"123-456-789": "pii.ph-tin", "123-456-789-000": "pii.ph-tin"}, "SSS": {"34-1234567-8": "pii.ph-sss"}, "UMID": {"0028-1215160-9": "pii.ph-umid"}, "PhilHealth": {"12-123456789-1": "phi.ph-philhealth"},
		"UEN": {"201412345K": "pii.sg-uen", "53312345D": "pii.sg-uen", "T08LL1234A": "pii.sg-uen"}, "BSNR": {"345678901": "phi.de-bsnr"}, "Steuernummer": {"21/815/08150": "pii.de-tax-number", "151/815/08156": "pii.de-tax-number"},
		"Führerschein": {"B072RRE2I55": "pii.de-driver-licence"}, "운전면허": {"11-22-333333-44": "pii.kr-driver-license"}, "passport": {"K1234567": "pii.passport"},
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
