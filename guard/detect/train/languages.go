package train

// Language is the code of a language that rows of others call by its name. Whatever else they say is returned as it is.
func Language(name string) string {
	switch name {
	case "Arabic":
		return "ar"
	case "Bengali":
		return "bn"
	case "Chinese":
		return "zh"
	case "English":
		return "en"
	case "Filipino/Tagalog", "tl":
		return "fil"
	case "French":
		return "fr"
	case "German":
		return "de"
	case "Hindi":
		return "hi"
	case "Indonesian":
		return "id"
	case "Italian":
		return "it"
	case "Japanese":
		return "ja"
	case "Korean":
		return "ko"
	case "Portuguese":
		return "pt"
	case "Russian":
		return "ru"
	case "Spanish":
		return "es"
	case "Thai":
		return "th"
	case "Turkish":
		return "tr"
	case "Vietnamese":
		return "vi"
	}
	return name
}

// mostEven bounds how much more harmless rows of a language may weigh.
const mostEven = 4

// even says how much more the harmless rows of each language weigh: as much as attacks in it do, where those are what most of its rows are. Attacks of others are
// translated into languages of which hardly a harmless text is among the rows, and the commonest words of these would be signs of an attack. Rows in English, and those
// that do not say what they are in, are many of both.
func even(rows []prepared, weight map[string]float64, use func(*Row) bool) map[string]float64 {
	sum := make(map[string][2]float64)
	var all [2]float64
	for i := range rows {
		if r := &rows[i].Row; use(r) {
			s := sum[Language(r.Lang)]
			s[r.Label] += weight[key(r)]
			all[r.Label] += weight[key(r)]
			sum[Language(r.Lang)] = s
		}
	}
	out := make(map[string]float64)
	for language, s := range sum {
		out[language] = 1
		if language != "" && language != "en" && s[0] > 0 {
			out[language] = min(max(s[1]*all[0]/(s[0]*all[1]), 1), mostEven)
		}
	}
	return out
}
