package rooms

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport is the order of the rooms: data goes one way, so each knows only
// the ones before it. Test files may know more.
var mayImport = map[string][]string{
	"config":            {},
	"state":             {},
	"state/leader":      {},
	"state/master":      {"state", "state/leader"},
	"state/snapshot":    {"state"},
	"records":           {"state"},
	"zone":              {"records"},
	"resolver":          {"zone", "resolver/cache", "resolver/upstream"},
	"resolver/cache":    {},
	"resolver/upstream": {},
	"api":               {"zone", "records"},
	"sim/marathon":      {}, // a library of sim: speaks of Marathon only
	"sim":               {"sim/marathon"},
	"cmd/toponym/e2e":   {}, // tests from outside, they start the program
	"cmd/toponym":       {"config", "state", "state/leader", "state/master", "state/snapshot", "records", "zone", "resolver", "api", "sim", "sim/marathon"},
}

const module = "toponym/"

func TestImportsGoOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		room := strings.TrimPrefix(p.ImportPath, module)
		if strings.HasPrefix(room, "internal/") {
			continue // helpers may be known to all, and know no room
		}
		allowed, ok := mayImport[room]
		if !ok {
			t.Errorf("package %s has no place in the order of the rooms", room)
			continue
		}
		for _, i := range p.Imports {
			known, ours := strings.CutPrefix(i, module)
			if ours && !strings.HasPrefix(known, "internal/") && !slices.Contains(allowed, known) {
				t.Errorf("%s imports %s, which it must not know", room, known)
			}
		}
	}
}

func TestHelpersKnowNoRoom(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{.Imports}}", module+"internal/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		pkg, imports, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, i := range strings.Fields(strings.Trim(imports, "[]")) {
			if strings.HasPrefix(i, module) && !strings.HasPrefix(i, module+"internal/") {
				t.Errorf("%s imports %s", pkg, i)
			}
		}
	}
}
