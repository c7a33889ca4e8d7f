package config

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestReference keeps docs/settings.md in line with the table of settings. Write it
// with: go test ./config -run TestReference -update
func TestReference(t *testing.T) {
	const page = "../docs/settings.md"
	got, err := os.ReadFile(page)
	if err != nil && !*update {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(got), "\n| setting |")
	want := head + "\n" + reference()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(got) != want {
		t.Errorf("%s differs from the table of settings; run: go test ./config -run TestReference -update", page)
	}
}

// reference is the table for people.
func reference() string {
	var b strings.Builder
	b.WriteString("| setting | values | default | takes effect | since | Mesos-DNS | |\n|---|---|---|---|---|---|---|\n")
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	for _, s := range Defaults().settings() {
		if s.value == nil {
			continue
		}
		value := ""
		if s.def != nil || s.derive != nil {
			value = "`" + cell.Replace(toJSON(s.value.show())) + "`"
		}
		when := "with a restart"
		if s.reloadable {
			when = "at once"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s |\n",
			s.key, cell.Replace(accepted(s)), value, when, since(s.key), ofMesosDNS(s.key), cell.Replace(s.doc))
	}
	return b.String()
}

// accepted says which values a setting takes: what the error for another value wants.
// Settings that take any text have no such error.
func accepted(s setting) string {
	wants := []string{}
	for _, wrong := range []any{"\x00", 1.5, []any{1.5}, map[string]any{"\x00": 1.5}} {
		var errs Errors
		s.value.read(wrong, position{key: s.key, errs: &errs})
		for _, e := range errs {
			if e.Want != "" && !slices.Contains(wants, e.Want) {
				wants = append(wants, e.Want)
			}
		}
	}
	// The first one is that of the value as a whole.
	if len(wants) == 0 {
		return "any text"
	}
	return wants[0]
}

// versions has the settings that came after 0.1.0.
var versions = map[string]string{}

// since is the first version with a setting.
func since(key string) string { return cmp.Or(versions[key], "0.1.0") }

// otherInMesosDNS says how a setting of Mesos-DNS differs.
var otherInMesosDNS = map[string]string{
	"IPSources": "default `netinfo`, `mesos`, `host`; no `auto`", "ttl": "default 60", "SOAMinttl": "default 60",
	"listener": "one address, default `0.0.0.0`", "resolvers": "default of `/etc/resolv.conf`, read once",
	"zoneResolvers": "no zone within another one", "timeout": "for each server",
	"SOAMname": "default `ns1.mesos` for any domain", "SOARname": "default `root.ns1.mesos` for any domain",
	"zkDetectionTimeout": "the process ends then", "CACertFile": "without it nothing is verified",
	"masters": "the port is needed", "externalon": "for all clients", "recurseon": "for all clients",
}

// ofMesosDNS is what a setting is in Mesos-DNS.
func ofMesosDNS(key string) string {
	object, _, _ := strings.Cut(key, ".")
	if !slices.ContainsFunc(v1Names, func(n string) bool { return strings.EqualFold(n, object) }) {
		return "–"
	}
	return cmp.Or(otherInMesosDNS[key], "the same")
}

// What is said of settings is said of settings that there are.
func TestTheReferenceNamesSettings(t *testing.T) {
	known := map[string]bool{}
	for _, s := range Settings() {
		known[s.Key] = true
		if got := ofMesosDNS(s.Key); otherInMesosDNS[s.Key] != "" && got == "–" {
			t.Errorf("%s: got no setting of Mesos-DNS, want %q", s.Key, otherInMesosDNS[s.Key])
		}
	}
	for _, names := range []map[string]string{versions, otherInMesosDNS} {
		for key := range names {
			if !known[key] {
				t.Errorf("got %s, want the key of a setting", key)
			}
		}
	}
}
