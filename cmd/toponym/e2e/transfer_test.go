//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	transferKey    = "secondary.example"
	transferSecret = "dGhpcnR5LXR3byBieXRlcyBvZiBhIHNlY3JldCBrZXk="
	wrongSecret    = "YW5vdGhlciBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRl"
	catalogName    = "catalog.example"
)

// transferSettings let clients of this machine have the zones if they sign, or also
// if they do not.
func transferSettings(t *testing.T, rules ...string) settings {
	t.Helper()
	return settings{
		"tsigKeys":      map[string]any{transferKey: map[string]string{"algorithm": "hmac-sha256", "secret": transferSecret}},
		"transferAllow": rules,
		"catalogZone":   catalogName,
		"staticZones":   []string{writeFile(t, "spartan.zone", staticZone)},
		"ReverseDnsOn":  true,
		"ttl":           60,
	}
}

// transferLine is the command line of a client that transfers a zone, signed with a
// secret, or unsigned without one.
func transferLine(client string, port int, zone, qtype, secret string) []string {
	p := strconv.Itoa(port)
	var args []string
	switch client {
	case "dig":
		args = []string{"-r", "@127.0.0.1", "-p", p, "+nocmd", "+nostats", "+tries=1", "+time=20"}
		if secret != "" {
			args = append(args, "-y", "hmac-sha256:"+transferKey+":"+secret)
		}
	case "kdig":
		args = []string{"@127.0.0.1", "-p", p, "+retry=0", "+time=20"}
		if secret != "" {
			args = append(args, "-y", "hmac-sha256:"+transferKey+":"+secret)
		}
	case "drill":
		args = []string{"@127.0.0.1", "-p", p}
		if secret != "" {
			args = append(args, "-y", transferKey+":"+secret+":hmac-sha256")
		}
	}
	return append([]string{client}, append(args, zone, qtype)...)
}

// transfer transfers a zone and returns its records in the order of the response,
// each as "owner TTL type data", with the output of the client.
func transfer(t *testing.T, client string, port int, zone, qtype, secret string) (records []string, r result) {
	t.Helper()
	line := transferLine(client, port, zone, qtype, secret)
	r = run(t, line[0], line[1:]...)
	for l := range strings.Lines(r.stdout) {
		f := strings.Fields(l)
		if len(f) < 5 || strings.HasPrefix(f[0], ";") || f[2] != "IN" || f[3] == "TSIG" {
			continue
		}
		records = append(records, strings.Join(append(f[:2:2], f[3:]...), " "))
	}
	return records, r
}

