package records_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toponym/records"
	"toponym/state"
	"toponym/state/master"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// loadState reads a fixture as the server does.
func loadState(t testing.TB, file string) *state.FullState {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", "states", file))
	if err != nil {
		t.Fatal(err)
	}
	s, err := master.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s
}

func options(sources string) records.Options {
	o := records.Options{
		Domain:    records.MustParseName("mesos"),
		MName:     records.MustParseName("ns1.mesos"),
		Listeners: []netip.Addr{netip.MustParseAddr("10.0.0.53")},
		Rule:      records.RFC1123,
		SRVWeight: 1,
		Reverse:   true,
		Scope:     records.ScopeCompat,

		IncludeUnhealthy: true,
	}
	for s := range strings.SplitSeq(sources, ",") {
		source, err := records.ParseIPSource(s)
		if err != nil {
			panic(err)
		}
		o.IPSources = append(o.IPSources, source)
	}
	return o
}

// text returns a set as sorted lines that people can read.
func text(s *records.Set) string {
	var lines []string
	for n, d := range s.All() {
		for _, a := range d.A {
			lines = append(lines, fmt.Sprintf("%s A %s", n, netip.AddrFrom4(a)))
		}
		for _, a := range d.AAAA {
			lines = append(lines, fmt.Sprintf("%s AAAA %s", n, netip.AddrFrom16(a)))
		}
		for _, v := range d.SRV {
			lines = append(lines, fmt.Sprintf("%s SRV %d %d %d %s", n, v.Priority, v.Weight, v.Port, s.Target(v)))
		}
		if target, ok := d.Pointer(); ok {
			lines = append(lines, fmt.Sprintf("%s PTR %s", n, target))
		}
		if d.TTL != 0 {
			lines = append(lines, fmt.Sprintf("%s TTL %d", n, records.Seconds(d.TTL)))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// golden compares got with a file under testdata/records, or writes the file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("..", "testdata", "records", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it): %s", name, firstDifference(string(want), got))
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("want %d lines, got %d", len(w), len(g))
}

func TestRecordsOfStatesInCompatMode(t *testing.T) {
	files, err := filepath.Glob("../testdata/states/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("got no states in testdata (%v), want some", err)
	}
	for _, f := range files {
		file := filepath.Base(f)
		for _, sources := range []string{"netinfo,mesos,host", "host", "docker,netinfo", "mesos,docker"} {
			t.Run(file+"/"+sources, func(t *testing.T) {
				c := state.NewCluster()
				c.Reconcile(loadState(t, file), nil)
				set, changes := records.Build(c, options(sources))
				got := text(set)
				omitted := make([]string, len(changes.Omitted))
				for i, o := range changes.Omitted {
					omitted[i] = "# " + o.String()
				}
				slices.Sort(omitted)
				got += strings.Join(slices.Compact(omitted), "\n")
				golden(t, strings.TrimSuffix(file, ".json")+"."+strings.ReplaceAll(sources, ",", "-")+".txt", got)
			})
		}
	}
}

// defaults returns the options of the default settings.
func defaults() records.Options {
	o := options("auto,netinfo,mesos,host")
	o.Scope, o.IncludeUnhealthy, o.Reverse, o.SplitNames = records.ScopeLabels, false, false, true
	o.AddressDomains = []records.Name{records.MustParseName("dcos.thisdcos.directory")}
	return o
}

func TestRecordsOfStatesByDefault(t *testing.T) {
	files, err := filepath.Glob("../testdata/states/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("got no states in testdata (%v), want some", err)
	}
	for _, f := range files {
		file := filepath.Base(f)
		t.Run(file, func(t *testing.T) {
			c := state.NewCluster()
			c.Reconcile(loadState(t, file), nil)
			set, _ := records.Build(c, defaults())
			golden(t, strings.TrimSuffix(file, ".json")+".default.txt", text(set))
		})
	}
}

func TestRecordsOfAStateWithRFC952Labels(t *testing.T) {
	c := state.NewCluster()
	c.Reconcile(loadState(t, "mesos-1.5.json"), nil)
	o := options("netinfo,host")
	o.Rule, o.Reverse = records.RFC952, false
	set, _ := records.Build(c, o)
	golden(t, "mesos-1.5.rfc952.txt", text(set))
}

// enumerated is the answer of /v1/enumerate as Mesos-DNS declares it.
type enumerated struct {
	Frameworks []enumeratedFramework `json:"frameworks"`
}

type enumeratedFramework struct {
	Tasks []enumeratedTask `json:"tasks"`
	Name  string           `json:"name"`
}

type enumeratedTask struct {
	Name    string             `json:"name"`
	ID      string             `json:"id"`
	Records []enumeratedRecord `json:"records"`
}

type enumeratedRecord struct {
	Name string `json:"name"`
	Host string `json:"host"`
	Type string `json:"rtype"`
}

func newEnumeratedRecord(r records.EnumeratedRecord) enumeratedRecord {
	return enumeratedRecord{r.Name.String(), string(r.AppendHost(nil)), r.Type()}
}

func enumeration(set *records.Set) enumerated {
	all := enumerated{Frameworks: []enumeratedFramework{}}
	for name, tasks := range set.Enumerate(nil) {
		f := enumeratedFramework{Tasks: []enumeratedTask{}, Name: name}
		for t := range tasks {
			task := enumeratedTask{Name: t.Name, ID: t.ID}
			for _, r := range t.Records {
				task.Records = append(task.Records, newEnumeratedRecord(r))
			}
			f.Tasks = append(f.Tasks, task)
		}
		all.Frameworks = append(all.Frameworks, f)
	}
	return all
}

func TestEnumerateHasTheFormatOfMesosDNS(t *testing.T) {
	for _, file := range []string{"mesos-0.28.json", "mesos-1.11.json"} {
		t.Run(file, func(t *testing.T) {
			c := state.NewCluster()
			c.Reconcile(loadState(t, file), nil)
			set, _ := records.Build(c, options("netinfo,host"))
			b, err := json.MarshalIndent(enumeration(set), "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".json")+".enumerate.json", string(b)+"\n")
		})
	}
}
