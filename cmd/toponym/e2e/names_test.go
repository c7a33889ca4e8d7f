//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// oddTasks is the number of tasks. Each has four random names: of the task, its
// DiscoveryInfo, a port and a network.
const oddTasks = 50_000

// oddName returns a name that a framework may choose: any string in JSON.
func oddName(r *rand.Rand) string {
	switch r.IntN(8) {
	case 0:
		return []string{"", "-", ".", "_", "a..b", "☃", "*", "a/b/c", "/group/app", "xn--a", "_tcp", "slave", "leader", "🦊.fox", "a\x00b"}[r.IntN(15)]
	case 1:
		return strings.Repeat([]string{"x", "a-", "ab.", "é", "x_.-y"}[r.IntN(5)], r.IntN(80))
	case 2:
		b := make([]byte, 1+r.IntN(70))
		for i := range b {
			b[i] = byte(' ' + r.IntN('~'-' '+1))
		}
		return string(b)
	}
	const letters = "abcdefghijklmnopqrstuvwXYZ0123456789-_."
	b := make([]byte, 1+r.IntN(20))
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

// oddState returns the state of a cluster with such names.
func oddState(leader string) []byte {
	type object = map[string]any
	r := rand.New(rand.NewPCG(1, 2))
	var agents, frameworks []object
	for i := range 200 {
		agents = append(agents, object{"id": fmt.Sprint("odd-S", i), "hostname": "x", "pid": fmt.Sprintf("slave(1)@10.50.0.%d:5051", i)})
	}
	for f := range 50 {
		var tasks []object
		for i := range oddTasks / 50 {
			n := f*oddTasks/50 + i
			network := oddName(r)
			infos := []object{{"name": network, "ip_addresses": []object{{"ip_address": fmt.Sprintf("9.%d.%d.%d", n>>16, n>>8&255, n&255)}}}}
			tasks = append(tasks, object{
				"id": fmt.Sprint("t.", n), "name": oddName(r), "slave_id": fmt.Sprint("odd-S", r.IntN(200)), "state": "TASK_RUNNING",
				"statuses":  []object{{"state": "TASK_RUNNING", "timestamp": 1, "container_status": object{"network_infos": infos}}},
				"container": object{"type": "MESOS", "network_infos": []object{{"name": network}}},
				"discovery": object{"visibility": "FRAMEWORK", "name": oddName(r), "ports": object{"ports": []object{{
					"number": 8080, "name": oddName(r), "protocol": "tcp", "labels": object{"labels": []object{
						{"key": "network-scope", "value": "container"}, {"key": "network-name", "value": network}}}}}}},
			})
		}
		frameworks = append(frameworks, object{"id": fmt.Sprint("f", f), "name": oddName(r) + fmt.Sprint(f), "pid": "s@10.9.0.1:1", "tasks": tasks})
	}
	b, err := json.Marshal(object{"leader": "master@" + leader, "pid": "master@" + leader, "slaves": agents, "frameworks": frameworks})
	if err != nil {
		panic(err)
	}
	return b
}

// A state with random names gives a zone of 200,000 names that named-checkzone
// accepts, and each record of it is answered.
func TestRandomNamesGiveAValidZone(t *testing.T) {
	t.Parallel()
	m := newMaster(t, newCluster(t).Cluster)
	state := oddState(m.addr.String())
	m.answer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(state)
	}))
	s := serve(t, m, settings{"refreshSeconds": 600, "maxUDPSize": 65535})
	domain, trees := s.listed(t, ""), s.listed(t, "dcos.thisdcos.directory")
	if len(domain.As) < oddTasks || len(domain.SRVs) < oddTasks {
		t.Fatalf("names: got %d with A and %d with SRV records, want more", len(domain.As), len(domain.SRVs))
	}
	t.Run("asked for", func(t *testing.T) {
		for _, zone := range []listedRecords{domain, trees} {
			askZone(t, s, zone.As, dns.TypeA)
			askZone(t, s, zone.SRVs, dns.TypeSRV)
		}
	})
	t.Run("named-checkzone", func(t *testing.T) {
		require(t, "named-checkzone")
		file := filepath.Join(t.TempDir(), "mesos.zone")
		if err := os.WriteFile(file, []byte(zoneFile(domain.As, domain.SRVs)), 0o600); err != nil {
			t.Fatal(err)
		}
		// Service names are not host names, and neither are some odd names.
		if r := run(t, "named-checkzone", "-q", "-k", "ignore", "-i", "local", "mesos", file); r.status != 0 {
			again := run(t, "named-checkzone", "-k", "ignore", "-i", "local", "mesos", file)
			t.Errorf("named-checkzone: got exit status %d, want 0\n%s", r.status, tail(again.String()))
		}
	})
}

// zoneFile writes a zone as a zone file (RFC 1035 section 5).
func zoneFile(as, srvs map[string][]string) string {
	var b strings.Builder
	b.WriteString("$TTL 60\nmesos. SOA ns1.mesos. root.ns1.mesos. 1 60 600 86400 60\nmesos. NS ns1.mesos.\n")
	for _, name := range slices.Sorted(maps.Keys(as)) {
		for _, a := range as[name] {
			fmt.Fprintf(&b, "%s A %s\n", name, a)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(srvs)) {
		for _, srv := range srvs[name] {
			target, port, _ := strings.Cut(srv, ":")
			fmt.Fprintf(&b, "%s SRV 0 1 %s %s\n", name, port, target)
		}
	}
	return b.String()
}

// askZone asks for each name and compares the answer with the zone.
func askZone(t *testing.T, s *server, all map[string][]string, qtype uint16) {
	names := make(chan string)
	var done sync.WaitGroup
	for range 8 {
		done.Go(func() {
			udp := &dns.Client{UDPSize: dns.MaxMsgSize, Timeout: patience}
			c, err := udp.Dial(s.addr())
			if err != nil {
				t.Error(err)
			}
			for name := range names {
				if err != nil || t.Failed() {
					continue // the others have to be taken
				}
				m := new(dns.Msg).SetQuestion(name, qtype).SetEdns0(dns.MaxMsgSize, false)
				r, _, err := udp.ExchangeWithConn(m, c)
				if err == nil && r.Truncated {
					r, _, err = (&dns.Client{Net: "tcp", Timeout: patience}).Exchange(m, s.addr())
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				var got []string
				for _, rr := range r.Answer {
					switch rr := rr.(type) {
					case *dns.A:
						got = append(got, rr.A.String())
					case *dns.SRV:
						got = append(got, fmt.Sprintf("%s:%d", rr.Target, rr.Port))
					}
				}
				want := slices.Clone(all[name])
				slices.Sort(got)
				slices.Sort(want)
				// Only the records that fit into 64 KiB are answered.
				if !slices.Equal(got, want) && len(want) < 1000 {
					t.Errorf("%s: got %d records %v, want %d", name, len(got), got[:min(3, len(got))], len(want))
				}
			}
			_ = c.Close()
		})
	}
	began := time.Now()
	for name := range all {
		names <- name
	}
	close(names)
	done.Wait()
	t.Logf("%d names of type %s in %v", len(all), dns.TypeToString[qtype], time.Since(began).Round(time.Second))
}
