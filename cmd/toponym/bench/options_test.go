//go:build bench && linux && (amd64 || arm64)

package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	o, err := parseOptions(strings.Fields("-only a,tcp -peers knot -rounds 2 -o x.json"), io.Discard)
	if err != nil || !o.wants("tcp") || o.wants("mix") || !slices.Equal(o.Peers, []string{"knot"}) || o.Rounds != 2 || o.Output != "x.json" {
		t.Errorf("%+v, %v", o, err)
	}
	o, err = parseOptions(nil, io.Discard)
	if err != nil || !o.wants("mix") || o.Rounds < 5 || len(o.Peers) != 2 || o.Seed != defaultSeed {
		t.Errorf("%+v, %v", o, err)
	}
	for _, line := range []string{"-only all", "-peers bind", "-rounds 0", "-seconds 0", "-seconds NaN", "-window 65", "-generators x", "-client-core 0", "-threads 0", "-flat -threads 2", "-forward -veth", "more"} {
		if _, err := parseOptions(strings.Fields(line), io.Discard); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
}

// A peer that was built from source comes after the one of Debian, for the same name in
// -peers.
func TestPeersBuiltFromSource(t *testing.T) {
	o, err := parseOptions(strings.Fields("-nsd /opt/nsd -knot /opt/knotd"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range o.allPeers() {
		got = append(got, p.name+" "+p.program)
	}
	want := []string{"nsd nsd", "nsd-new /opt/nsd", "nsd-minimal nsd", "knot knotd", "knot-new /opt/knotd"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A path that is given counts, whatever -peers names.
func TestMeasuredPeers(t *testing.T) {
	for args, want := range map[string][]string{
		"-nsd /opt/nsd -peers=":     {"nsd-new"},
		"-nsd /opt/nsd -peers knot": {"nsd-new", "knot"},
		"":                          {"nsd", "knot"},
	} {
		o, err := parseOptions(strings.Fields(args), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range o.allPeers() {
			if o.measures(p) {
				got = append(got, p.name)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", args, got, want)
		}
	}
}

func TestMissingProgram(t *testing.T) {
	l := lab{o: options{WithoutInstaller: true}, log: io.Discard}
	if _, err := l.ensure("no-such-program", "its-package"); !errors.Is(err, errMissing) || !strings.Contains(err.Error(), "its-package") {
		t.Errorf("error %v", err)
	}
}

func TestDifference(t *testing.T) {
	base := response{code: "NOERROR", authoritative: true, answer: []string{"a", "b"}}
	if d := base.difference(base); d != "" {
		t.Error(d)
	}
	for _, change := range []func(*response){
		func(r *response) { r.code = "NXDOMAIN" },
		func(r *response) { r.authoritative = false },
		func(r *response) { r.truncated = true },
		func(r *response) { r.answer = []string{"a"} },
		func(r *response) { r.negative = "mesos." },
	} {
		other := base
		change(&other)
		if other.difference(base) == "" {
			t.Errorf("%+v passes for %+v", other, base)
		}
	}
}
