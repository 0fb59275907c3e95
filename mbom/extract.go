package mbom

import (
	"cmp"
	"crypto/sha256"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-ai/holdfast/mbom/format/card"
	"github.com/holdfast-ai/holdfast/mbom/model"
)

// extractor collects what the small files of a model declare.
type extractor struct {
	src fs.FS
	bom *model.BOM
}

func declared(file, pointer string) model.Evidence {
	return model.Evidence{Class: model.Declared, File: file, Pointer: pointer}
}

// extract reads the files of names that declare something; it reads no weights.
func extract(src fs.FS, names []string) (*model.BOM, error) {
	x := &extractor{src, &model.BOM{Identity: model.Evidence{Class: model.Unresolved, Rule: "no " + DeclarationFile}}}
	for _, name := range names {
		if err := x.file(name); err != nil {
			return nil, err
		}
	}
	return x.bom, nil
}

func (x *extractor) file(name string) error {
	base := strings.ToLower(path.Base(name))
	switch {
	case name == DeclarationFile:
		return x.declaration(name)
	case name == "README.md":
		return x.card(name)
	case path.Ext(base) == ".md" && (strings.HasPrefix(base, "dataset") || base == "readme.md" && strings.HasPrefix(strings.ToLower(name), "data")):
		return x.dataset(name)
	case isTemplate(name):
		return x.templateFile(name)
	case isJSON(name):
		return x.json(name)
	case isYAML(name):
		return x.yaml(name)
	}
	return nil
}

func (x *extractor) declaration(name string) error {
	data, err := readFile(x.src, name, maxDeclaration)
	if err != nil {
		return err
	}
	d, err := parseDeclaration(data)
	if err != nil {
		return err
	}
	x.bom.Name, x.bom.Version, x.bom.Display, x.bom.Created = d.Name, strconv.FormatUint(d.Version, 10), d.Display, d.Created
	x.bom.Identity = declared(name, "/name")
	return nil
}

func (x *extractor) card(name string) error {
	data, err := readFile(x.src, name, card.MaxSize)
	if err != nil {
		return err
	}
	c, err := card.Parse(data)
	if err != nil {
		return &FormatError{name, "model card", err}
	}
	add := func(to *[]model.Value, pointer string, texts ...string) {
		for _, t := range texts {
			if t != "" {
				*to = append(*to, model.Value{Text: t, Evidence: declared(name, pointer)})
			}
		}
	}
	add(&x.bom.Licences, "/license", c.Licences...)
	add(&x.bom.Datasets, "/datasets", c.Datasets...)
	add(&x.bom.BaseModels, "/base_model", c.BaseModels...)
	add(&x.bom.Tasks, "/pipeline_tag", c.Task)
	add(&x.bom.Findings, "/", c.Findings...)
	for _, m := range c.Results {
		x.bom.Metrics = append(x.bom.Metrics, model.Metric{Type: m.Type, Value: m.Value, Dataset: m.Dataset, Evidence: declared(name, "/model-index")})
	}
	x.property("library", c.Library, name, "/library_name")
	x.property("cdx:ai-ml:model:language", strings.Join(c.Languages, ","), name, "/language")
	x.property("base-model-relation", c.BaseModelRelation, name, "/base_model_relation")
	return nil
}

// dataset reads the card of a data set that lies beside the model.
func (x *extractor) dataset(name string) error {
	data, err := readFile(x.src, name, card.MaxSize)
	if err != nil {
		return err
	}
	c, err := card.Parse(data)
	if err != nil {
		return &FormatError{name, "data-set card", err}
	}
	if c.PrettyName != "" {
		x.bom.Datasets = append(x.bom.Datasets, model.Value{Text: c.PrettyName, Evidence: declared(name, "/pretty_name")})
	}
	return nil
}

func (x *extractor) property(name, text, file, pointer string) {
	if text != "" {
		x.bom.Properties = append(x.bom.Properties, model.Property{Name: name, Value: model.Value{Text: text, Evidence: declared(file, pointer)}})
	}
}

func (x *extractor) template(name, text, file, pointer string) {
	ev := declared(file, pointer)
	ev.Class = model.Verified // the digest is computed from the bytes
	x.bom.Templates = append(x.bom.Templates, model.Template{Name: name, SHA256: sha256.Sum256([]byte(text)), Evidence: ev})
}

func (x *extractor) templateFile(name string) error {
	data, err := readFile(x.src, name, maxConfig)
	if err != nil {
		return err
	}
	if !utf8.Valid(data) {
		return &FormatError{name, "template is not UTF-8", nil}
	}
	label := strings.TrimSuffix(path.Base(name), path.Ext(name))
	if label == "chat_template" {
		label = "default"
	}
	x.template(label, string(data), name, "")
	return nil
}

// sortBOM puts every list into an order that depends on content alone.
func sortBOM(b *model.BOM) {
	value := func(a, b model.Value) int {
		return cmp.Or(cmp.Compare(a.Text, b.Text), cmp.Compare(a.Evidence.File, b.Evidence.File), cmp.Compare(a.Evidence.Pointer, b.Evidence.Pointer))
	}
	for _, l := range []*[]model.Value{&b.Licences, &b.Datasets, &b.BaseModels, &b.Architects, &b.Families, &b.Tasks, &b.RemoteCode, &b.Findings} {
		slices.SortFunc(*l, value)
	}
	slices.SortFunc(b.Files, func(a, b model.File) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(b.Templates, func(a, b model.Template) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Evidence.File, b.Evidence.File), cmp.Compare(a.Evidence.Pointer, b.Evidence.Pointer))
	})
	slices.SortFunc(b.Metrics, func(a, b model.Metric) int {
		return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Value, b.Value))
	})
	slices.SortFunc(b.Properties, func(a, b model.Property) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), value(a.Value, b.Value))
	})
	slices.SortFunc(b.Parameters, func(a, b model.Count) int { return cmp.Compare(a.DType, b.DType) })
	slices.Sort(b.Weights)
}
