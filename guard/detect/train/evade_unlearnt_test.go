package train

import (
	"fmt"
	"net/url"
	"strings"
)

// unlearnt are disguises that no training row wears.
func unlearnt() []Evasion {
	return []Evasion{
		{"url-plus", whole(url.QueryEscape)},
		{"decimal-dashes", bytewise("%d", "-")}, {"decimal-brackets", bytewise("[%d]", "")}, {"decimal-block", bytewise("%03d", "")},
		{"chr", bytewise("chr(%d)", "+")}, {"chr-basic", bytewise("Chr(%d)", " & ")},
		{"hex-0x-block", bytewise("0x%02x", "")}, {"hex-dashes", bytewise("%02x", "-")}, {"hex-dots", bytewise("%02x", ".")}, {"hex-escapes-apart", bytewise("\\x%02x", " ")},
		{"hex-escapes-twice", bytewise("\\\\x%02x", "")}, {"hex-dollars", bytewise("$%02x", " ")}, {"hex-groups", whole(func(s string) string { return grouped(bytewise("%02x", "")(s, nil), 4, " ") })},
		{"hex-lines", whole(func(s string) string { return grouped(bytewise("%02x", "")(s, nil), 64, "\n") })},
		{"code-points", each(func(c rune, _ *Random) string { return fmt.Sprintf("U+%04X ", c) })},
		{"unicode-escapes-long", each(func(c rune, _ *Random) string { return fmt.Sprintf("\\U%08x", c) })},
		{"unicode-escapes-bare", each(func(c rune, _ *Random) string { return fmt.Sprintf("u%04x", min(c, 0xffff)) })},
		{"css-escapes", each(func(c rune, _ *Random) string { return fmt.Sprintf("\\%06x", c) })},
		{"octal-0o", bytewise("0o%o", " ")}, {"binary-0b", bytewise("0b%08b", " ")}, {"binary-dashes", bytewise("%08b", "-")},
		{"letters-quoted", whole(func(s string) string { return "'" + strings.Join(strings.Split(s, ""), "', '") + "'" })},
	}
}

func grouped(s string, n int, gap string) string {
	var b strings.Builder
	for ; len(s) > n; s = s[n:] {
		b.WriteString(s[:n] + gap)
	}
	return b.String() + s
}
