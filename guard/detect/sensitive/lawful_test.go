package sensitive_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect/sensitive"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// A law computes the check characters of numbers by itself, by tables where the recogniser has formulas. In templates d stands for a digit, l for a capital, x for either, # for a
// check character, and the rest for itself.
type law struct {
	kind, word string
	good, bad  string              // templates: those are found with their check characters, these are not; and a number without "#" is as it stands
	signs      string              // that a check character may be; digits by default
	check      func(string) string // of a number with # in it; "" if there is none
}

// value is that of a character in most schemes: digits as they are, A = 10.
func value(c byte) int {
	if c >= 'A' {
		return int(c-'A') + 10
	}
	return int(c - '0')
}

// sum adds the values of what is not #, times the weights in turn.
func sum(s string, weights ...int) int {
	n, i := 0, 0
	for k := range len(s) {
		if s[k] != '#' {
			n += value(s[k]) * weights[i%len(weights)]
			i++
		}
	}
	return n
}

// by is a check character that stands in a row of signs at the remainder of the sum. A '-' is none.
func by(signs string, weights ...int) func(string) string {
	return func(s string) string {
		return strings.TrimSuffix(string(signs[sum(s, weights...)%len(signs)]), "-")
	}
}

// tens is the check digit of ISO/IEC 7812 for what stands in front of it, from position at on.
func tens(at int) func(string) string {
	return func(s string) string {
		n := 0
		body := s[at:strings.IndexByte(s, '#')]
		for i := range len(body) {
			n += int("0123456789"[value(body[len(body)-1-i])] - '0')
			if i%2 == 0 {
				n += [10]int{0, 1, 2, 3, 4, -4, -3, -2, -1, 0}[value(body[len(body)-1-i])]
			}
		}
		return strconv.Itoa((1000 - n) % 10)
	}
}

// eleven is ISO 7064, MOD 11,10.
func eleven(at int) func(string) string {
	return func(s string) string {
		p := 10
		for _, c := range []byte(strings.TrimSuffix(s[at:], "#")) {
			if p = (p + value(c)) % 10; p == 0 {
				p = 10
			}
			p = p * 2 % 11
		}
		for k := range 10 {
			if (p+k)%10 == 1 {
				return strconv.Itoa(k)
			}
		}
		return ""
	}
}

// two puts one law behind another: of two check characters, the second is of the first too.
func two(first, second func(string) string) func(string) string {
	return func(s string) string {
		i := strings.LastIndexByte(s, '#')
		a := first(s[:i] + s[i+1:])
		if a == "" {
			return ""
		}
		b := second(strings.Replace(s, "#", a, 1))
		if b == "" {
			return ""
		}
		return a + b
	}
}

// orElse is a law with another one behind it for where it has none.
func orElse(first, second func(string) string) func(string) string {
	return func(s string) string {
		if k := first(s); k != "" {
			return k
		}
		return second(s)
	}
}

func integer(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// lettered writes a letter as its place in the alphabet, of two digits.
func lettered(s string, at int) string { return s[:at] + fmt.Sprintf("%02d", s[at]-'A'+1) + s[at+1:] }

// crossed adds the cross sums of the products.
func crossed(s string, weights ...int) int {
	n, i := 0, 0
	for k := range len(s) {
		if s[k] != '#' {
			p := value(s[k]) * weights[i%len(weights)]
			n += p/10 + p%10
			i++
		}
	}
	return n
}

const (
	letters    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alnums     = "0123456789" + letters
	dniLetters = "TRWAGMYFPDXBNJZSQVHLCKE"
)

// dihedral is the check digit of Verhoeff: the product of all digits in the group of the pentagon, moved by a permutation as often as their place says, is one.
func dihedral(s string) string {
	times := func(a, b int) int {
		switch turn := func(n int) int { return (n + 25) % 5 }; {
		case a < 5 && b < 5:
			return turn(a + b)
		case a < 5:
			return 5 + turn(a+b)
		case b < 5:
			return 5 + turn(a-b)
		default:
			return turn(a - b)
		}
	}
	moved := func(d, n int) int {
		for range n {
			d = [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}[d]
		}
		return d
	}
	for k := range 10 {
		x := k
		for i := range len(s) - 1 {
			x = times(x, moved(value(s[len(s)-2-i]), i+1))
		}
		if x == 0 {
			return strconv.Itoa(k)
		}
	}
	return ""
}

// filled puts characters by chance into a template.
func filled(rnd *rand.Rand, template string) string {
	return strings.Map(func(c rune) rune {
		switch c {
		case 'd':
			return rune(alnums[rnd.IntN(10)])
		case 'l':
			return rune(letters[rnd.IntN(26)])
		case 'x':
			return rune(alnums[rnd.IntN(36)])
		}
		return c
	}, template)
}

// Of all that may stand in the place of check characters, what the law says is found, and nothing else is; and numbers that nobody was given are not found with it.
func TestCheckCharacters(t *testing.T) {
	rnd, bodies := rand.New(rand.NewPCG(8, 9)), 36
	if testkit.Race { // nothing is shared
		bodies = 4
	}
	laid := map[string]bool{}
	for _, l := range laws {
		laid[l.kind] = true
		s, err := sensitive.New(l.kind)
		if err != nil {
			t.Fatal(err)
		}
		signs := l.signs
		if signs == "" {
			signs = "0123456789"
		}
		finds := func(number string) bool {
			text := strings.TrimLeft(l.word+" "+number, " ")
			for _, m := range s.Find(nil, []byte(text)) {
				if text[m.Start:m.End] == number {
					return true
				}
			}
			return false
		}
		for i, list := range []string{l.good, l.bad} {
			for template := range strings.FieldsSeq(list) {
				for range bodies / max(1, strings.Count(template, "#")*strings.Count(template, "#")) {
					body := filled(rnd, template)
					n := strings.Count(body, "#")
					if n == 0 {
						if got := finds(body); got != (i == 0) {
							t.Errorf("%s: %q: found %v", l.kind, body, got)
						}
						continue
					}
					want := strings.Split(l.check(body), "|")
					all := 1
					for range n {
						all *= len(signs)
					}
					for k := range all {
						number, mark := body, ""
						for rest := k; len(mark) < n; rest /= len(signs) {
							mark += string(signs[rest%len(signs)])
						}
						for _, c := range mark {
							number = strings.Replace(number, "#", string(c), 1)
						}
						lawful := i == 0
						if lawful {
							lawful = false
							for _, w := range want {
								lawful = lawful || w == mark
							}
						}
						if got := finds(number); got != lawful {
							t.Errorf("%s: %q of %q: found %v, law says %q", l.kind, number, template, got, want)
						}
					}
				}
			}
		}
	}
	if len(laid) < 70 {
		t.Errorf("%d kinds have laws", len(laid))
	}
}
