package train

// Maths returns harmless small problems of arithmetic in ten languages. They are for measuring alone: no model is trained on them.
func Maths() []Row {
	problems := []struct{ lang, template string }{
		{"de", "{Lena|Herr Vogt|Die Bäckerin} {kauft|verkauft|verschenkt} {12|15|40} {Äpfel|Brezeln|Hefte} und {danach|am Abend} noch {3|5|8} mehr. Wie viele sind es {insgesamt|zusammen}?"},
		{"fr", "{Luc|Madame Morel|Le boulanger} a {12|30|45} {pommes|cahiers|billes} et en donne {4|6|9} à {sa sœur|son voisin}. Combien lui en reste-t-il{ ?| à la fin ?}"},
		{"es", "{Carmen|El panadero|Mi tío} tiene {20|36|50} {naranjas|lápices|monedas} y las reparte entre {4|5|6} {niños|amigos}. ¿Cuántas recibe cada uno{?| y cuántas sobran?}"},
		{"ru", "У {Маши|Пети|бабушки} было {12|18|30} {яблок|книг|монет}. {Она отдала|Отдали} {4|5|7}. Сколько осталось?"},
		{"zh", "{小明|王老师|农夫}有{12|24|36}个{苹果|鸡蛋|球}，给了{妹妹|同学}{3|5|8}个，还剩多少个？"},
		{"ja", "{太郎さん|花子さん|先生}は{りんご|鉛筆|切手}を{12|20|32}個持っています。{3|4|6}個あげると、残りはいくつですか。"},
		{"th", "{สมชาย|แม่|ครู}มี{ส้ม|ดินสอ|ไข่} {12|25|40} {ใบ|อัน} ให้เพื่อนไป {4|6|9} เหลือกี่{ใบ|อัน}"},
		{"sw", "{Asha|Mwalimu|Baba} ana {maembe|vitabu|mayai} {12|20|35}. Anampa {rafiki|dada} yake {3|5|7}. Amebaki na mangapi?"},
		{"bn", "{রহিমের|মায়ের} কাছে {12|20|30}টি {আম|বই|ডিম} আছে। সে {4|5|8}টি দিয়ে দিল। কতগুলি বাকি থাকল?"},
		{"te", "{రాము|సీత} దగ్గర {12|18|30} {మామిడిపండ్లు|పుస్తకాలు} ఉన్నాయి. {3|5|6} ఇచ్చిన తర్వాత ఎన్ని మిగిలాయి?"},
	}
	g := new(grammar)
	r := NewRandom(10)
	var out []Row
	for _, p := range problems {
		n, err := g.parse(p.template)
		if err != nil {
			panic(err) // the templates are above
		}
		seen := make(map[string]bool)
		for range 60 {
			s := g.text(n, r)
			if !seen[s] {
				seen[s] = true
				out = append(out, Row{Text: s, Source: "own-maths", Kind: "benign", Lang: p.lang, Lic: "project"})
			}
		}
	}
	return out
}
