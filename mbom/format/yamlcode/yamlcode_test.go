package yamlcode_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ai/holdfast/mbom/format/yamlcode"
)

func TestPlaces(t *testing.T) {
	for text, want := range map[string][]string{
		"":                              nil,
		"a: 1\nb: [x, 2.5, true, ~]\n":  nil,
		"a: &x {b: c}\nd: *x\n<<: *x\n": nil,
		"a: !!binary aGk=\nb: 2026-01-02\nc: !!set {x}\n": nil,
		"a: ! x\n":                      nil,
		"a: !!python/name:os.system ''": {"!!python/name:os.system"},
		"!<tag:yaml.org,2002:python/name:os.system> x": {"!!python/name:os.system"},
		"? !x y\n: 1\n":                      {"!x"},
		"a: 1\n---\n- _target_: x\n":         {"_target_"},
		"a: {\"\\x5ftarget_\": x}\n":         {"_target_"},
		"_target_not: x\ntarget: y\n":        nil,
		"a: &k _target_\nb: {*k : x}\n":      {"_target_"}, // an alias may be a key
		"target: ldm.models.Diffusion\n":     {"target"},
		"a: &v os.system\nb: {target: *v}\n": {"target"},
		"target: 1.5\nx: {target: https://a.b/c}\ny: {target: two. words}\nz: {target: [a.b]}\n": nil,
		"loader_module: mlflow.sklearn\n": nil,
		"loader_module: evil\n":           {"loader_module"},
	} {
		if got, err := yamlcode.Places([]byte(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"a: [", "a: b: c", "\x00", strings.Repeat("#\n", yamlcode.MaxSize)} {
		if _, err := yamlcode.Places([]byte(text)); !errors.Is(err, yamlcode.ErrFormat) {
			t.Errorf("%.10q: %v", text, err)
		}
	}
	if got, err := yamlcode.Places([]byte(strings.Repeat("- !x y\n", 1000))); err != nil || len(got) != 100 {
		t.Errorf("%d places, %v", len(got), err)
	}
}

func TestExpressions(t *testing.T) {
	for text, want := range map[string][]string{
		"a: $HOME\nb: 5 $ (net)\n$(c): 1\n": nil,
		"a: $f(x)\n":                        {"a"},
		"a: [1, $import os, [$from x import y]]\n---\nb: {c: \"$\\x28x)\"}\n": {"$", "$", "c"},
		"a: &v $f(x)\nb: *v\n": {"a"},
	} {
		if got, err := yamlcode.Expressions([]byte(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := yamlcode.Expressions([]byte("a: [")); !errors.Is(err, yamlcode.ErrFormat) {
		t.Error(err)
	}
}

func TestTemplates(t *testing.T) {
	for text, want := range map[string][]string{
		"a: 1\nchat_templates: y\n":                             nil,
		"chat_template: \"{{ x }}\"\n":                          {"{{ x }}"},
		"a: {b: [{chat_template: x}]}\n---\nchat_template: y\n": {"x", "y"},
		"chat_template: {a: x, b: [y, {template: z}]}\n":        {"x", "y", "z"},
		"t: &t x\nchat_template: *t\n":                          {"x"},
		"t: &t x\nchat_template: [*t, {n: *t}]\n":               {"x", "x"},
		"t: &t {n: x}\nchat_template: *t\n":                     {"x"},
		"k: &k chat_template\na: {*k : x}\n":                    {"x"},
		"a: &a {chat_template: x}\nb: {<<: *a}\n":               {"x"},
	} {
		if got, err := yamlcode.Templates([]byte(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"a: [", "t: &t [x]\nchat_template: [*t]\n", "chat_template: &t [*t]\n", "t: &t {n: x}\nchat_template: {<<: *t}\n",
		"chat_template: [" + strings.Repeat("x, ", 200) + "]\n",
	} {
		if _, err := yamlcode.Templates([]byte(text)); !errors.Is(err, yamlcode.ErrFormat) {
			t.Errorf("%.30q: %v", text, err)
		}
	}
}

func FuzzPlaces(f *testing.F) {
	f.Add([]byte("a: !!python/name:os.system ''\n---\n- _target_: x\n"))
	f.Add([]byte("chat_template: &t [*t, {a: x}]\n"))
	f.Add([]byte("%TAG !e! tag:yaml.org,2002:py\n---\na: &x [!e!thon *x]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := yamlcode.Places(data); err != nil && !errors.Is(err, yamlcode.ErrFormat) {
			t.Fatalf("untyped error: %v", err)
		}
		if _, err := yamlcode.Expressions(data); err != nil && !errors.Is(err, yamlcode.ErrFormat) {
			t.Fatalf("untyped error: %v", err)
		}
		if _, err := yamlcode.Templates(data); err != nil && !errors.Is(err, yamlcode.ErrFormat) {
			t.Fatalf("untyped error: %v", err)
		}
	})
}
