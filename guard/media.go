package guard

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/holdfast-ai/holdfast/guard/api"
)

// MediaRules say which images a request may carry or refer to. A zero field takes the default. Audio, and files that are
// no images, are refused.
//
// An image's header is read before any server decodes it: its type must be the one that is stated, and its size within the
// limits, since decoders allocate what the header says. Its parts must add up to it, with nothing behind them.
type MediaRules struct {
	MaxCount  int `json:"max_count" validate:"min=0,max=256"`         // in one request; default 8
	MaxBytes  int `json:"max_bytes" validate:"min=0,max=67108864"`    // of one image; default 4 MiB
	MaxPixels int `json:"max_pixels" validate:"min=0,max=1000000000"` // of one image; default 16,777,216
	MaxFrames int `json:"max_frames" validate:"min=0,max=1024"`       // of one image; default 1: models take still ones, and decoders may take all
	// Hosts are the names that https URLs may have, each exactly. Default: none, images come in the request. The backend
	// resolves them: list no name whose address others control.
	Hosts []string `json:"hosts,omitempty" validate:"max=256,dive,hostname_rfc1123"`
}

func badMedia(why string) error { return &api.FieldError{Field: "media", Why: why} }

// check holds media against the rules and estimates how many tokens they are.
func (m *MediaRules) check(media []api.Media) (tokens int64, err error) {
	if len(media) > or(m.MaxCount, 8) {
		return 0, badMedia("too many")
	}
	for i := range media {
		n, err := m.one(&media[i])
		if err != nil {
			return 0, err
		}
		tokens += n
	}
	return tokens, nil
}

// An image is a token for each pixelsOfToken of its pixels, and imageTokens at most, since servers scale large ones down: so Anthropic
// counts, OpenAI a little less. What a server says that it was counts beside it.
const (
	pixelsOfToken = 750
	imageTokens   = 1600
)

func (m *MediaRules) one(x *api.Media) (tokens int64, err error) {
	if x.Kind != "image" {
		return 0, badMedia("not an image")
	}
	if x.Data != nil {
		return m.picture(x.Data, x.Type)
	}
	if x.URL == nil {
		return m.image(x.Base64, x.Type)
	}
	rest, ok := bytes.CutPrefix(x.URL, []byte("data:"))
	if !ok {
		return imageTokens, m.url(string(x.URL))
	}
	head, payload, _ := bytes.Cut(rest, []byte(","))
	typ, ok := bytes.CutSuffix(head, []byte(";base64"))
	if !ok || len(typ) == 0 {
		return 0, badMedia("not base64 of a stated type")
	}
	return m.image(payload, string(typ))
}

// url allows https on the standard port of a listed host, without credentials. What looks like an address in any spelling is
// none of the listed names.
func (m *MediaRules) url(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || u.Port() != "" && u.Port() != "443" || strings.ContainsAny(s, "\\\t\r\n ") {
		return badMedia("URL")
	}
	host := strings.ToLower(u.Hostname())
	if _, err := netip.ParseAddr(host); err == nil || !slices.Contains(m.Hosts, host) {
		return badMedia("host")
	}
	return nil
}

// image checks an image in base64.
func (m *MediaRules) image(text []byte, typ string) (tokens int64, err error) {
	most := or(m.MaxBytes, 4<<20)
	if base64.StdEncoding.DecodedLen(len(text)) > most+2 {
		return 0, badMedia("too large")
	}
	data, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil || bytes.ContainsAny(text, "\r\n") {
		return 0, badMedia("not base64")
	}
	return m.picture(data, typ)
}

// picture checks an image by its header and its parts.
func (m *MediaRules) picture(data []byte, typ string) (tokens int64, err error) {
	if len(data) > or(m.MaxBytes, 4<<20) {
		return 0, badMedia("too large")
	}
	found, width, height, err := header(data)
	if err != nil {
		return 0, err
	}
	if typ != "" && typ != found {
		return 0, badMedia("not what it says it is")
	}
	frames, err := pictures(found, data)
	if err != nil {
		return 0, wrap(err)
	}
	if frames > or(m.MaxFrames, 1) {
		return 0, badMedia("too many frames")
	}
	if width <= 0 || height <= 0 || frames <= 0 || width > or(m.MaxPixels, 1<<24)/height/frames {
		return 0, badMedia("too many pixels")
	}
	return int64(frames) * min(int64(width)*int64(height)/pixelsOfToken+1, imageTokens), nil
}

var errImage = errors.New("guard: not an image that is known")

// header reads the type and the size of an image.
func header(data []byte) (typ string, width, height int, err error) {
	r := bytes.NewReader(data)
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		c, err := png.DecodeConfig(r)
		return "image/png", c.Width, c.Height, wrap(err)
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		c, err := jpeg.DecodeConfig(r)
		return "image/jpeg", c.Width, c.Height, wrap(err)
	case bytes.HasPrefix(data, []byte("GIF8")):
		c, err := gif.DecodeConfig(r)
		return "image/gif", c.Width, c.Height, wrap(err)
	}
	return "", 0, 0, wrap(errImage)
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w (%w)", badMedia("image"), err)
}
