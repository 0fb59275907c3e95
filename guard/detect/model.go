package detect

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/holdfast-ai/holdfast/internal/strictjson"
)

// ErrModel means that a model file cannot be used: damaged, of another version, expired or older than required.
var ErrModel = errors.New("detect: unusable model")

// modelMagic begins a model file:
//
//	magic || uint32 length of the header, big-endian || header, JSON || weights, one signed byte each
const modelMagic = "holdfast/detect-model/v2\n"

// ModelPayloadType is the DSSE payload type of a signed model file (docs/SPEC.md section 10).
const ModelPayloadType = "application/vnd.holdfast.detect-model.v2"

// Bounds of a model file.
const (
	minModelBits   = 8
	maxModelBits   = 20      // a larger table leaves the cache and gains nothing
	maxModelHeader = 1 << 18 // the list of sources and the scorecard
)

// FeatureVersion names the features that a model was trained on, and how they are combined. A model of another version is refused: its weights
// would mean nothing.
const FeatureVersion = 3

// A ModelCard says what a model is: what it was trained on, how it is combined with the rules and how good it is.
type ModelCard struct {
	Number    uint64             `json:"number"`              // of the release; a verifier may refuse lower ones
	Date      string             `json:"date"`                // day of the training data, as 2006-01-02
	Expires   string             `json:"expires,omitempty"`   // last day of use; a signed model must have one
	Features  int                `json:"features"`            // FeatureVersion
	Bits      int                `json:"bits"`                // the table has 1<<bits weights
	Scale     float64            `json:"scale"`               // one step of a weight
	Bias      float64            `json:"bias"`                // of a window
	Combine   Combination        `json:"combine"`             // of the window scores with the rules
	Sources   []ModelSource      `json:"sources"`             // training data
	Data      string             `json:"data"`                // SHA-256 of the training rows, hex
	Weights   string             `json:"weights"`             // SHA-256 of the weights, hex
	Benign    *Scores            `json:"benign"`              // scores of harmless texts of sources left out of training
	Scorecard map[string]float64 `json:"scorecard,omitempty"` // measured with whole sources left out
}

// A ModelSource is one source of training rows.
type ModelSource struct {
	Name    string `json:"name"`
	Attacks int    `json:"attacks"`
	Benign  int    `json:"benign"`
	Licence string `json:"licence"`
}

// Combination turns what was seen in a text, in the region of it that looks most like an attack, into one score, in log-odds.
type Combination struct {
	Bias    float64            `json:"bias"`
	Windows []float64          `json:"windows"` // times the highest window score of each width, narrow to wide
	Length  float64            `json:"length"`  // times the length, [Score.Length]: many windows, many chances
	Known   float64            `json:"known"`   // times [Score.Known]: what a model knows little of scores near nothing
	Rules   map[string]float64 `json:"rules"`   // for each rule that fired, by id
	Outside map[string]float64 `json:"outside"` // the same for texts from outside the conversation, added
}

// Model is a linear model over hashed n-grams. It is immutable and safe for concurrent use.
type Model struct {
	card    ModelCard
	weights []int8
	shift   uint
	digest  [32]byte
}

//go:embed model.bin
var builtinModel []byte

// NewModel returns the model that this version of the package was released with.
func NewModel() (*Model, error) { return parsedModel() }

// parsedModel is a constant that takes time to work out.
var parsedModel = sync.OnceValues(func() (*Model, error) { return ParseModel(builtinModel) })

