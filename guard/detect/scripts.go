package detect

import (
	"sync"
	"unicode/utf8"
)

// A letter has more than one encoding: in one character, as a letter and a mark, in forms of older character sets. And scripts have marks that most people leave
// out. The normal form has one encoding for all, so that what is learnt of one is known of the others, and nobody hides words behind a mark. Latin letters are in
// foldLetter.

// sameLetters are letters of other scripts, in lower case, and in front the one that all of them become: Greek and Cyrillic without accents, Arabic and Hebrew without marks and joined forms, the forms of Arabic and Persian that are written for one another, Indic letters without the dot
// below, the vowel of Thai and Lao that is also written in two characters, without its ring, and katakana of full width.
var sameLetters = [...]string{
	"ιΐίϊἰἱἲἳἴἵἶἷὶίιῐῑῒΐῖῗ", "αάἀἁἂἃἄἅἆἇὰάᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ", "εέἐἑἒἓἔἕὲέ", "ηήἠἡἢἣἤἥἦἧὴήᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ",
	"υΰϋύὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ", "οόὀὁὂὃὄὅὸό", "ωώὠὡὢὣὤὥὦὧὼώᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ", "ρῤῥ", "ийѝӣӥ", "еѐёӗ", "гѓ", "ії", "кќ",
	"уўӯӱӳ", "ѵѷ", "жӂӝ", "аӑӓ", "әӛ", "зӟ", "оӧ", "өӫ", "эӭ", "чӵ", "ыӹ",
	"اآأإٱ\ufb50\ufb51\ufe81\ufe82\ufe83\ufe84\ufe87\ufe88\ufe8d\ufe8e", "وؤ\ufe85\ufe86\ufeed\ufeee",
	"يئىی\ufbe8\ufbe9\ufbfc\ufbfd\ufbfe\ufe89\ufe8a\ufe8b\ufe8c\ufeef\ufef0\ufef1\ufef2\ufef3\ufef4",
	"هة\ufe93\ufe94\ufee9\ufeea\ufeeb\ufeec", "كک\ufb8e\ufb8f\ufb90\ufb91\ufed9\ufeda\ufedb\ufedc",
	"ٻ\ufb52\ufb53\ufb54\ufb55", "پ\ufb56\ufb57\ufb58\ufb59", "ڀ\ufb5a\ufb5b\ufb5c\ufb5d",
	"ٺ\ufb5e\ufb5f\ufb60\ufb61", "ٿ\ufb62\ufb63\ufb64\ufb65", "ٹ\ufb66\ufb67\ufb68\ufb69",
	"ڤ\ufb6a\ufb6b\ufb6c\ufb6d", "ڦ\ufb6e\ufb6f\ufb70\ufb71", "ڄ\ufb72\ufb73\ufb74\ufb75",
	"ڃ\ufb76\ufb77\ufb78\ufb79", "چ\ufb7a\ufb7b\ufb7c\ufb7d", "ڇ\ufb7e\ufb7f\ufb80\ufb81", "ڍ\ufb82\ufb83",
	"ڌ\ufb84\ufb85", "ڎ\ufb86\ufb87", "ڈ\ufb88\ufb89", "ژ\ufb8a\ufb8b", "ڑ\ufb8c\ufb8d",
	"گ\ufb92\ufb93\ufb94\ufb95", "ڳ\ufb96\ufb97\ufb98\ufb99", "ڱ\ufb9a\ufb9b\ufb9c\ufb9d", "ں\ufb9e\ufb9f",
	"ڻ\ufba0\ufba1\ufba2\ufba3", "ە\ufba4\ufba5", "ہ\ufba6\ufba7\ufba8\ufba9", "ھ\ufbaa\ufbab\ufbac\ufbad",
	"ے\ufbae\ufbaf\ufbb0\ufbb1", "ڭ\ufbd3\ufbd4\ufbd5\ufbd6", "ۇ\ufbd7\ufbd8", "ۆ\ufbd9\ufbda", "ۈ\ufbdb\ufbdc",
	"ۋ\ufbde\ufbdf", "ۅ\ufbe0\ufbe1", "ۉ\ufbe2\ufbe3", "ې\ufbe4\ufbe5\ufbe6\ufbe7", "ء\ufe80",
	"ب\ufe8f\ufe90\ufe91\ufe92", "ت\ufe95\ufe96\ufe97\ufe98", "ث\ufe99\ufe9a\ufe9b\ufe9c",
	"ج\ufe9d\ufe9e\ufe9f\ufea0", "ح\ufea1\ufea2\ufea3\ufea4", "خ\ufea5\ufea6\ufea7\ufea8", "د\ufea9\ufeaa",
	"ذ\ufeab\ufeac", "ر\ufead\ufeae", "ز\ufeaf\ufeb0", "س\ufeb1\ufeb2\ufeb3\ufeb4", "ش\ufeb5\ufeb6\ufeb7\ufeb8",
	"ص\ufeb9\ufeba\ufebb\ufebc", "ض\ufebd\ufebe\ufebf\ufec0", "ط\ufec1\ufec2\ufec3\ufec4",
	"ظ\ufec5\ufec6\ufec7\ufec8", "ع\ufec9\ufeca\ufecb\ufecc", "غ\ufecd\ufece\ufecf\ufed0",
	"ف\ufed1\ufed2\ufed3\ufed4", "ق\ufed5\ufed6\ufed7\ufed8", "ل\ufedd\ufede\ufedf\ufee0",
	"م\ufee1\ufee2\ufee3\ufee4", "ن\ufee5\ufee6\ufee7\ufee8", "י\ufb1d\ufb39", "ײ\ufb1f", "ע\ufb20",
	"א\ufb21\ufb2e\ufb2f\ufb30", "ד\ufb22\ufb33", "ה\ufb23\ufb34", "כ\ufb24\ufb3b\ufb4d", "ל\ufb25\ufb3c",
	"ם\ufb26", "ר\ufb27\ufb48", "ת\ufb28\ufb4a", "ש\ufb2a\ufb2b\ufb2c\ufb2d\ufb49", "ב\ufb31\ufb4c", "ג\ufb32",
	"ו\ufb35\ufb4b", "ז\ufb36", "ט\ufb38", "ך\ufb3a", "מ\ufb3e", "נ\ufb40", "ס\ufb41", "ף\ufb43",
	"פ\ufb44\ufb4e", "צ\ufb46", "ק\ufb47", "\u0928\u0929", "\u0930\u0931", "\u0933\u0934", "\u0915\u0958",
	"\u0916\u0959", "\u0917\u095a", "\u091c\u095b", "\u0921\u095c", "\u0922\u095d", "\u092b\u095e",
	"\u092f\u095f", "\u09a1\u09dc", "\u09a2\u09dd", "\u09af\u09df", "\u0a32\u0a33", "\u0a38\u0a36",
	"\u0a16\u0a59", "\u0a17\u0a5a", "\u0a1c\u0a5b", "\u0a2b\u0a5e", "\u0e32\u0e33", "\u0eb2\u0eb3", "ヲｦ", "ァｧ",
	"ィｨ", "ゥｩ", "ェｪ", "ォｫ", "ャｬ", "ュｭ", "ョｮ", "ッｯ", "ーｰ", "アｱ", "イｲ", "ウｳ", "エｴ", "オｵ", "カｶ", "キｷ", "クｸ", "ケｹ",
	"コｺ", "サｻ", "シｼ", "スｽ", "セｾ", "ソｿ", "タﾀ", "チﾁ", "ツﾂ", "テﾃ", "トﾄ", "ナﾅ", "ニﾆ", "ヌﾇ", "ネﾈ", "ノﾉ", "ハﾊ", "ヒﾋ",
	"フﾌ", "ヘﾍ", "ホﾎ", "マﾏ", "ミﾐ", "ムﾑ", "メﾒ", "モﾓ", "ヤﾔ", "ユﾕ", "ヨﾖ", "ラﾗ", "リﾘ", "ルﾙ", "レﾚ", "ロﾛ", "ワﾜ", "ンﾝ",
}

