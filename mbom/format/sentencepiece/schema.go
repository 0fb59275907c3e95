package sentencepiece

// message is a message of sentencepiece_model.proto.
type message int

const (
	model message = iota
	piece
	trainer
	normalizer
	selfTest
	sample
)

func (m message) String() string {
	return [...]string{"ModelProto", "SentencePiece", "TrainerSpec", "NormalizerSpec", "SelfTestData", "Sample"}[m]
}

// kind is what a field holds.
type kind int

const (
	number kind = iota // an integer, truth value or enumeration
	float
	text
	table // the bytes of a normalizer
	nested
)

// rule is what the schema says of a field.
type rule struct {
	kind     kind
	wire     uint64
	repeated bool
	most     uint64  // of an enumeration from 1 on
	message  message // that is nested
}

// schema returns the rule of a field, as of SentencePiece 0.2.3 and before. Extensions (from 200 on) are used by nobody, and refused.
func (m message) schema(n uint64) (rule, bool) {
	texts := rule{kind: text, wire: delimited, repeated: true}
	one := rule{kind: text, wire: delimited}
	num := rule{kind: number, wire: varint}
	real32 := rule{kind: float, wire: fixed32}
	in := func(m message, repeated bool) rule {
		return rule{kind: nested, wire: delimited, message: m, repeated: repeated}
	}
	switch m {
	case model:
		switch n {
		case 1:
			return in(piece, true), true
		case 2:
			return in(trainer, false), true
		case 3, 5: // and what undoes it
			return in(normalizer, false), true
		case 4:
			return in(selfTest, false), true
		}
	case piece: // piece, score, type
		switch n {
		case 1:
			return one, true
		case 2:
			return real32, true
		case 3:
			return rule{kind: number, wire: varint, most: 6}, true
		}
	case trainer:
		switch n {
		case 1, 5, 30, 31: // input, accept_language, control_symbols, user_defined_symbols
			return texts, true
		case 3: // model_type
			return rule{kind: number, wire: varint, most: 4}, true
		case 2, 7, 36, 44, 45, 46, 47, 48, 53, 54:
			return one, true
		case 10, 15, 51:
			return real32, true
		case 4, 6, 11, 12, 13, 14, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 32, 33, 34, 35, 40, 41, 42, 43, 49, 50, 52, 55:
			return num, true
		}
	case normalizer: // name, precompiled_charsmap, three truth values, normalization_rule_tsv
		switch n {
		case 1, 6:
			return one, true
		case 2:
			return rule{kind: table, wire: delimited}, true
		case 3, 4, 5:
			return num, true
		}
	case selfTest:
		if n == 1 {
			return in(sample, true), true
		}
	case sample: // input, expected
		if n == 1 || n == 2 {
			return one, true
		}
	}
	return rule{}, false
}
