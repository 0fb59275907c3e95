package format_test

import (
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/format"
)

// An image is data to whoever shows it and code to whoever loads it: in a pickle the first byte of a GIF is the opcode of a
// float, after whose eight bytes any opcodes follow, and a zip is found from the end of a file.
func TestImagesThatAreLoadedAsCode(t *testing.T) {
	const code = "cposix\nsystem\n(S'id'\ntR."
	zip := "PK\x05\x06" + string(make([]byte, 18))
	png := "\x89PNG\r\n\x1a\n" + string(make([]byte, 64))
	for name, c := range map[string]struct {
		data string
		want format.Kind
	}{
		"GIF and pickle": {"GIF89a\x00\x00\x00" + code, format.Pickle},
		"old GIF":        {"GIF87a\x00\x00\x000" + code, format.Pickle},
		"PNG and pickle": {"\x89PNG\r\n" + code, format.Pickle},
		"PNG and zip":    {png + zip, format.Zip},
		"GIF and zip":    {"GIF89a" + string(make([]byte, 64)) + zip, format.Zip},
		"PNG":            {png, format.Image},
	} {
		if got := format.Detect([]byte(c.data), int64(len(c.data))); got != c.want {
			t.Errorf("%s looks like %s, want %s", name, got, c.want)
		}
	}
}