// ParseModel reads a model file. It checks the form and the digest of the weights, which a signature need not cover: a
// file that others could have written must come through [OpenModel]. The model keeps data.
// Errors unwrap to [ErrModel].
func ParseModel(data []byte) (*Model, error) {
	bad := func(what string) (*Model, error) { return nil, fmt.Errorf("%w: %s", ErrModel, what) }
	if len(data) < len(modelMagic)+4 || string(data[:len(modelMagic)]) != modelMagic {
		return bad("not a model file of this version")
	}
	rest := data[len(modelMagic):]
	n := binary.BigEndian.Uint32(rest)
	rest = rest[4:]
	if n > maxModelHeader || uint64(n) > uint64(len(rest)) {
		return bad("the header does not fit")
	}
	m := &Model{digest: sha256.Sum256(data)}
	if err := strictjson.Unmarshal(rest[:n], &m.card, strictjson.Limits{MaxBytes: maxModelHeader, MaxDepth: 8}); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrModel, err)
	}
	weights := rest[n:]
	c := &m.card
	switch {
	case c.Features != FeatureVersion:
		return bad(fmt.Sprintf("features of version %d", c.Features))
	case c.Bits < minModelBits || c.Bits > maxModelBits:
		return bad("size of the table")
	case len(weights) != 1<<c.Bits:
		return bad("the weights do not fill the table")
	case len(c.Combine.Windows) != scales || !sane(c.Combine.Windows...) ||
		!sane(c.Scale, c.Bias, c.Combine.Bias, c.Combine.Length, c.Combine.Known) || c.Scale <= 0:
		return bad("a number is out of range")
	case fmt.Sprintf("%x", sha256.Sum256(weights)) != c.Weights:
		return bad("digest of the weights")
	}
	for _, set := range []map[string]float64{c.Combine.Rules, c.Combine.Outside} {
		for _, w := range set {
			if !sane(w) {
				return bad("a number is out of range")
			}
		}
	}
	if c.Benign == nil {
		return bad("no scores of harmless texts")
	}
	m.shift = uint(32 - c.Bits)
	m.weights = make([]int8, len(weights))
	for i, w := range weights {
		m.weights[i] = int8(w)
	}
	return m, nil
}

// OpenModel reads a signed model file. verify checks the envelope, of [ModelPayloadType], and returns its payload; least
// is the lowest number that is accepted, and now the time that expiry is judged by.
// Errors unwrap to [ErrModel].
func OpenModel(envelope []byte, verify func(payloadType string, envelope []byte) ([]byte, error), least uint64, now time.Time) (*Model, error) {
	if verify == nil {
		return nil, fmt.Errorf("%w: nothing verifies it", ErrModel)
	}
	data, err := verify(ModelPayloadType, envelope)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	m, err := ParseModel(data)
	if err != nil {
		return nil, err
	}
	if err := current(m.card.Number, least, m.card.Expires, now); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return m, nil
}

// current refuses what is older than required or expired.
func current(number, least uint64, expires string, now time.Time) error {
	if number < least {
		return fmt.Errorf("number %d is below %d", number, least)
	}
	end, err := time.Parse(time.DateOnly, expires)
	if err != nil {
		return errors.New("no day of expiry")
	}
	if !now.Before(end.AddDate(0, 0, 1)) {
		return errors.New("expired on " + expires)
	}
	return nil
}

// maxCardNumber bounds the numbers of a card: log-odds of a thousand are certainty, and products of larger ones could end in what is no number, which
// is above no threshold.
const maxCardNumber = 1e6

func sane(v ...float64) bool {
	for _, x := range v {
		if !(math.Abs(x) <= maxCardNumber) {
			return false
		}
	}
	return true
}

// Card returns what the model says about itself. The caller must not change it.
func (m *Model) Card() ModelCard { return m.card }

// Digest identifies the model file.
func (m *Model) Digest() [32]byte { return m.digest }

// AppendModel appends a model file to dst. It sets Features, Bits and Weights of the card.
// Errors unwrap to [ErrModel].
func AppendModel(dst []byte, card ModelCard, weights []int8) ([]byte, error) {
	raw := make([]byte, len(weights))
	for i, w := range weights {
		raw[i] = byte(w)
	}
	card.Features = FeatureVersion
	card.Weights = fmt.Sprintf("%x", sha256.Sum256(raw))
	for card.Bits = 0; 1<<card.Bits < len(weights); card.Bits++ {
	}
	if card.Combine.Rules == nil {
		card.Combine.Rules = map[string]float64{}
	}
	if card.Combine.Outside == nil {
		card.Combine.Outside = map[string]float64{}
	}
	if card.Combine.Windows == nil {
		card.Combine.Windows = make([]float64, scales)
	}
	if card.Sources == nil {
		card.Sources = []ModelSource{}
	}
	header, err := json.MarshalIndent(card, "", " ")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	start := len(dst)
	dst = append(dst, modelMagic...)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(header)))
	dst = append(append(dst, header...), raw...)
	if _, err := ParseModel(dst[start:]); err != nil {
		return nil, err
	}
	return dst, nil
}
