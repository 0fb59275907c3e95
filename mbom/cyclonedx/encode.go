// Package cyclonedx writes a bill of materials as CycloneDX JSON and reads back the few things that a server must hold
// against the signed files. It never re-encodes a document that it did not make: signed bills stay opaque bytes.
package cyclonedx

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/holdfast-ai/holdfast/mbom/model"
)

// ErrVersion means a version of CycloneDX that is not written here.
var ErrVersion = errors.New("cyclonedx: unknown version")

// References of fixed objects in the document; files have "file:" and their path.
const (
	refModel = "model"
	refTool  = "tool:holdfast"
)

// Names of our own properties.
const (
	propSize     = "holdfast:size"
	propFormat   = "holdfast:format"
	propTemplate = "holdfast:template"
	propEvidence = "holdfast:evidence:" // followed by the JSON pointer of what it is about
)

// Encode writes b in version "1.7" or "1.6". Equal bills give equal bytes: lists keep the order of b, the serial number is
// derived from the content, and the time is the model's own date.
func Encode(b *model.BOM, version string) ([]byte, error) {
	spec := map[string]cdx.SpecVersion{"1.6": cdx.SpecVersion1_6, "1.7": cdx.SpecVersion1_7}[version]
	if spec == 0 {
		return nil, fmt.Errorf("%w %q", ErrVersion, version)
	}
	e := &encoder{b: b, doc: cdx.NewBOM()}
	e.build()
	e.cite(spec)
	unnamed, err := e.bytes(spec)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(unnamed)
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // UUID version 8 (RFC 9562 section 5.8)
	h := hex.EncodeToString(sum[:16])
	e.doc.SerialNumber = "urn:uuid:" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	return e.bytes(spec)
}

type encoder struct {
	b     *model.BOM
	doc   *cdx.BOM
	cites []cite
}

// cite is the evidence of one value at one place of the document.
type cite struct {
	pointer string
	ev      model.Evidence
}

func (e *encoder) bytes(spec cdx.SpecVersion) ([]byte, error) {
	var buf bytes.Buffer
	enc := cdx.NewBOMEncoder(&buf, cdx.BOMFileFormatJSON)
	enc.SetPretty(true).SetEscapeHTML(false)
	if err := enc.EncodeVersion(e.doc, spec); err != nil {
		return nil, fmt.Errorf("cyclonedx: %w", err)
	}
	return buf.Bytes(), nil
}

func (e *encoder) cited(pointer string, ev model.Evidence) {
	e.cites = append(e.cites, cite{pointer, ev})
}

func (e *encoder) build() {
	subject := e.subject()
	e.doc.Metadata = &cdx.Metadata{
		Timestamp: e.b.Created,
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{BOMRef: refTool, Type: cdx.ComponentTypeApplication, Name: "holdfast"}}},
		Component: subject,
	}
	var comps []cdx.Component
	deps := []string{}
	add := func(c cdx.Component, ev model.Evidence) {
		e.cited("/components/"+strconv.Itoa(len(comps)), ev)
		comps = append(comps, c)
		deps = append(deps, c.BOMRef)
	}
	for _, f := range e.b.Files {
		add(cdx.Component{
			BOMRef: fileRef(f.Name), Type: cdx.ComponentTypeFile, Name: f.Name, Hashes: hashes(f.SHA256),
			Properties: &[]cdx.Property{{Name: propFormat, Value: f.Format}, {Name: propSize, Value: strconv.FormatInt(f.Size, 10)}},
		}, model.Evidence{Class: model.Verified, File: f.Name})
	}
	for i, t := range e.b.Templates {
		add(cdx.Component{
			BOMRef: fmt.Sprintf("template:%d:%s", i, t.Name), Type: cdx.ComponentTypeData, Name: "chat template " + t.Name, Hashes: hashes(t.SHA256),
			Data:       &[]cdx.ComponentData{{Type: cdx.ComponentDataTypeOther, Name: t.Name}},
			Properties: &[]cdx.Property{{Name: "cdx:ai-ml:model:template", Value: t.Name}, {Name: propTemplate, Value: t.Evidence.File + "#" + t.Evidence.Pointer}},
		}, t.Evidence)
	}
	for i, d := range e.b.Datasets {
		add(cdx.Component{BOMRef: fmt.Sprintf("dataset:%d:%s", i, d.Text), Type: cdx.ComponentTypeData, Name: d.Text,
			Data: &[]cdx.ComponentData{{Type: cdx.ComponentDataTypeDataset, Name: d.Text}}}, d.Evidence)
	}
	e.doc.Components = &comps
	e.doc.Dependencies = &[]cdx.Dependency{{Ref: refModel, Dependencies: &deps}}
}

