// Package licences tells under which licences the modules are that a program
// contains. Packages and images have to pass their texts on.
package licences

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Module is a module of others that a program contains.
type Module struct {
	Path, Version string
	// Licences are SPDX identifiers, sorted.
	Licences []string
	// Text is the content of all licence files.
	Text string
}

// Of returns the modules that the packages contain on Linux, sorted by path.
// It runs the go command in the current directory, and fails if a module has no
// licence that this package knows.
func Of(packages ...string) ([]Module, error) {
	c := exec.Command("go", append([]string{"list", "-deps", "-json=Module"}, packages...)...)
	c.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	modules := map[string]Module{}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			Module *struct {
				Path, Version, Dir string
				Main               bool
			}
		}
		if err := d.Decode(&p); err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if p.Module == nil || p.Module.Main || modules[p.Module.Path].Path != "" {
			continue
		}
		m := Module{Path: p.Module.Path, Version: p.Module.Version}
		if err := m.read(p.Module.Dir); err != nil {
			return nil, err
		}
		modules[m.Path] = m
	}
	var all []Module
	for _, m := range modules {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b Module) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// elsewhere are licence files that are not in the directory of their module: of
// freetype the one of two licences that is chosen here, and that of fonts.
var elsewhere = map[string][]string{
	"github.com/go-analyze/charts": {"chartdraw/drawing/fonts/OFL.txt"},
	"github.com/golang/freetype":   {"licenses/ftl.txt"},
}

// read reads the licence files of a module from its directory.
func (m *Module) read(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var files []string
	for _, e := range entries {
		if isLicenceFile(e.Name()) && !e.IsDir() {
			files = append(files, e.Name())
		}
	}
	for _, name := range append(files, elsewhere[m.Path]...) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		m.Text += strings.TrimRight(strings.ToValidUTF8(string(b), "\uFFFD"), "\n") + "\n\n"
		m.Licences = append(m.Licences, identify(string(b))...)
	}
	slices.Sort(m.Licences)
	m.Licences = slices.Compact(m.Licences)
	if len(m.Licences) == 0 {
		return fmt.Errorf("%s %s: no licence found in %s; read its terms and add them to package licences", m.Path, m.Version, dir)
	}
	return nil
}

func isLicenceFile(name string) bool {
	name = strings.ToUpper(name)
	for _, prefix := range []string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// identify returns the SPDX identifiers of the licences in a text.
func identify(text string) (ids []string) {
	text = strings.Join(strings.Fields(text), " ")
	has := func(s string) bool { return strings.Contains(text, s) }
	if has("Apache License Version 2.0") || has("Apache License, Version 2.0") {
		ids = append(ids, "Apache-2.0")
	}
	if has("Permission is hereby granted, free of charge, to any person obtaining a copy") {
		ids = append(ids, "MIT")
	}
	if has("Permission to use, copy, modify, and/or distribute this software") || has("Permission to use, copy, modify, and distribute this software") {
		ids = append(ids, "ISC")
	}
	if has("Mozilla Public License, version 2.0") || has("Mozilla Public License Version 2.0") {
		ids = append(ids, "MPL-2.0")
	}
	if has("SIL OPEN FONT LICENSE Version 1.1") {
		ids = append(ids, "OFL-1.1")
	}
	if has("The FreeType Project LICENSE") {
		ids = append(ids, "FTL")
	}
	if has("CC0 1.0 Universal") {
		ids = append(ids, "CC0-1.0")
	}
	if has("Redistribution and use in source and binary forms") {
		if has("Neither the name") || has("may not be used to endorse") || has("may be used to endorse") {
			ids = append(ids, "BSD-3-Clause")
		} else {
			ids = append(ids, "BSD-2-Clause")
		}
	}
	return ids
}
