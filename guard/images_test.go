package guard

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

func still() image.Image {
	m := image.NewPaletted(image.Rect(0, 0, 10, 10), color.Palette{color.Black, color.White})
	m.Set(3, 3, color.White)
	return m
}

func pngOf(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, still()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, still(), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gifOf(t testing.TB, frames int) []byte {
	t.Helper()
	g := &gif.GIF{}
	for range frames {
		g.Image, g.Delay = append(g.Image, still().(*image.Paletted)), append(g.Delay, 1)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// chunk puts a chunk behind the header of a PNG file.
func chunk(file []byte, name string, body []byte) []byte {
	c := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	c = append(append(c, name...), body...)
	c = binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
	const header = 8 + 25 // the signature and IHDR
	return append(append(append([]byte(nil), file[:header]...), c...), file[header:]...)
}

// An image is one still picture and no other file, and has little beside its pixels.
func TestImagesAreWholeAndStill(t *testing.T) {
	p, j, g := pngOf(t), jpegOf(t), gifOf(t, 1)
	segment := func(kind byte, n int) []byte {
		s := append([]byte{0xff, kind, byte((n + 2) >> 8), byte(n + 2)}, make([]byte, n)...)
		return append(append(append([]byte(nil), j[:2]...), s...), j[2:]...)
	}
	many := j
	for range 5 {
		many = append(append(append([]byte(nil), many[:2]...), segment(0xe1, 60_000)[2:60_006]...), many[2:]...)
	}
	larger := append([]byte(nil), g...)
	larger[bytes.IndexByte(g[13:], 0x2c)+13+6] = 0xff // the width of the frame
	frames := binary.BigEndian.AppendUint32(nil, 2000)
	for name, c := range map[string]struct {
		data []byte
		m    MediaRules
		ok   bool
	}{
		"PNG": {p, MediaRules{}, true}, "JPEG": {j, MediaRules{}, true}, "GIF": {g, MediaRules{}, true},
		"PNG and more": {append(p[:len(p):len(p)], "PK"...), MediaRules{}, false}, "JPEG and more": {append(j[:len(j):len(j)], "PK"...), MediaRules{}, false}, "GIF and more": {append(g[:len(g):len(g)], "PK"...), MediaRules{}, false},
		"PNG cut": {p[:len(p)-1], MediaRules{}, false}, "JPEG cut": {j[:len(j)-2], MediaRules{}, false}, "GIF cut": {g[:len(g)-1], MediaRules{}, false},
		"moving GIF": {gifOf(t, 2), MediaRules{}, false}, "moving GIF, allowed": {gifOf(t, 2), MediaRules{MaxFrames: 2}, true}, "its pixels": {gifOf(t, 3), MediaRules{MaxFrames: 3, MaxPixels: 299}, false},
		"larger than it says": {larger, MediaRules{}, false},
		"moving PNG":          {chunk(p, "acTL", append(frames, 0, 0, 0, 0)), MediaRules{MaxFrames: 100}, false},
		"moving, and not":     {chunk(chunk(p, "acTL", []byte{0, 0, 0, 1, 0, 0, 0, 0}), "acTL", append(frames, 0, 0, 0, 0)), MediaRules{MaxFrames: 100}, false},
		"not, and moving":     {chunk(chunk(p, "acTL", append(frames, 0, 0, 0, 0)), "acTL", []byte{0, 0, 0, 1, 0, 0, 0, 0}), MediaRules{MaxFrames: 100}, false},
		"two JPEGs":           {append(j[:len(j):len(j)], j...), MediaRules{}, false}, "a JPEG around another file": {append(j[:len(j):len(j)], "PK\xff\xd9"...), MediaRules{}, false},
		"a header behind the pixels":       {append(j[:len(j)-2:len(j)-2], "\xff\xc0\x00\x0b\x08\x00\x0a\x00\x0a\x01\x01\x11\x00\xff\xd9"...), MediaRules{}, false},
		"profiles behind the pixels":       {append(j[:len(j)-2:len(j)-2], strings.Repeat("\xff\xe1\xf0\x00"+strings.Repeat("a", 0xeffe), 5)+"\xff\xd9"...), MediaRules{}, false},
		"a JPEG with marks to start again": {append(j[:len(j)-2:len(j)-2], "\xff\xd0a\xff\x00\xff\xff\xd9"...), MediaRules{}, true},
		"a text":                           {chunk(p, "tEXt", make([]byte, 1000)), MediaRules{}, true}, "a large text": {chunk(p, "zTXt", make([]byte, 300<<10)), MediaRules{}, false},
		"a profile": {segment(0xe2, 3000), MediaRules{}, true}, "large profiles": {many, MediaRules{}, false},
		"two headers": {append(append(append([]byte(nil), j[:2]...), 0xff, 0xc0, 0, 11, 8, 0, 10, 0, 10, 1, 1, 0x11, 0), j[2:]...), MediaRules{}, false},
	} {
		_, err := c.m.image([]byte(base64.StdEncoding.EncodeToString(c.data)), "")
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each scan of a JPEG file is a pass over its pixels: a small file can keep a decoder busy for minutes.
func TestScansOfImages(t *testing.T) {
	j := jpegOf(t)
	at := bytes.Index(j, []byte{0xff, 0xda})
	for n, ok := range map[int]bool{0: false, 1: true, maxScans: true, maxScans + 1: false, 10_000: false} {
		data := append(append(bytes.Clone(j[:at]), bytes.Repeat(j[at:len(j)-2], n)...), 0xff, 0xd9)
		if _, err := new(MediaRules).picture(data, "image/jpeg"); (err == nil) != ok {
			t.Errorf("%d scans: %v", n, err)
		}
	}
}

// FuzzImages: no image makes the reader of its parts panic, and what it takes for whole the decoders' headers read too.
func FuzzImages(f *testing.F) {
	f.Add(pngOf(f))
	f.Add(jpegOf(f))
	f.Add(gifOf(f, 2))
	f.Add(chunk(pngOf(f), "acTL", make([]byte, 8)))
	m := MediaRules{MaxFrames: 1000}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := m.image([]byte(base64.StdEncoding.EncodeToString(data)), ""); err == nil {
			if _, _, err := image.DecodeConfig(bytes.NewReader(data)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
