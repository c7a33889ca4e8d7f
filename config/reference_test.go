package config

import (
	"fmt"
	"os"
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
	b.WriteString("| setting | default | takes effect | |\n|---|---|---|---|\n")
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
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.key, value, when, cell.Replace(s.doc))
	}
	return b.String()
}
