// Package model is the neutral bill of materials of a model: what is known about it, and how each thing is known.
// Codecs (mbom/cyclonedx) turn it into documents; nothing in it depends on a document format.
package model

// A Class says how a value is known.
type Class string

// The classes of evidence.
const (
	Verified   Class = "verified"   // computed from the bytes of the files
	Declared   Class = "declared"   // stated by a file, at a place in it
	Inferred   Class = "inferred"   // derived by a rule from something else
	Unresolved Class = "unresolved" // named, but what it stands for is not pinned
)

// Evidence says where a value comes from.
type Evidence struct {
	Class   Class
	File    string // path in the model directory
	Pointer string // JSON pointer into the file, for Declared
	Rule    string // for Inferred and Unresolved: why, in words
}

// A Value is one text with its evidence. A field that has several keeps them all: conflicts are for the reader to see.
type Value struct {
	Text     string
	Evidence Evidence
}

// A File is one file of the model.
type File struct {
	Name   string // slash-separated path
	SHA256 [32]byte
	Size   int64  // bytes
	Format string // by content, as in mbom/format
}

// A Template is one chat template.
type Template struct {
	Name     string   // "default" or the name it has in its list
	SHA256   [32]byte // of its text in UTF-8
	Evidence Evidence // the file and place it was read from
}

// A Count is the number of tensors and parameters of one element type.
type Count struct {
	DType    string
	Tensors  uint64
	Elements uint64
}

// A Metric is one evaluation result that the card declares.
type Metric struct {
	Type, Value, Dataset string
	Evidence             Evidence
}

// A Property is a named value of the configuration.
type Property struct {
	Name string
	Value
}

// A BOM is the bill of materials. Lists are sorted by name or text.
type BOM struct {
	Name       string
	Version    string
	Display    string
	Created    string // RFC 3339; "" where unknown
	Identity   Evidence
	Files      []File
	Templates  []Template
	Licences   []Value // SPDX ids or expressions as written
	Datasets   []Value
	BaseModels []Value
	Architects []Value // architecture classes, such as LlamaForCausalLM
	Families   []Value // such as llama
	Tasks      []Value
	Metrics    []Metric
	Properties []Property
	Parameters []Count
	Weights    []string // files that Parameters were counted in
	RemoteCode []Value  // places that make a loader run code of the repository
	Findings   []Value  // what a reader should know, in words
}
