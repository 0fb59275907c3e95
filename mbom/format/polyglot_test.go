package format_test

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/format"
)

// An image is data to whoever shows it and code to whoever loads it: in a pickle the first byte of a GIF is the opcode of a
// float, after whose eight bytes any opcodes follow, and a zip is found from the end of a file.
func TestImagesThatAreLoadedAsCode(t *testing.T) {
	const code = "cposix\nsystem\n(S'id'\ntR."
	zip := "PK\x05\x06" + string(make([]byte, 18))
	tok := "\x0a\x08\x0a\x01a\x15\x00\x00\x00\x00"                                                            // a tokenizer of one piece
	hdf5 := "\x1a\x90\x08\x12\x8d\x08\x00\x04\x00\x00" + string(make([]byte, 1024)) + "\x89HDF\r\n\x1a\n\x00" // in the table of its normalizer
	hdf5 = "\x0a\xf3\x07\x0a\xeb\x07" + strings.Repeat("a", 2048-6-5-1024-10) + "\x15\x00\x00\x00\x00" + hdf5
	png := "\x89PNG\r\n\x1a\n" + string(make([]byte, 64))
	for name, c := range map[string]struct {
		data string
		want format.Kind
	}{
		"GIF and pickle":   {"GIF89a\x00\x00\x00" + code, format.Pickle},
		"old GIF":          {"GIF87a\x00\x00\x000" + code, format.Pickle},
		"PNG and tar":      {tarHeader("\x89PNG\r\n\x1a\n"), format.Archive},
		"PNG and GNU tar":  {gnuSum(tarHeader("\x89PNG\r\n\x1a\n"), "\x80"), format.Archive},
		"PNG, signed sum":  {gnuSum(tarHeader("\x89PNG\r\n\x1a\n")[:300]+strings.Repeat("\x80", 212), "\xff"), format.Archive},
		"PNG, sum of zero": {zeroSum(tarHeader("\x89PNG\r\n\x1a\n")), format.Archive},
		"PNG and no tar":   {strings.Replace(gnuSum(tarHeader("\x89PNG\r\n\x1a\n"), "\x80"), "0000644", "0000645", 1), format.Image},
		"PNG and HDF5":     {png + string(make([]byte, 1024-len(png))) + "\x89HDF\r\n\x1a\n", format.HDF5},
		"PNG and pickle":   {"\x89PNG\r\n" + code, format.Pickle},
		"PNG and zip":      {png + zip, format.Zip},
		"GIF and zip":      {"GIF89a" + string(make([]byte, 64)) + zip, format.Zip},
		"PNG":              {png, format.Image},
		"tokenizer":        {tok, format.SentencePiece},
		"tokenizer, HDF5":  {hdf5, format.HDF5},
		"tokenizer, zip":   {tok + "\x0a\x1d\x0a\x16" + zip + "\x15\x00\x00\x00\x00", format.Zip},
	} {
		if got := format.Detect([]byte(c.data), int64(len(c.data))); got != c.want {
			t.Errorf("%s looks like %s, want %s", name, got, c.want)
		}
	}
}

// tarHeader is the first block of a tar archive without magic, as archivers wrote it before POSIX and readers still take it.
func tarHeader(name string) string {
	block := fmt.Sprintf("%-100s%-8s%-8s%-8s%-12s%-12s%8s0%-100s", name, "0000644", "0000000", "0000000", "00000001000", "00000000000", "", "")
	block += strings.Repeat(" ", 512-len(block))
	sum := 0
	for _, c := range []byte(block) {
		sum += int(c)
	}
	return block[:148] + fmt.Sprintf("%07o ", sum) + block[156:]
}

// gnuSum writes the checksum of a header in GNU's form, by the first byte of its field: of unsigned bytes, or of signed ones, which
// must be negative.
func gnuSum(header, first string) string {
	sum := int64(0)
	for i, c := range []byte(header) {
		switch {
		case i >= 148 && i < 156:
			sum += ' '
		case first == "\xff":
			sum += int64(int8(c))
		default:
			sum += int64(c)
		}
	}
	field := binary.BigEndian.AppendUint64(nil, uint64(sum))
	return header[:148] + first + string(field[1:]) + header[156:]
}

// zeroSum makes the signed bytes of a header come to zero, and leaves its checksum blank.
func zeroSum(header string) string {
	b := []byte(header[:148] + strings.Repeat(" ", 8) + header[156:])
	sum := 0
	for _, c := range b {
		sum += int(int8(c))
	}
	for i := 500; sum > 0; i-- {
		step := min(sum, 0x20+0x80)
		b[i], sum = byte(int8(int(int8(b[i]))-step)), sum-step
	}
	return string(b)
}

// torch.load opens a file as a tar first, and a tar may be printable text from its first byte to its last.
func TestTarOfText(t *testing.T) {
	for name, header := range map[string]string{
		"plain": tarHeader("storages"),
		"magic": "x" + strings.Repeat("y", 256) + "ustar" + strings.Repeat("z", 300),
	} {
		data := header + "cos\nsystem\n(S'id'\ntR." + strings.Repeat(" ", 491)
		if got := format.Detect([]byte(data), int64(len(data))); got != format.Archive {
			t.Errorf("%s: %s", name, got)
		}
	}
	almost := []byte(tarHeader("storages"))
	almost[0]++
	if got := format.Detect(almost, int64(len(almost))); got != format.Text {
		t.Errorf("a wrong sum: %s", got)
	}
}

// joblib.load inflates what begins with "x", under any name. The text of a formula is none of that.
func TestZlibOfText(t *testing.T) {
	compressed := func(text string) string {
		var b bytes.Buffer
		b.WriteString("x^")
		w, err := flate.NewWriter(&b, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	code := compressed("cos\nsystem\n(S'id'\ntR.")
	for name, c := range map[string]struct {
		data string
		want format.Kind
	}{
		"pickle":        {code, format.Archive},
		"cut":           {code[:len(code)-1], format.Archive},
		"prose":         {compressed("words and more words"), format.Unknown},
		"formula":       {"x^2 + y^2 = 1\n", format.Text},
		"other headers": {"y^" + code[2:], format.Unknown},
		"inflates":      {compressed(strings.Repeat("a", 10<<20)), format.Archive},
	} {
		if got := format.Detect([]byte(c.data), int64(len(c.data))); got != c.want {
			t.Errorf("%s looks like %s, want %s", name, got, c.want)
		}
	}
}