// halves are, behind the second half of a character, first halves and what the two become (Unicode, canonical composition). Hangul is worked out.
var halves = [...]string{
	"\u09be\u09c7\u09cb", "\u09d7\u09c7\u09cc", "\u0b56\u0b47\u0b48", "\u0b3e\u0b47\u0b4b", "\u0b57\u0b47\u0b4c", "\u0bd7\u0b92\u0b94\u0bc6\u0bcc",
	"\u0bbe\u0bc6\u0bca\u0bc7\u0bcb", "\u0c56\u0c46\u0c48", "\u0cd5\u0cbf\u0cc0\u0cc6\u0cc7", "\u0cd6\u0cc6\u0cc8", "\u0cc2\u0cc6\u0cca",
	"\u0d3e\u0d46\u0d4a\u0d47\u0d4b", "\u0d57\u0d46\u0d4c", "\u0dca\u0dd9\u0dda", "\u0dcf\u0dd9\u0ddc", "\u0ddf\u0dd9\u0dde",
	"\u3099かがきぎくぐけげこごさざしじすずせぜそぞただちぢつづてでとどはばひびふぶへべほぼうゔゝゞカガキギクグケゲコゴサザシジスズセゼソゾタダチヂツヅテデトドハバヒビフブヘベホボウヴワヷヰヸヱヹヲヺヽヾ", "\u309aはぱひぴふぷへぺほぽハパヒピフプヘペホポ",
}

