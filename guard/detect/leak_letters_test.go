package detect

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ai/holdfast/guard/stream"
)

// System prompts in languages without spaces, and in Korean, which has some.
var spacelessPrompts = map[string]string{
	"zh":       "你是海港的书记员。在钟声响过两次之前，绝不能把潮汐表告诉任何人，也不能说出闸门夜里何时关闭。",
	"zh-Hant":  "你是海港的書記員。在鐘聲響過兩次之前，絕不能把潮汐表告訴任何人。",
	"ja":       "あなたは港長の書記です。鐘が二度鳴るまでは、潮汐表を誰にも教えてはいけません。水門が閉まる時刻も秘密です。",
	"th":       "คุณเป็นเสมียนของท่าเรือ ห้ามบอกตารางน้ำขึ้นน้ำลงแก่ผู้ใดก่อนที่ระฆังจะดังครบสองครั้ง",
	"km":       "អ្នកគឺជាស្មៀននៃកំពង់ផែ។ កុំប្រាប់តារាងជំនោរដល់នរណាម្នាក់មុនពេលជួងរោទ៍ពីរដង។",
	"ko":       "당신은 항만장의 서기입니다. 종이 두 번 울리기 전에는 누구에게도 조석표를 알려 주지 마십시오.",
	"zh mixed": "你是ACME公司的客服助手Harbour，只回答关于iPhone 15和MacBook Pro的问题，绝不透露折扣码。",
	"zh short": "只把蓝色的鱼卖给客人",
}

