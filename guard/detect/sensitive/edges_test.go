package sensitive_test

import (
	"slices"
	"strings"
	"testing"
)

// What is just an identifier, and what is just none: each pair differs in one character or one word. What is found stands between { and }.
func TestEdges(t *testing.T) {
	s := all(t)
	const bot, hex31 = "AAGx7Zq2bT9vKc4LmNp8RsWdYf3HjE5uX", "0123456789abcdef0123456789abcde"
	for text, kind := range map[string]string{
		// Tokens of bots.
		"{12345678:AA" + bot + "}": "secret.telegram", "{1234567890:AA" + bot + "}": "secret.telegram", "1234567:AA" + bot: "", "12345678901:AA" + bot: "", "x12345678:AA" + bot: "", "12345678:AA" + bot + "Z": "", "12345678:AA" + bot[1:]: "", "12345678:AB" + bot: "", "id:{12345678:AA" + bot + "}.": "secret.telegram",
		// Passwords in addresses, and mail addresses.
		"https://h.example/a:b1@{y@h.example}": "pii.email", "ftp://u:{p4ss}@h": "secret.url-password", "ftp://u@h.example": "", "ftp://u:@h.example": "", "http://h.example/b:{c@h.example}": "pii.email", "http://h.example?b:{c@h.example}": "pii.email", "http://h.example#b:{c@h.example}": "pii.email",
		"a//b:{c@h.example}": "pii.email", "a:/b:{c@h.example}": "pii.email", "http://u:{aa}@h": "secret.url-password", "http://u:aaa@h": "", "http://u:{%41}@h": "secret.url-password", "http://u:%4@h": "", "http://u:%zz@h": "", "http://u:{p@p}@h.example": "secret.url-password",
		"a@b.c": "", "{a@b.cc}": "pii.email", "a@.b.cc": "", "@b.cc": "", ".{a@b.cc}": "pii.email", "...{a@b.cc}": "pii.email", "a@b": "", "{" + strings.Repeat("a", 64) + "@b.cc}": "pii.email", strings.Repeat("a", 65) + "@b.cc": "", "a@b.c9": "", "a@1.timer": "", "a@b.c-d": "",
		// Account numbers.
		"DE89.3704.0044.0532.0130.00": "", "DE8 93704 0044 0532 0130 00": "", "DE89370400440532013000x": "", "{NO9386011117947}": "pii.iban", "xNO9386011117947": "",
		// Coins.
		"{0X52908400098527886E0F7030069857D2E4169EE7}": "pii.crypto-eth", "0x52908400098527886E0F7030069857D2E4169EEg": "", "{0x0123456700000000000000000000000000000000}": "pii.crypto-eth", "0x0123456000000000000000000000000000000000": "", "052908400098527886E0F7030069857D2E4169EE70": "",
		"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb": "", "{1111111111111111111114oLvT2}": "pii.crypto-btc", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn": "", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5": "", "{BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4}": "pii.crypto-btc", "1A1zP1eP5QGefi2DMPTfTL5SLmv7Divf0a": "", "bd1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4": "",
		"{3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy}": "pii.crypto-btc", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa_x": "", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa!x": "",
		// Addresses of the internet.
		"93.184.216.34x": "", "{93.184.216.34}_": "pii.ipv4", "93.184.216.34_a": "", "93.184.216.34__1": "", "{93.184.216.34}_-": "pii.ipv4", "93.184.216.34_@": "", "{93.184.216.34}/": "pii.ipv4", "93.184.216": "", "93.184.216.256": "", "{32.1.1.1}": "pii.ipv4", "31.1.1.1": "", "{1.32.1.1}": "pii.ipv4", "1.31.31.99": "", "{1.1.32.1}": "pii.ipv4", "{1.1.1.100}": "pii.ipv4", "93.184.216.34.5": "",
		"{13.32.0.0}:15": "pii.ipv4", "{13.32.0.0}/": "pii.ipv4", "{13.32.0.0}/33": "pii.ipv4", "13.32.0.0/16": "", "13.32.0.0/8": "pii.ipv4", "release 93.184.216.34": "", "versions 93.184.216.34": "", "ver 93.184.216.34": "", "v: 93.184.216.34": "", "build=93.184.216.34": "", "firmware \"93.184.216.34\"": "", "driver 93.184.216.34": "", "river {93.184.216.34}": "pii.ipv4",
		"{00:1b:44:11:3a:bf}": "pii.mac", "00:1b:44:11:3a:bg": "", "00:1b:44:11:3a:b7x": "", "00:1b-44:11:3a:b7": "", "001:b:44:11:3a:b7": "", "00:1b:44:11:3a": "", "{00:00:00:00:00:0b}": "pii.mac", "0000:00:00:00:0b": "", "{00:00:00:01:2a:0b}": "pii.mac", "{2001:db8::1}:": "pii.ipv6", "2001:db8:1": "", "3000::1:2:3:4:5:6:7:8": "", "{3fff:0::1}": "pii.ipv6", "3fff::1": "", "4000::1:2:3": "", "::ffff:8.8.4.4x": "",
		// Telephones.
		"+4412345": "", "{+44123456}": "pii.phone", "{+441234567890123}": "pii.phone", "+4412345678901234": "", "{+44-20-7946-0958}": "pii.phone", "{+44.20.7946.0958}": "pii.phone", "{+44 (20) 7946 0958}": "pii.phone", "{+44/20/7946/0958}": "pii.phone", "++442079460958": "", "+042079460958": "", "+442079460958x": "", "+442079460958_1": "", "+14155552": "", "{+14155552671}": "pii.phone", "+ 442079460958": "",
		"tel {0123456}": "pii.phone", "tel 012345": "", "tel {030/1234567}": "pii.phone", "tel {(030) 123 4567}": "pii.phone", "tel {030.123.4567}": "pii.phone", "tel {030.123 4567}": "pii.phone", "tel 030.1234567": "", "tel 12345678": "", "tel 1912 345678": "", "tel {19123 45672}": "pii.phone", "tel 0123456789012": "", "tel {012345678901}": "pii.phone", "tel 0123456x": "", "the phone in the hall {0123 456 78}": "pii.phone", "the phone in the hall 0612 4567": "", "phone: {0612 4567}": "pii.phone",
		// Words within words.
		"nin {41000000009}": "pii.ng-nin", "(NIN) {41000000009}": "pii.ng-nin", "evenin 41000000009": "", "ninth 41000000009": "", "nin9 {41000000009}": "pii.ng-nin", "Passportnumber {123456789}": "pii.passport",
		// Secrets.
		"key-" + hex31 + "@": "", "{key-" + hex31 + "f}": "secret.mailgun", "key-" + hex31 + "g": "", "key-" + hex31 + "ff": "", "_{key-" + hex31 + "f}": "secret.mailgun", "a_key-" + hex31 + "f": "", "a__key-" + hex31 + "f": "", "__{key-" + hex31 + "f}__": "secret.mailgun", "-{key-" + hex31 + "f}": "secret.mailgun", "{AKIAIOSFODNN7EXAMPLE}": "secret.aws-key-id", "AKIAIOSFODNN7EXAMPL": "", "AKIAIOSFODNN7EXAMPLEE": "", "AKIAIOSFODNN7eXAMPLE": "",
		"xkey-" + hex31 + "f": "", "a-key-" + hex31 + "f": "", "x{ghp_" + bot + "Ab1}": "secret.github", "my_{ghp_" + bot + "Ab1}": "secret.github", "x-{ghp_" + bot + "Ab1}": "secret.github", "xsk-" + bot + "Ab12cdEf": "", "xAKIAIOSFODNN7EXAMPLE": "", "SG." + bot + "~" + bot: "", "sntrys_" + bot + "!" + bot: "", "whsec_" + bot[:20] + "!" + bot[:20]: "",
		"{SG." + bot + "." + bot + "}": "secret.sendgrid", "{SG." + bot + "." + bot + "}.": "secret.sendgrid", "{hf_aBcDeFgHiJkLmNoPqRsTuVwXyZabcdefgH}": "secret.hugging-face", "hf_abcdefghijklmnopqrstuvwxyzabcdefgh": "", "hf_0123456789012345678901234567890123": "", "eyJ" + bot + "." + bot: "", "{eyJ" + bot + "." + bot + "." + bot + "}": "secret.jwt", "eyJ" + bot + "." + bot + "." + bot + "." + bot: "", "{eyJ" + bot + "." + bot + "." + bot + "." + bot + ".b1}": "secret.jwt",
		"secret={h7Gk29dLqPzx}": "secret.assigned", "secret=h7Gk29dLqPz": "", "secret=hGkbcdLqPzxy": "", "secret=" + strings.Repeat("h7Gk29dLqPzx81Yt", 16) + "x": "", "secret={" + strings.Repeat("h7Gk29dLqPzx81Yt", 16) + "}": "secret.assigned", "secret==h7Gk29dLqPzx": "", "secret=a1a1a1a1a1a1a1": "", "a=h7Gk29dLqPzx": "", "=h7Gk29dLqPzx": "", "se&cret=h7Gk29dLqPzx": "",
		"password = get1(h7Gk29dLqPzx)": "", "password = {get1234(h7Gk29dLqPzx})": "secret.assigned", "password = get123(h7Gk29dLqPzx)": "", "password = {12(h7Gk29dLqPzx})": "secret.assigned", "password = {ge-t(h7Gk29dLqPzx})": "secret.assigned", "password = {a1b(h7Gk29dLqPzx})": "secret.assigned",
		"secret={h7Gk29dLqPzx81==}": "secret.assigned", "secret={h7Gk29dLqPzx81=}": "secret.assigned", "secret={h7Gk29dLqPzx81=}=&x=1": "secret.assigned", "secret=12345678901234567890": "", "key-" + hex31 + "fg": "", "{key-01234567890123456789012345678901}": "secret.mailgun", "eyJ" + strings.Repeat("."+bot, 5): "", "the password is: {h7Gk29dLqPzx}": "secret.assigned", "authorization: basic {h7Gk29dLqPzx81}": "secret.assigned", "password-h7Gk29dLqPzx": "", "--password {h7Gk29dLqPzx}": "secret.assigned", "a \\\n\t--password {h7Gk29dLqPzx}": "secret.assigned", "-password h7Gk29dLqPzx": "",
	} {
		var want []string
		if kind != "" {
			from, to := strings.Index(text, "{"), strings.Index(text, "}")
			if from < 0 || to < 0 {
				continue
			}
			want = []string{kind + "=" + text[from+1:to]}
		}
		if kind == "" && strings.Contains(text, "{") {
			continue
		}
		plain := strings.NewReplacer("{", "", "}", "").Replace(text)
		for _, around := range []string{"%", "It is % here", "x\n%\n"} {
			whole := strings.Replace(around, "%", plain, 1)
			if got := found(s, whole); !slices.Equal(got, want) {
				t.Errorf("%q: %q, want %q", whole, got, want)
			}
		}
	}
}
