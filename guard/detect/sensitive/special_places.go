package sensitive

import "bytes"

const (
	plateID    = "pii.vehicle-plate"
	postcodeID = "pii.postcode"
	registerID = "pii.de-company-register"
)

// plated are words for the plates of vehicles in Germany, and for what is registered there.
var plated = []string{"kennzeichen", "nummernschild", "zulassung"}

// plate looks for the plate of a vehicle of Germany behind a word for it: up to three letters of a town, two and four digits ("B-MA 1234"); and for a number of the register of companies
// ("HRB 12345"), which tells itself.
func (f *finder) plate(i int) {
	s := f.seg
	town := run{from: i, end: i}
	for town.end < len(s) && isUpper(s[town.end]) && town.end-i <= 3 {
		town.end++
	}
	n := town.end - i
	if n == 0 || n > 3 || town.end == len(s) || s[town.end] != '-' && s[town.end] != ' ' {
		return
	}
	j := town.end + 1
	letters := j
	for j < len(s) && isUpper(s[j]) && j-letters < 2 {
		j++
	}
	letters = j - letters
	if letters > 0 && j < len(s) && (s[j] == ' ' || s[j] == '-') {
		j++
	}
	number := j
	for j < len(s) && isDigit(s[j]) && j-number <= 6 {
		j++
	}
	digits := j - number
	if digits == 0 {
		return
	}
	if letters == 0 {
		if town := string(s[i:town.end]); (town == "HRB" || town == "HRA") && digits >= 2 && digits <= 6 && f.ends(j) {
			f.add(registerID, i, j)
		}
		return
	}
	if j < len(s) && (s[j] == 'E' || s[j] == 'H') { // electric, historic
		j++
	}
	if digits <= 4 && s[number] != '0' && n+letters+digits <= 8 && f.ends(j) && f.near(plated, i) {
		f.add(plateID, i, j)
	}
}

// posted are words for postcodes.
var posted = []string{"plz", "postleitzahl", "postcode", "post code", "postal code", "zip", "zip code", "zipcode", "code postal", "código postal", "codigo postal", "pin code", "pincode", "postnummer", "postnr", "kod pocztowy", "irányítószám", "郵便番号", "邮编", "우편번호", "индекс"}

// postcodes are the forms of postcodes, A for a capital and 9 for a digit, those that others begin with behind them.
var postcodes = []string{"99999-9999", "99999", "999999", "999-9999", "99-999", "999 99", "9999 AA", "9999AA", "9999", "A9A 9A9", "AA99 9AA", "AA9A 9AA", "AA9 9AA", "A99 9AA", "A9A 9AA", "A9 9AA"}

// postcode looks for a postcode just behind a word for it.
func (f *finder) postcode(i int) {
	s := f.seg
	digits := 0
	for i+digits < len(s) && digits <= 6 && isDigit(s[i+digits]) {
		digits++
	}
	switch behind := s[min(i+digits, len(s)):]; { // most numbers and words are none
	case digits == 0 && (len(behind) < 3 || !isDigit(behind[1]) && !isDigit(behind[2])), digits == 1, digits > 6, digits != 0 && digits < 4 && (len(behind) < 3 || !isDigit(behind[1])):
		return
	}
	var as [10]byte // in the letters of postcodes
	n := copy(as[:], s[i:])
	for k, c := range as[:n] {
		if isDigit(c) {
			as[k] = '9'
		} else if isUpper(c) {
			as[k] = 'A'
		}
	}
	for _, p := range postcodes {
		if to := i + len(p); bytes.HasPrefix(as[:n], []byte(p)) && f.ends(to) {
			if f.beside(posted, i) {
				f.add(postcodeID, i, to)
			}
			return
		}
	}
}