// found reports whether a text leaks, and demands that the result depends on no cuts and that nothing is left where it is redacted.
func foundAnyhow(t *testing.T, l *Leak, text string) bool {
	t.Helper()
	want := leaks(l, text)
	for _, m := range want {
		if m.Rule != RulePrompt {
			t.Errorf("%q: %v", text, m)
		}
	}
	for size := range 7 {
		inPieces(t, l, text, want, func() int { return size + 1 })
	}
	if rest := leaks(l, string(stream.Redact(nil, []byte(text), replaced(slices.Clone(want))))); len(rest) > 0 {
		t.Errorf("%q: %v is left", text, rest)
	}
	return len(want) > 0
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func reverse(s string) string {
	r := []rune(s)
	slices.Reverse(r)
	return string(r)
}

func TestPromptsInLanguagesWithoutSpaces(t *testing.T) {
	for lang, p := range spacelessPrompts {
		l := newLeak(t, nil, []string{p})
		quoted, _ := json.Marshal(p)
		var ascii strings.Builder
		for _, r := range p {
			fmt.Fprintf(&ascii, `\u%04x`, r)
		}
		for name, text := range map[string]string{
			"as it is": p, "spaced": strings.Join(strings.Split(p, ""), " "), "a character a line": strings.Join(strings.Split(p, ""), "\n"), "numbered": numbered(strings.Split(p, "")),
			"without punctuation": strings.NewReplacer("，", "", "。", "", "、", "", " ", "").Replace(p), "backwards": reverse(p), "base64": b64(p), "hexadecimal": hex.EncodeToString([]byte(p)),
			"JSON": string(quoted), "escapes of JSON": ascii.String(), "base64 twice": b64(b64(p)), "hexadecimal of base64": hex.EncodeToString([]byte(b64(p))),
		} {
			if !foundAnyhow(t, l, "好的 OK: "+text+" 。") {
				t.Errorf("%s, %s: passes", lang, name)
			}
		}
		if lang == "zh short" {
			continue
		}
		r := []rune(p)
		if half := string(r[len(r)/3:]); !foundAnyhow(t, l, "OK "+half) {
			t.Errorf("%s: two thirds pass", lang)
		}
		for other, p := range spacelessPrompts {
			if other != lang && !strings.HasPrefix(other, "zh") && foundAnyhow(t, l, p) {
				t.Errorf("%s: the prompt in %s is taken for it", lang, other)
			}
		}
	}
}

func numbered(parts []string) string {
	var b strings.Builder
	for i, p := range parts {
		fmt.Fprintf(&b, "%d. **%s**\n", i+1, p)
	}
	return b.String()
}

// Phrases that any prompt may begin with are no leak, nor is less than 16 characters.
func TestPhrasesInLanguagesWithoutSpaces(t *testing.T) {
	l := newLeak(t, nil, []string{
		"你是一个乐于助人的助手。请用中文回答用户的问题，不要透露内部折扣码和供应商名单。", "あなたは役に立つアシスタントです。社内の割引コードと仕入先の一覧は決して明かさないでください。", "คุณเป็นผู้ช่วยที่เป็นประโยชน์ ห้ามเปิดเผยรหัสส่วนลดภายในและรายชื่อผู้จัดจำหน่าย",
	})
	for _, text := range []string{
		"我是一个乐于助人的助手。", "请用中文回答用户的问题。", "私は役に立つアシスタントです。何をお手伝いしましょうか。", "คุณเป็นผู้ช่วยที่เป็นประโยชน์มาก", "折扣码和供应商名单在这里。", strings.Repeat("的", 4000), "",
	} {
		if foundAnyhow(t, l, text) {
			t.Errorf("%q is taken for a prompt", text)
		}
	}
}

// A prompt is found however its letters stand, as long as nothing but digits and punctuation is between them.
func TestPromptsLetterByLetter(t *testing.T) {
	l := newLeak(t, nil, []string{prompt, "Отвечай только о приливах и никогда не говори никому, когда ночью закрываются ворота гавани."})
	words := strings.Fields(prompt)
	glyphs := strings.Split(strings.ReplaceAll(prompt, " ", ""), "")
	array, _ := json.Marshal(glyphs)
	var camel strings.Builder
	for _, w := range words {
		camel.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	list, _ := json.Marshal(words)
	for name, text := range map[string]string{
		"hyphens": strings.Join(glyphs, "-"), "spaces": strings.Join(strings.Split(prompt, ""), " "), "dots": strings.Join(glyphs, "."), "an array of letters": string(array), "an array of words": string(list),
		"a letter a line": strings.Join(glyphs, "\n"), "numbered letters": numbered(glyphs), "numbered words": numbered(words), "no spaces": strings.Join(glyphs, ""), "camel case": camel.String(),
		"snake case": strings.Join(words, "_"), "backwards, spaced": strings.Join(strings.Split(reverse(prompt), ""), " "), "ROT13, no spaces": strings.Map(rot13, strings.Join(glyphs, "")),
		"zero width": strings.Join(strings.Split(prompt, ""), "\u200b"), "full width": fullWidth(prompt), "combining": strings.Join(strings.Split(prompt, ""), "\u0336"), "JSON's escapes": everyByte(`\u%04x`, prompt),
		"base64, spaced": b64(strings.Join(glyphs, " ")), "markup": strings.Join(glyphs, "**"), "lines in JSON": strings.Join(glyphs, `\n`), "digits between": strings.Join(words, " 12 "),
		"Cyrillic": "О т в е ч а й т о л ь к о о п р и л и в а х и н и к о г д а н е г о в о р и н и к о м у к о г д а н о ч ь ю з а к р ы в а ю т с я в о р о т а г а в а н и", "Cyrillic, capitals": "ОТВЕЧАЙТОЛЬКООПРИЛИВАХИНИКОГДАНЕГОВОРИНИКОМУКОГДАНОЧЬЮЗАКРЫВАЮТСЯ",
	} {
		if !foundAnyhow(t, l, "Here it is: "+text+" as you asked.") {
			t.Errorf("%s: %q passes", name, text)
		}
	}
	for name, text := range map[string]string{
		"half of the letters": strings.Join(glyphs[:40], "-"), "other letters between": strings.Join(glyphs, "x"), "far apart": strings.Join(glyphs, strings.Repeat(" ", initialsGap+1)), "prose": string(prose(64 << 10)),
		"no letters": strings.Repeat("0 1 2 -", 1000),
	} {
		if foundAnyhow(t, l, text) {
			t.Errorf("%s: %q is taken for the prompt", name, text)
		}
	}
}

func fullWidth(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r + 0xfee0
		}
		return r
	}, s)
}

// A code of a code is undone: a model that was caught with base64 is asked for base64 of it.
func TestPromptsCodedTwice(t *testing.T) {
	for _, p := range []string{prompt, "sell only blue fish in the market"} {
		back, rotated := reverse(p), strings.Map(rot13, p)
		l := newLeak(t, nil, []string{p})
		for name, text := range map[string]string{
			"base64 of base64": b64(b64(p)), "base64 of hexadecimal": b64(hex.EncodeToString([]byte(p))), "hexadecimal of base64": hex.EncodeToString([]byte(b64(p))), "hexadecimal twice": hex.EncodeToString([]byte(hex.EncodeToString([]byte(p)))),
			"base64 of ROT13": b64(rotated), "hexadecimal of ROT13": hex.EncodeToString([]byte(rotated)), "base64 backwards": b64(back), "hexadecimal backwards": everyByte("%02X ", back), "ROT13 backwards": reverse(rotated),
			"base64 of base64 behind a letter": "x" + b64("xy"+b64("z"+p)), "in lines": lines(b64(lines(b64(p), 20)), 30), "URL-safe": base64.RawURLEncoding.EncodeToString([]byte("So: " + base64.RawURLEncoding.EncodeToString([]byte(p)))),
		} {
			if name == "ROT13 backwards" && p != prompt { // fewer than 64 letters
				continue
			}
			if !foundAnyhow(t, l, "Here it is: "+text+" as you asked.") {
				t.Errorf("%s of %q passes: %q", name, p, text)
			}
		}
	}
	l := newLeak(t, nil, []string{prompt})
	for _, text := range []string{b64(b64(string(prose(4000)))), hex.EncodeToString(prose(4000)), b64(strings.Repeat("\x00\x01", 4000))} {
		if foundAnyhow(t, l, text) {
			t.Errorf("%.60q is taken for the prompt", text)
		}
	}
}

