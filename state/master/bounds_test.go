package master

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim"
)

// listOf is a JSON list of n elements, each of a format with its number.
func listOf(n int, format string) string {
	var b strings.Builder
	b.WriteByte('[')
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, format, i)
	}
	b.WriteByte(']')
	return b.String()
}

// What a framework or an executor writes into one
// task costs no more than a task may cost.
func TestListsOfATaskAreBounded(t *testing.T) {
	const n = 20_000
	address := `{"ip_address": "fd00::%x"}`
	for what, tt := range map[string]struct {
		task string
		want string // of the issue
	}{
		"addresses":      {`"statuses": [{"state": "TASK_RUNNING", "container_status": {"network_infos": [{"ip_addresses": ` + listOf(n, address) + `}]}}]`, "256 addresses"},
		"networks":       {`"statuses": [{"state": "TASK_RUNNING", "container_status": {"network_infos": ` + listOf(n, `{"name": "n%x"}`) + `}}]`, "256 networks"},
		"status labels":  {`"statuses": [{"state": "TASK_RUNNING", "labels": ` + listOf(n, `{"key": "Docker.NetworkSettings.IPAddress", "value": "fd00::%x"}`) + `}]`, "256 addresses"},
		"port mappings":  {`"container": {"docker": {"port_mappings": ` + listOf(n, `{"host_port": %d, "container_port": 80}`) + `}}`, "4096 port mappings"},
		"ranges":         {`"resources": [{"name": "ports", "ranges": {"range": ` + listOf(n, `{"begin": %[1]d, "end": %[1]d}`) + `}}]`, "4096 ranges of ports"},
		"discovery":      {`"discovery": {"name": "x", "ports": {"ports": ` + listOf(n, `{"number": %d}`) + `}}`, "4096 ports in its DiscoveryInfo"},
		"labels":         {`"labels": ` + listOf(n, `{"key": "DNS_%d", "value": "x"}`), "1024 labels"},
		"labels of port": {`"discovery": {"name": "x", "ports": {"ports": [{"number": 1, "labels": ` + listOf(n, `{"key": "DNS_%d", "value": "x"}`) + `}]}}`, "1024 labels"},
	} {
		doc := mustDecode(t, []byte(`{"frameworks": [{"id": "F", "tasks": [{"id": "big", "state": "TASK_RUNNING", `+tt.task+`}, {"id": "small", "labels": [{"key": "DNS_X", "value": "y"}]}]}]}`))
		if doc.issues.count != 1 || !strings.Contains(doc.issues.example, tt.want) {
			t.Errorf("%s: got issues %+v, want one with %q", what, doc.issues, tt.want)
		}
		if len(doc.Tasks) != 2 || len(doc.Tasks[1].Labels) != 1 {
			t.Errorf("%s: got tasks %v, want both, the second one whole", what, doc.Tasks)
		}
	}
}

// BenchmarkAddressesOfAStatus: the time per address must not grow with their
// number.
func BenchmarkAddressesOfAStatus(b *testing.B) {
	for _, n := range []int{1000, 2000, 4000, 8000} {
		body := []byte(`{"frameworks": [{"id": "F", "tasks": [{"id": "t", "statuses": [{"state": "TASK_RUNNING", "container_status": {"network_infos": [{"ip_addresses": ` +
			listOf(n, `{"ip_address": "fd00::%x"}`) + `}]}}]}]}]}`)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if _, err := decode(bytes.NewReader(body), false); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/address")
		})
	}
}

// No name can be made of them, and an event with one
// must not hold memory for as long as the stream lives.
func TestLongStringsAreNotKept(t *testing.T) {
	long := strings.Repeat("x", maxKept+1)
	doc := mustDecode(t, []byte(`{"slaves": [{"id": "S", "hostname": "`+long+`"}], "frameworks": [{"id": "F", "name": "`+long+`", "tasks": [
		{"id": "`+long+`"}, {"id": "t", "name": "`+long+`", "discovery": {"name": "`+long[1:]+`"}, "labels": [{"key": "DNS_X", "value": "`+long+`"}]}]}]}`))
	if len(doc.Tasks) != 1 || doc.Tasks[0].Name != "" || len(doc.Tasks[0].Discovery.Name) != maxKept || len(doc.Tasks[0].Labels) != 0 ||
		doc.Agents[0].Hostname != "" || doc.Frameworks[0].Name != "" {
		t.Errorf("got %.200q, want no string of more than %d bytes", lines(doc), maxKept)
	}
}

// Skipped or read, in a state or in an event.
func TestHugeStringsCostNoMemory(t *testing.T) {
	const size = 16 << 20
	for what, p := range map[string][2]string{
		"a skipped value":  {`{"type": "AGENT_ADDED", "x": "`, `", "agent_added": {}}`},
		"a name":           {`{"type": "FRAMEWORK_ADDED", "framework_added": {"framework": {"framework_info": {"id": {"value": "F"}, "name": "`, `"}}}}`},
		"a name, escaped":  {`{"type": "FRAMEWORK_ADDED", "framework_added": {"framework": {"framework_info": {"id": {"value": "F"}, "name": "\n`, `"}}}}`},
		"a type":           {`{"type": "`, `"}`},
		"a key":            {`{"`, `": 1, "type": "HEARTBEAT"}`},
		"a port of a task": {`{"type": "TASK_ADDED", "task_added": {"task": {"resources": {"ports": "`, `"}}}}`},
	} {
		d := newEventDecoder()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		_, err := d.read(io.MultiReader(strings.NewReader(p[0]), &repeated{text: "xxxxxxxxxxxxxxxx", left: size / 16}, strings.NewReader(p[1])))
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
			t.Errorf("%s of %d MB: got %d bytes allocated, want next to none (%v)", what, size>>20, grown, err)
		}
	}
}

// A stream may bring new names for months.
func TestInternedStringsAreBoundedInBytes(t *testing.T) {
	r := newReader(nil)
	name := strings.Repeat("x", maxKept-20)
	for i := range 3 * maxInternedBytes / maxKept {
		r.Reset(strings.NewReader(fmt.Sprintf(`"%s%d"`, name, i)))
		var s string
		if err := r.internedString(&s); err != nil || len(s) < len(name) {
			t.Fatalf("got %d bytes, %v, want the string", len(s), err)
		}
		if r.internedBytes > maxInternedBytes {
			t.Fatalf("got %d bytes interned, want at most %d", r.internedBytes, maxInternedBytes)
		}
	}
}

// No event reports that an agent was
// removed, but the updates of its tasks give that as their reason.
func TestRemovalOfAnAgentBringsTheResyncForward(t *testing.T) {
	for what, remove := range map[string]func(*sim.Cluster, string) error{
		"unreachable": (*sim.Cluster).MarkUnreachable,
		"gone":        (*sim.Cluster).MarkGone,
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newTestbed(t, func(o *Options) { o.Source = Stream })
				b.populate(60)
				defer b.run()()
				time.Sleep(time.Minute)
				agent := b.cluster.Agents()[0].ID
				if err := remove(b.cluster, agent); err != nil {
					t.Fatal(err)
				}
				time.Sleep(removalInterval)
				if slices.ContainsFunc(b.published(), func(l string) bool { return strings.HasPrefix(l, "agent "+agent) }) {
					t.Errorf("got the agent after %v, want it gone", removalInterval)
				}
			})
		})
	}
}
