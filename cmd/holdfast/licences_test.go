package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLicences holds every module that the command links to the licences that SECURITY.md names, by the texts that come with it.
func TestLicences(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	accepted := []string{
		"Permission is hereby granted, free of charge, to any person obtaining a copy", // MIT
		"Redistribution and use in source and binary forms",                            // BSD
		"Apache License Version 2.0",
		"CC0 1.0 Universal",
		"This is free and unencumbered software released into the public domain", // Unlicense
	}
	spaces := regexp.MustCompile(`\s+`)
	modules := slices.Compact(slices.Sorted(strings.SplitSeq(strings.TrimSpace(string(out)), "\n")))
	if len(modules) < 10 {
		t.Fatalf("%d modules", len(modules))
	}
	for _, m := range modules {
		name, dir, _ := strings.Cut(m, "\t")
		texts, err := filepath.Glob(filepath.Join(dir, "*LICENSE*"))
		if err != nil || len(texts) == 0 {
			t.Errorf("%s: no licence in %s, %v", name, dir, err)
		}
		for _, path := range texts {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			words := spaces.ReplaceAllString(string(text), " ")
			if !slices.ContainsFunc(accepted, func(s string) bool { return strings.Contains(words, s) }) {
				t.Errorf("%s: %s is none of the accepted licences", name, path)
			}
		}
	}
}
