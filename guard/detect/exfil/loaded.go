package exfil

import "bytes"

// loaded reports whether the address behind a text and a part of its word is loaded as soon as it is shown: of an image in Markdown and its like, a
// definition that images may refer to, an attribute of HTML, a style sheet.
func (f *follower) loaded(before, part []byte) bool {
	var buf [maxBefore]byte
	b := buf[:copy(buf[:], before[max(0, min(len(before), len(before)+len(part)-maxBefore)):])]
	b = append(b, part[max(0, len(part)-maxBefore):]...)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	t := bytes.TrimRight(b, " \t\r\n\f\"'<\\")
	if bytes.HasSuffix(t, []byte("](")) {
		pairs := f.brackets // however long the text of the image is
		for _, c := range part {
			pairs.take(c)
		}
		return pairs.image
	}
	if bytes.HasSuffix(t, []byte("]:")) {
		f.defined = f.defined || !f.images // and if one comes behind it, that is found
		return f.images
	}
	for _, s := range loaders {
		if front, ok := bytes.CutSuffix(t, []byte(s)); ok && !(letter(s[0]) && calls(front)) {
			return true
		}
	}
	if i := bytes.LastIndex(b, []byte("image-set(")); i >= 0 && !bytes.ContainsAny(b[i:], ";}") { // one of several
		return true
	}
	if i := bytes.LastIndex(t, []byte("includegraphics[")); i >= 0 && bytes.HasSuffix(t, []byte("]{")) && bytes.IndexByte(t[i:len(t)-1], '{') < 0 {
		return true
	}
	tagged := f.tagged || bytes.IndexByte(part, '<') >= 0
	if name, ok := bytes.CutSuffix(t, []byte("=")); ok && tagged { // whatever stands in front of it, such as an attribute with ">" in it
		name = bytes.TrimRight(name, " \t\r\n\f")
		for _, a := range loading {
			if bytes.HasSuffix(name, []byte(a)) {
				return true
			}
		}
	}
	tag := bytes.LastIndexByte(b, '<')
	if tag < 0 || tag+1 == len(b) || !letter(b[tag+1]) || bytes.IndexByte(b[tag:], '>') >= 0 {
		return false
	}
	inside := b[tag:]
	for _, a := range loading {
		if attribute(inside, []byte(a)) {
			return true
		}
	}
	for _, tag := range [...]string{"<link", "<meta", "<image", "<use", "<feimage", "<base", "<script"} {
		if bytes.HasPrefix(inside, []byte(tag)) {
			return true
		}
	}
	return false
}

// calls reports whether a name behind a text is that of a function in a program, as in "new URL(" and "get_image(": style sheets have it alone.
func calls(front []byte) bool {
	if n := len(front); n > 0 && (letter(front[n-1]) || front[n-1] == '_') {
		return true
	}
	return bytes.HasSuffix(front, []byte("new "))
}

// attribute reports whether a tag has an attribute, up to here, whose name has a part in it.
func attribute(tag, part []byte) bool {
	for {
		i := bytes.Index(tag, part)
		if i < 0 {
			return false
		}
		tag = tag[i+len(part):]
		name := 0
		for name < len(tag) && (letter(tag[name]) || tag[name] == '-') {
			name++
		}
		if bytes.HasPrefix(bytes.TrimLeft(tag[name:], " \t\r\n\f"), []byte("=")) {
			return true
		}
	}
}

// loaders stand in front of addresses that are loaded: definitions of Markdown, style sheets, and images of wikis, BBCode, AsciiDoc, reStructuredText and TeX.
var loaders = [...]string{"url(", "image(", "image-set(", "@import", "![[", "[img]", "image::", "includegraphics{"}

// loading are the attributes of HTML whose addresses are loaded.
var loading = [...]string{"src", "srcset", "background", "poster", "data", "action", "ping", "style", "xlink:href"}