// sortedSet sorts records, each once.
func sortedSet(records []string) []string {
	sorted := slices.Clone(records)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// The zones come over to every client alike, with and without a signature, and are
// accepted by the programs that check zones.
func TestZoneTransfer(t *testing.T) {
	t.Parallel()
	require(t, "dig")
	s := serve(t, newMaster(t, example(t).Cluster), transferSettings(t, "127.0.0.0/8", "key:"+transferKey))
	catalog, _ := transfer(t, "dig", s.port, catalogName, "AXFR", transferSecret)
	var zones []string
	for _, r := range catalog {
		if f := strings.Fields(r); f[2] == "PTR" {
			zones = append(zones, strings.TrimSuffix(f[3], "."))
		}
	}
	for _, want := range []string{"mesos", "spartan", "dcos.thisdcos.directory", "mesos.thisdcos.directory"} {
		if !slices.Contains(zones, want) {
			t.Errorf("the catalog lists %q, want %s as well", zones, want)
		}
	}
	if !slices.Contains(catalog, "version."+catalogName+`. 0 TXT "2"`) || !slices.Contains(catalog, catalogName+". 0 NS invalid.") {
		t.Errorf("got the catalog %q, want the version 2", catalog)
	}
	for _, zone := range append(zones, catalogName) {
		t.Run(zone, func(t *testing.T) {
			want, _ := transfer(t, "dig", s.port, zone, "AXFR", "")
			if len(want) < 3 || want[0] != want[len(want)-1] || !strings.HasPrefix(want[0], zone+". ") || strings.Fields(want[0])[2] != "SOA" {
				t.Fatalf("got %q, want records that begin and end with the SOA record", want)
			}
			if zone == "mesos" && !slices.Contains(want, "web.marathon.mesos. 10 A 10.1.0.1") {
				t.Errorf("got %q, want an address of web.marathon.mesos as well", want)
			}
			for _, client := range []string{"dig", "kdig", "drill"} {
				for _, secret := range []string{"", transferSecret} {
					t.Run(client+map[bool]string{true: " signed"}[secret != ""], func(t *testing.T) {
						require(t, client)
						got, r := transfer(t, client, s.port, zone, "AXFR", secret)
						same(t, "records", sortedSet(got), sortedSet(want))
						if secret != "" && client != "drill" && strings.Contains(strings.ToLower(r.String()), "could") {
							t.Errorf("the client does not accept the signature:\n%s", tail(r.String()))
						}
						if strings.Contains(r.String(), "BADSIG") || strings.Contains(r.stdout, "WARNING") {
							t.Errorf("got %s", tail(r.String()))
						}
					})
				}
			}
			file := filepath.Join(t.TempDir(), "zone")
			if err := os.WriteFile(file, []byte(zoneFileOf(want)), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, check := range [][]string{
				{"named-checkzone", "-q", "-k", "ignore", "-i", "local", zone, file},
				{"nsd-checkzone", zone, file},
				{"kzonecheck", "-o", zone, file},
				{"ldns-read-zone", file},
			} {
				t.Run(check[0], func(t *testing.T) {
					if zone == catalogName && check[0] == "kzonecheck" {
						t.Skip("it has no address for the name server invalid.")
					}
					require(t, check[0])
					if r := run(t, check[0], check[1:]...); r.status != 0 {
						t.Errorf("got exit status %d, want 0\n%s", r.status, tail(r.String()))
					}
				})
			}
		})
	}
	t.Run("dnspython", func(t *testing.T) { transferWithPython(t, s.port, zones) })
	t.Run("settings", func(t *testing.T) {
		_, body, err := s.get("/v1/config")
		if err != nil || strings.Contains(body+s.stderr.String(), transferSecret) {
			t.Errorf("/v1/config or the log show the secret: %v\n%s", err, body)
		}
		_, metrics, err := s.get("/metrics")
		if want := `toponym_transfer_total{kind="axfr",result="sent"}`; err != nil || !strings.Contains(metrics, want) {
			t.Errorf("/metrics: got %v, want %s", err, want)
		}
	})
}

// zoneFileOf writes records of a transfer as a zone file, without the last SOA record.
func zoneFileOf(records []string) string {
	var b strings.Builder
	for _, r := range records[:len(records)-1] {
		f := strings.SplitN(r, " ", 3)
		b.WriteString(f[0] + " " + f[1] + " IN " + f[2] + "\n")
	}
	return b.String()
}

// transferWithPython transfers zones with dnspython, which checks signatures and the
// form of the zones.
func transferWithPython(t *testing.T, port int, zones []string) {
	const python = "/usr/bin/python3" // where Debian's package is
	if exec.Command(python, "-c", "import dns.query").Run() != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("dnspython is not installed: Debian package python3-dnspython")
		}
		t.Skip("dnspython is not installed: Debian package python3-dnspython")
	}
	const script = `
import sys, dns.query, dns.zone, dns.tsigkeyring
ring = dns.tsigkeyring.from_text({sys.argv[2]: sys.argv[3]})
for name in sys.argv[4:]:
    z = dns.zone.from_xfr(dns.query.xfr("127.0.0.1", name, port=int(sys.argv[1]), keyring=ring, keyalgorithm="hmac-sha256", relativize=False, lifetime=60), relativize=False)
    z.check_origin()
    before = len(z.nodes)
    m, serial = dns.xfr.make_query(z, keyring=ring, keyalgorithm="hmac-sha256")
    dns.query.inbound_xfr("127.0.0.1", z, m, port=int(sys.argv[1]), lifetime=60)
    print(name, before, len(z.nodes))
`
	r := run(t, python, append([]string{"-c", script, strconv.Itoa(port), transferKey, transferSecret}, zones...)...)
	if r.status != 0 || strings.Count(r.stdout, "\n") != len(zones) {
		t.Errorf("got exit status %d\n%s", r.status, tail(r.String()))
	}
}

