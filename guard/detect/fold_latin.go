package detect

// Base letters of further Latin blocks, from the compatibility decompositions of Unicode 15 and, for letters with strokes and
// hooks, from their looks; a blank leaves the rune alone.
const (
	// U+0180 to U+024F
	latinB = "bbbbbb ccdddd    ffg   ikkl  nn oo  pp     ttttuu vyyzz         " +
		"             aaiioouuuuuuuuuueaaaa    ggkkoooo  j   gg  nnaa    " +
		"aaaaeeeeiiiioooorrrruuuusstt  hh      aaeeooooooooyy      acclts" +
		"z  bu eejj  rryy"
	// U+1E00 to U+1EFF
	latinMore = "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmm" +
		"mmmmnnnnnnnnoooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvv" +
		"wwwwwwwwwwxxxxyyzzzzzzhtwy s    aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeee" +
		"eeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy      "
)

// raised maps small capitals, modifier letters and raised or lowered letters to ASCII, or returns 0.
func raised(r rune) byte {
	switch r {
	case 0x2080:
		return '0'
	case 0x2081:
		return '1'
	case 0x2082:
		return '2'
	case 0x2083:
		return '3'
	case 0x2074, 0x2084:
		return '4'
	case 0x2075, 0x2085:
		return '5'
	case 0x2076, 0x2086:
		return '6'
	case 0x2077, 0x2087:
		return '7'
	case 0x2078, 0x2088:
		return '8'
	case 0x2079, 0x2089:
		return '9'
	case 0x1d00, 0x1d2c, 0x1d43, 0x2090:
		return 'a'
	case 0x0299, 0x1d2e, 0x1d47:
		return 'b'
	case 0x1d04, 0x1d9c:
		return 'c'
	case 0x1d05, 0x1d30, 0x1d48:
		return 'd'
	case 0x1d07, 0x1d31, 0x1d49, 0x2091:
		return 'e'
	case 0xa730, 0x1da0:
		return 'f'
	case 0x0262, 0x1d33, 0x1d4d:
		return 'g'
	case 0x029c, 0x02b0, 0x1d34, 0x2095:
		return 'h'
	case 0x026a, 0x1d35, 0x1d62, 0x2071:
		return 'i'
	case 0x02b2, 0x1d0a, 0x1d36:
		return 'j'
	case 0x1d0b, 0x1d37, 0x1d4f, 0x2096:
		return 'k'
	case 0x029f, 0x02e1, 0x1d38, 0x2097:
		return 'l'
	case 0x1d0d, 0x1d39, 0x1d50, 0x2098:
		return 'm'
	case 0x0274, 0x1d3a, 0x207f, 0x2099:
		return 'n'
	case 0x1d0f, 0x1d3c, 0x1d52, 0x2092:
		return 'o'
	case 0x1d18, 0x1d3e, 0x1d56, 0x209a:
		return 'p'
	case 0xa7af:
		return 'q'
	case 0x0280, 0x02b3, 0x1d3f, 0x1d63:
		return 'r'
	case 0x02e2, 0x209b, 0xa731:
		return 's'
	case 0x1d1b, 0x1d40, 0x1d57, 0x209c:
		return 't'
	case 0x1d1c, 0x1d41, 0x1d58, 0x1d64:
		return 'u'
	case 0x1d20, 0x1d5b, 0x1d65:
		return 'v'
	case 0x02b7, 0x1d21, 0x1d42:
		return 'w'
	case 0x02e3, 0x2093:
		return 'x'
	case 0x028f, 0x02b8:
		return 'y'
	case 0x1d22, 0x1dbb:
		return 'z'
	}
	return 0
}
