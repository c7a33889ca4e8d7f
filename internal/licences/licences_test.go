package licences

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// allowed are licences under which Toponym may contain a module: they ask for
// no more than that their text is passed on; or, MPL-2.0, that changes of the
// module's own files are published; or, FTL, that README.md names FreeType; or,
// OFL-1.1, that fonts are not sold alone.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "FTL", "ISC", "MIT", "MPL-2.0", "OFL-1.1"}

// A new dependency, or a new licence of one, is seen in review.
func TestLicencesOfDependenciesAreListedAndAllowed(t *testing.T) {
	modules, err := Of("toponym/cmd/toponym", "toponym/cmd/mesos-sim")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, m := range modules {
		fmt.Fprintf(&b, "%s: %s\n", m.Path, strings.Join(m.Licences, ", "))
		for _, id := range m.Licences {
			if !slices.Contains(allowed, id) {
				t.Errorf("%s: got licence %s, want one of %q", m.Path, id, allowed)
			}
		}
	}
	want, err := os.ReadFile("../../release/licences.txt")
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("release/licences.txt: got\n%s\nwant\n%s", want, b.String())
	}
}

func TestIdentify(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n   Version 2.0, January 2004":                                                              "Apache-2.0",
		"Permission is hereby granted, free of charge, to any person\nobtaining a copy":                             "MIT",
		"Redistribution and use in source and binary forms, with":                                                   "BSD-2-Clause",
		"Redistribution and use in source and binary forms, with\n Neither the name of":                             "BSD-3-Clause",
		"Mozilla Public License, version 2.0":                                                                       "MPL-2.0",
		"SIL OPEN FONT LICENSE Version 1.1 - 26 February 2007":                                                      "OFL-1.1",
		"The FreeType Project LICENSE\n----":                                                                        "FTL",
		"All rights reserved.":                                                                                      "",
		"Permission to use, copy, modify, and distribute this software for any purpose":                             "ISC",
		"Permission is hereby granted, free of charge, to any person obtaining a copy\n Apache License Version 2.0": "Apache-2.0 MIT",
	} {
		if got := strings.Join(identify(text), " "); got != want {
			t.Errorf("%.60q: got %q, want %q", text, got, want)
		}
	}
}
