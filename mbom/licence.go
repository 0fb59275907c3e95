package mbom

import (
	"slices"
	"strings"
)

// maxLicence bounds a licence expression, in bytes, and so the depth of its parentheses.
const maxLicence = 1024

// licenceAllowed reports whether a licence is on the list: by itself, or as an SPDX expression (SPDX 2.3, annex D) whose
// terms are: all of AND, one of OR. A term with an exception ("X WITH Y") must be listed as such. What is no expression is
// not allowed.
func licenceAllowed(licence string, list []string) bool {
	on := func(s string) bool {
		return slices.ContainsFunc(list, func(l string) bool { return strings.EqualFold(l, s) })
	}
	if on(licence) {
		return true
	}
	if len(licence) > maxLicence {
		return false
	}
	p := &expression{words: strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(licence)), on: on}
	ok := p.or()
	return ok && !p.bad && len(p.words) == 0
}

type expression struct {
	words []string
	on    func(string) bool
	bad   bool
}

func (p *expression) take(word string) bool {
	if len(p.words) > 0 && strings.EqualFold(p.words[0], word) {
		p.words = p.words[1:]
		return true
	}
	return false
}

func (p *expression) or() bool {
	ok := p.and()
	for p.take("OR") {
		right := p.and()
		ok = ok || right
	}
	return ok
}

func (p *expression) and() bool {
	ok := p.term()
	for p.take("AND") {
		right := p.term()
		ok = ok && right
	}
	return ok
}

func (p *expression) term() bool {
	if p.take("(") {
		ok := p.or()
		p.bad = p.bad || !p.take(")")
		return ok
	}
	id, found := p.word()
	if !found {
		return false
	}
	if p.take("WITH") {
		exception, _ := p.word()
		return p.on(id + " WITH " + exception)
	}
	return p.on(id)
}

func (p *expression) word() (string, bool) {
	if len(p.words) == 0 || slices.Contains([]string{"(", ")", "AND", "OR", "WITH"}, strings.ToUpper(p.words[0])) {
		p.bad = true
		return "", false
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w, true
}