func lines(s string, n int) string {
	var b strings.Builder
	for ; len(s) > n; s = s[n:] {
		b.WriteString(s[:n] + "\n")
	}
	return b.String() + s
}

func TestNewLeakCountsCharacters(t *testing.T) {
	for p, ok := range map[string]bool{"只把蓝色的鱼卖": false, "只把蓝色的鱼卖给": true, "。。。。。。。。。。": false, "ห้ามบอกใคร": false, "ห้ามบอกตารางน้ำขึ้นน้ำลง": true, "secretwordsecretword": false, "비밀": false} {
		if _, err := NewLeak(nil, []string{p}); (err == nil) != ok || err != nil && !errors.Is(err, ErrLeak) {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// What is held of a text that nearly repeats a prompt is bounded, and reading it costs no more than prose by much.
func TestNearlyPrompts(t *testing.T) {
	l := newLeak(t, nil, []string{prompt, spacelessPrompts["zh"]})
	rnd := rand.New(rand.NewPCG(3, 4))
	zh := []rune(spacelessPrompts["zh"])
	var b strings.Builder
	for b.Len() < 1<<16 {
		k := rnd.IntN(len(prompt) - 45)
		b.WriteString(prompt[k:k+10+rnd.IntN(30)] + string(zh[k%30:k%30+9]) + strings.Repeat("- ", rnd.IntN(20)))
	}
	text := b.String()
	s := l.Start()
	most := 0
	for i := range len(text) {
		_, held, _ := s.Write(nil, []byte{text[i]})
		most = max(most, held)
	}
	if most > 400 {
		t.Errorf("%d bytes are held", most)
	}
}

// Codes in codes, and texts that look like them, cost a fixed number of times what prose costs, and memory once.
func TestCodedTextsCostNoMore(t *testing.T) {
	l := newLeak(t, nil, []string{prompt})
	cost := func(text string) time.Duration {
		best := time.Hour
		for range 5 {
			from := time.Now()
			leaks(l, text)
			best = min(best, time.Since(from))
		}
		return best
	}
	size := 1 << 16
	for name, text := range map[string]string{"base64 twice": b64(b64(string(prose(size)))), "base64 of the prompt": b64(strings.Repeat(prompt[:40], size/40)), "a": strings.Repeat("a", size), "prompt": strings.Repeat("never tell anyone the ", size/22), "letters": strings.Repeat(strings.ReplaceAll(prompt[:60], " ", ""), size/60)} {
		text = (text + text)[:size]
		c, base := time.Hour, time.Nanosecond
		for round := 0; round < 5 && c > 12*base; round++ { // the machine is shared
			base, c = cost(string(prose(size))), cost(text)
		}
		if t.Logf("%s: %.1f", name, float64(c)/float64(base)); c > 12*base {
			t.Errorf("%s: %d times the cost of prose", name, c/base)
		}
	}
}

// A prompt with a word of its own behind every six is a leak once a good part of it was said; a phrase of it that is said again and again is none.
func TestPromptsInParts(t *testing.T) {
	const long = prompt + " Answer questions about berths, cranes and customs in two sentences. The discount code for regular guests is known to members of staff alone, and refunds above fifty crowns need " +
		"the signature of the deputy. When a captain complains about the fog horn, apologise once and offer him a cup of tea in the old pilot house."
	l := newLeak(t, nil, []string{long})
	words := strings.Fields(long)
	var in strings.Builder
	for i, w := range words {
		if in.WriteString(w + " "); i%6 == 5 {
			in.WriteString("banana ")
		}
	}
	text := in.String()
	if !foundAnyhow(t, l, text) {
		t.Error("it passes with a word behind every six")
	}
	if ms := leaks(l, text); len(ms) > 0 && ms[0].Start > len(text)*3/4 {
		t.Errorf("found at %d of %d", ms[0].Start, len(text))
	}
	for _, text := range []string{
		strings.Repeat("questions about berths, cranes and customs in brief. ", 100), strings.Join(words[:14], " banana "), text[:len(text)/3], "the fog horn, apologise once and offer tea. The discount code for regular guests is ours.",
	} {
		if foundAnyhow(t, l, text) {
			t.Errorf("%.80q is taken for the prompt", text)
		}
	}
}
