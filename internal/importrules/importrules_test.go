package importrules

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport lists, for each package, the packages of this module that it may
// import. Data flows one way, so a package imports only those before it on the
// way. Test files are not bound by the table, nor are imports of
// internal/… helpers, which are all packages below internal/ that the table
// does not name.
var mayImport = map[string][]string{
	"config":               {},
	"state":                {},
	"state/leader":         {},
	"state/master":         {"state", "state/leader"},
	"state/snapshot":       {"state"},
	"records":              {"state"},
	"zone":                 {"records"},
	"resolver":             {"zone", "resolver/cache", "resolver/tap", "resolver/transfer", "resolver/upstream"},
	"resolver/cache":       {},
	"resolver/notify":      {"zone", "records"},
	"resolver/secondaries": {"zone", "records", "resolver/notify", "resolver/transfer"},
	"resolver/transfer":    {"zone", "records"},
	"resolver/tap":         {},
	"resolver/dnstap":      {"resolver/tap"},
	"resolver/querylog":    {"resolver/tap"},
	"resolver/top":         {"resolver/tap"},
	"resolver/upstream":    {"resolver/tap"},
	"api":                  {"zone", "records", "state", "state/leader", "api/haproxy", "api/traefik"},
	"api/haproxy":          {"records", "state"},
	"api/traefik":          {"records", "state"},
	"docs":                 {},
	"compare":              {"docs", "records"},
	"sim":                  {},
	"sim/marathon":         {"sim"},
	"sim/compose":          {"sim"},
	"sim/aurora":           {"sim"},
	"sim/scenario":         {"sim", "sim/marathon"},
	"sim/masters":          {"sim", "sim/scenario"},
	"cmd/mesos-sim":        {"sim", "sim/marathon", "sim/masters", "sim/scenario"},
	"cmd/release":          {},
	"cmd/toponym/e2e":      {}, // tests from outside, they start the program
	"internal/server":      {"config", "state", "state/leader", "state/master", "state/snapshot", "records", "zone", "resolver", "resolver/dnstap", "resolver/notify", "resolver/querylog", "resolver/secondaries", "resolver/tap", "resolver/top", "resolver/transfer", "api", "api/haproxy", "api/traefik"},
	"cmd/toponym":          {"internal/server", "compare", "config", "records", "zone", "state", "state/master", "api", "sim", "sim/aurora", "sim/compose", "sim/marathon", "sim/scenario"},
}

const module = "toponym/"

func TestImportsGoOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var listed struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&listed); err != nil {
			t.Fatal(err)
		}
		pkg := strings.TrimPrefix(listed.ImportPath, module)
		if isHelper(pkg) {
			continue // TestHelpersImportOnlyHelpers checks these
		}
		allowed, ok := mayImport[pkg]
		if !ok {
			t.Errorf("package %s is missing from mayImport", pkg)
			continue
		}
		for _, i := range listed.Imports {
			imported, ours := strings.CutPrefix(i, module)
			if ours && !isHelper(imported) && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s, which mayImport does not allow", pkg, imported)
			}
		}
	}
}

// isHelper reports whether a package may be imported by all others.
func isHelper(pkg string) bool {
	_, listed := mayImport[pkg]
	return strings.HasPrefix(pkg, "internal/") && !listed
}

func TestHelpersImportOnlyHelpers(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{.Imports}}", module+"internal/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		pkg, imports, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !isHelper(strings.TrimPrefix(pkg, module)) {
			continue // TestImportsGoOneWay checks these
		}
		for _, i := range strings.Fields(strings.Trim(imports, "[]")) {
			if imported, ours := strings.CutPrefix(i, module); ours && !isHelper(imported) {
				t.Errorf("%s imports %s; helpers below internal/ may import only each other", pkg, imported)
			}
		}
	}
}

// TestServerHasNoTestDoubles: masters that elect, fail and authenticate are for
// tests and for mesos-sim; the server's binary does not contain them.
func TestServerHasNoTestDoubles(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", module+"cmd/toponym").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, module+"sim") {
		t.Errorf("cmd/toponym does not import sim, which this test takes for granted")
	}
	for _, pkg := range []string{"sim/masters", "internal/testutil", "internal/fakedns", "internal/fakemesosdns"} {
		if slices.Contains(deps, module+pkg) {
			t.Errorf("cmd/toponym contains %s", pkg)
		}
	}
}