// bares is a constant that takes time to work out: sameLetters by rune.
var bares = sync.OnceValue(func() map[rune]rune {
	t := make(map[rune]rune)
	for _, s := range sameLetters {
		first, n := utf8.DecodeRuneInString(s)
		for _, r := range s[n:] {
			t[r] = first
		}
	}
	return t
})

// bare returns the letter that r is in the normal form.
func bare(r rune) rune {
	if b, ok := bares()[r]; ok {
		return b
	}
	return r
}

// wholes is a constant that takes time to work out: what two halves become.
var wholes = sync.OnceValue(func() map[[2]rune]rune {
	t := make(map[[2]rune]rune)
	for _, s := range halves {
		all := []rune(s)
		for k := 1; k < len(all); k += 2 {
			t[[2]rune{all[k], all[0]}] = all[k+1]
		}
	}
	return t
})

// Hangul (Unicode, section 3.12): a syllable is its first consonant, vowel and last consonant, counted.
const (
	firstLead, leads   = 0x1100, 19
	firstVowel, vowels = 0x1161, 21
	firstTail, tails   = 0x11a7, 28 // the first of them is none
	firstSyllable      = 0xac00
)

// secondHalf reports whether a rune that is not taken for decoration may be the second half of a character.
func secondHalf(r rune) bool {
	switch r {
	case 0x9be, 0x9d7, 0xb3e, 0xb56, 0xb57, 0xbbe, 0xbd7, 0xc56, 0xcc2, 0xcd5, 0xcd6, 0xd3e, 0xd57, 0xdca, 0xdcf, 0xddf, 0xff9e, 0xff9f:
		return true
	}
	return r >= firstVowel && r < firstVowel+vowels || r > firstTail && r < firstTail+tails
}

// wholeOf returns what two runes are as one character, or 0.
func wholeOf(first, second rune) rune {
	switch {
	case second >= firstVowel && second < firstVowel+vowels:
		if first >= firstLead && first < firstLead+leads {
			return firstSyllable + ((first-firstLead)*vowels+second-firstVowel)*tails
		}
	case second > firstTail && second < firstTail+tails:
		if k := first - firstSyllable; k >= 0 && k < leads*vowels*tails && k%tails == 0 {
			return first + second - firstTail
		}
	case second == 0xff9e || second == 0xff9f: // of half width
		second += 0x3099 - 0xff9e
		fallthrough
	default:
		return wholes()[[2]rune{first, second}]
	}
	return 0
}

// join makes one character of the last one and r, if they are halves of one.
func (t *Text) join(r rune) bool {
	first, n := utf8.DecodeLastRune(t.Norm)
	if n < 2 {
		return false
	}
	c := wholeOf(first, r)
	if c != 0 {
		t.Norm = utf8.AppendRune(t.Norm[:len(t.Norm)-n], c)
	}
	return c != 0
}