// What has changed comes over as differences, which lead to the zone of now.
func TestIncrementalZoneTransfer(t *testing.T) {
	t.Parallel()
	require(t, "dig", "kdig")
	cl := example(t)
	m := newMaster(t, cl.Cluster)
	s := serve(t, m, transferSettings(t, "127.0.0.1 key:"+transferKey))
	before, _ := transfer(t, "dig", s.port, "mesos", "AXFR", transferSecret)
	if len(before) < 3 {
		t.Fatalf("got %q, want a zone", before)
	}
	serial := strings.Fields(before[0])[5]
	cl.end(t, "web", 1)
	cl.app(t, "extra", 2, "10.7.0.1", 80)
	eventually(t, "the new task", func() (bool, string) {
		got := ask(t, s.port, "dig extra.marathon.mesos A")
		return len(got.answer) == 2, fmt.Sprint(got)
	})
	var after []string
	eventually(t, "a transfer of the newest version", func() (bool, string) {
		after, _ = transfer(t, "dig", s.port, "mesos", "AXFR", transferSecret)
		serial := soa(t, s.port, "mesos")
		return len(after) > 0 && strings.Fields(after[0])[5] == fmt.Sprint(serial), fmt.Sprint(after[:min(len(after), 1)], serial)
	})
	for _, client := range []string{"dig", "kdig"} {
		diff, r := transfer(t, client, s.port, "mesos", "IXFR="+serial, transferSecret)
		if len(diff) < 6 || len(diff) >= len(after) {
			t.Fatalf("%s: got %d records, want some of a difference\n%s", client, len(diff), tail(r.String()))
		}
		// The new SOA record, the old one with what goes, the new one with what
		// comes, and the new one.
		content := map[string]bool{}
		for _, r := range before {
			content[r] = true
		}
		soas := 0
		for _, r := range diff {
			if strings.Fields(r)[2] == "SOA" {
				soas++
			}
			switch soas {
			case 2:
				if !content[r] {
					t.Errorf("%s: removes %s, which was not there", client, r)
				}
				delete(content, r)
			case 3:
				content[r] = true
			}
		}
		var got []string
		for r := range content {
			got = append(got, r)
		}
		if soas != 4 {
			t.Errorf("%s: got %d SOA records, want 4", client, soas)
		}
		same(t, client+": records", sortedSet(got), sortedSet(after))
		current := strings.Fields(after[0])[5]
		if got, _ := transfer(t, client, s.port, "mesos", "IXFR="+current, transferSecret); len(got) != 1 || got[0] != after[0] {
			t.Errorf("%s: up to date: got %q, want the SOA record", client, got)
		}
		if got, _ := transfer(t, client, s.port, "mesos", "IXFR=1", transferSecret); !slices.Equal(sortedSet(got), sortedSet(after)) {
			t.Errorf("%s: of a serial that is not kept: got %d records, want the whole zone", client, len(got))
		}
	}
}

// Nobody gets a zone by default, and nobody without the key or with a wrong one.
func TestZoneTransferIsRefused(t *testing.T) {
	t.Parallel()
	require(t, "dig", "kdig")
	closed := serveExample(t, nil)
	open := serveExample(t, transferSettings(t, "127.0.0.1 key:"+transferKey, "192.0.2.0/24"))
	for _, x := range []struct {
		about        string
		s            *server
		zone, qtype  string
		secret, want string
	}{
		{"the default", closed, "mesos", "AXFR", "", "REFUSED"},
		{"the default, for differences", closed, "mesos", "IXFR=1", "", "REFUSED"},
		{"the default, with a key", closed, "mesos", "AXFR", transferSecret, "BADKEY"},
		{"no key", open, "mesos", "AXFR", "", "REFUSED"},
		{"no key, for the catalog", open, catalogName, "AXFR", "", "REFUSED"},
		{"a wrong key", open, "mesos", "AXFR", wrongSecret, "BADSIG"},
		{"another zone", open, "example.org", "AXFR", transferSecret, "NOTAUTH"},
		{"a name in a zone", open, "marathon.mesos", "AXFR", transferSecret, "NOTAUTH"},
	} {
		// dig says no more than that.
		for client, want := range map[string]string{"dig": "Transfer failed", "kdig": x.want} {
			got, r := transfer(t, client, x.s.port, x.zone, x.qtype, x.secret)
			if len(got) > 0 || !strings.Contains(r.String(), want) {
				t.Errorf("%s: %s: got %d records, want none, and %s\n%s", x.about, client, len(got), want, tail(r.String()))
			}
		}
	}
	eventually(t, "one line about refusals", func() (bool, string) {
		log := open.stderr.String()
		return strings.Count(log, "refused a zone transfer") == 1, log
	})
	_, metrics, err := open.get("/metrics")
	for _, not := range []string{`toponym_transfer_refused_total{rcode="REFUSED"} 0`, `toponym_tsig_total{error="BADSIG"} 0`} {
		if err != nil || !strings.Contains(metrics, strings.TrimSuffix(not, "0")) || strings.Contains(metrics, not) {
			t.Errorf("/metrics: got %s, want more: %v", not, err)
		}
	}
}

// Secondaries sign other queries too, and check the signatures of the answers.
func TestSignedQueries(t *testing.T) {
	t.Parallel()
	s := serveExample(t, transferSettings(t, "key:"+transferKey))
	for _, client := range []string{"dig", "kdig"} {
		for _, way := range []string{"+notcp", "+tcp"} {
			t.Run(client+" "+way, func(t *testing.T) {
				require(t, client)
				line := append(transferLine(client, s.port, "mesos", "SOA", transferSecret), way)
				r := run(t, line[0], line[1:]...)
				if r.status != 0 || !strings.Contains(r.stdout, "NOERROR") || !strings.Contains(r.stdout, "TSIG") || strings.Contains(strings.ToLower(r.String()), "verif") {
					t.Errorf("got exit status %d\n%s", r.status, tail(r.String()))
				}
				line = append(transferLine(client, s.port, "mesos", "SOA", wrongSecret), way)
				r = run(t, line[0], line[1:]...)
				if !strings.Contains(r.String(), "BADSIG") && !strings.Contains(strings.ToLower(r.String()), "verif") {
					t.Errorf("a wrong secret: got %s", tail(r.String()))
				}
			})
		}
	}
}