// subject describes the model itself.
func (e *encoder) subject() *cdx.Component {
	const at = "/metadata/component"
	b := e.b
	c := &cdx.Component{BOMRef: refModel, Type: cdx.ComponentTypeMachineLearningModel, Name: b.Name, Version: b.Version, Description: b.Display}
	if c.Name == "" {
		c.Name = "unnamed model"
	}
	e.cited(at+"/name", b.Identity)
	var lic cdx.Licenses
	for i, l := range b.Licences {
		lic = append(lic, licence(l.Text))
		e.cited(fmt.Sprintf("%s/licenses/%d", at, i), l.Evidence)
	}
	if len(lic) > 0 {
		c.Licenses = &lic
	}
	var bases []cdx.Component
	for i, m := range b.BaseModels {
		bases = append(bases, cdx.Component{BOMRef: fmt.Sprintf("base:%d:%s", i, m.Text), Type: cdx.ComponentTypeMachineLearningModel, Name: m.Text})
		e.cited(fmt.Sprintf("%s/pedigree/ancestors/%d", at, i), m.Evidence)
	}
	if len(bases) > 0 {
		c.Pedigree = &cdx.Pedigree{Ancestors: &bases}
	}
	c.ModelCard = e.card(at + "/modelCard")
	props := []cdx.Property{}
	prop := func(name, text string, ev model.Evidence) {
		e.cited(fmt.Sprintf("%s/properties/%d", at, len(props)), ev)
		props = append(props, cdx.Property{Name: name, Value: text})
	}
	for _, p := range b.Properties {
		prop(p.Name, p.Text, p.Evidence)
	}
	for _, also := range []struct {
		name   string
		values []model.Value
	}{{"task", b.Tasks}, {"family", b.Families}, {"architecture", b.Architects}} {
		for _, v := range also.values[min(1, len(also.values)):] {
			prop("holdfast:also:"+also.name, v.Text, v.Evidence)
		}
	}
	for _, n := range b.Parameters {
		ev := model.Evidence{Class: model.Verified, Rule: "sum over the tensor headers"}
		prop("holdfast:parameters:"+n.DType, strconv.FormatUint(n.Elements, 10), ev)
		prop("holdfast:tensors:"+n.DType, strconv.FormatUint(n.Tensors, 10), ev)
	}
	for _, r := range b.RemoteCode {
		prop("holdfast:remote-code", r.Text, r.Evidence)
	}
	for _, f := range b.Findings {
		prop("holdfast:finding", f.Text, f.Evidence)
	}
	if len(props) > 0 {
		c.Properties = &props
	}
	return c
}

// card fills the fields that hold one value with the first in order; subject keeps the others as properties, so that a
// conflict stays visible.
func (e *encoder) card(at string) *cdx.MLModelCard {
	b := e.b
	params := &cdx.MLModelParameters{}
	first := func(to *string, field string, values []model.Value) {
		if len(values) > 0 {
			*to = values[0].Text
			e.cited(at+"/modelParameters/"+field, values[0].Evidence)
		}
	}
	first(&params.Task, "task", b.Tasks)
	first(&params.ArchitectureFamily, "architectureFamily", b.Families)
	first(&params.ModelArchitecture, "modelArchitecture", b.Architects)
	var sets []cdx.MLDatasetChoice
	for i, d := range b.Datasets {
		sets = append(sets, cdx.MLDatasetChoice{Ref: fmt.Sprintf("dataset:%d:%s", i, d.Text)})
	}
	if len(sets) > 0 {
		params.Datasets = &sets
	}
	out := &cdx.MLModelCard{ModelParameters: params}
	var metrics []cdx.MLPerformanceMetric
	for i, m := range b.Metrics {
		metrics = append(metrics, cdx.MLPerformanceMetric{Type: m.Type, Value: m.Value, Slice: m.Dataset})
		e.cited(fmt.Sprintf("%s/quantitativeAnalysis/performanceMetrics/%d", at, i), m.Evidence)
	}
	if len(metrics) > 0 {
		out.QuantitativeAnalysis = &cdx.MLQuantitativeAnalysis{PerformanceMetrics: &metrics}
	}
	return out
}

// cite writes the evidence: as citations, which 1.7 has and which need a date, else as properties of the document.
func (e *encoder) cite(spec cdx.SpecVersion) {
	present := map[string]bool{refTool: true}
	for _, f := range e.b.Files {
		present[fileRef(f.Name)] = true
	}
	if spec < cdx.SpecVersion1_7 || e.b.Created == "" {
		var props []cdx.Property
		for _, c := range e.cites {
			props = append(props, cdx.Property{Name: propEvidence + c.pointer, Value: note(c.ev)})
		}
		e.doc.Metadata.Properties = &props
		return
	}
	var out []cdx.Citation
	for _, c := range e.cites {
		by := cdx.BOMReference(refTool)
		if c.ev.Class == model.Declared && present[fileRef(c.ev.File)] {
			by = cdx.BOMReference(fileRef(c.ev.File))
		}
		out = append(out, cdx.Citation{Pointers: &[]string{c.pointer}, Timestamp: e.b.Created, AttributedTo: &by, Note: note(c.ev)})
	}
	e.doc.Citations = &out
}

// note says the evidence in words: its class, then where it is from.
func note(ev model.Evidence) string {
	s := string(ev.Class)
	if ev.File != "" {
		s += ": " + ev.File
		if ev.Pointer != "" {
			s += "#" + ev.Pointer
		}
	}
	if ev.Rule != "" {
		s += " (" + ev.Rule + ")"
	}
	return s
}

func fileRef(name string) string { return "file:" + name }

func hashes(sum [32]byte) *[]cdx.Hash {
	return &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}}
}

// licence writes a known SPDX identifier as such and anything else as a name: the schema lists the identifiers.
func licence(text string) cdx.LicenseChoice {
	if id := SPDX(text); id != "" {
		return cdx.LicenseChoice{License: &cdx.License{ID: id}}
	}
	return cdx.LicenseChoice{License: &cdx.License{Name: text}}
}
