//go:build bench && linux && (amd64 || arm64)

package main

import (
	"slices"
	"strings"
	"testing"
)

const transfer = `{
 "TTL": 60, "Serial": 7, "RefreshSeconds": 60,
 "Mname": "ns1.mesos.", "Rname": "root.ns1.mesos.",
 "Domain": "mesos",
 "Records": {
  "As": {
   "db.marathon.mesos.": ["10.0.0.9"],
   "other.example.": ["192.0.2.1"],
   "slave.mesos.": ["10.1.0.1", "10.1.0.2", "10.1.0.3"],
   "web.marathon.mesos.": ["10.0.0.1", "10.0.0.2"]
  },
  "AAAAs": {"db.marathon.mesos.": ["fd00::9"]},
  "New": {"what": ["is not known"]},
  "SRVs": {"_web._tcp.marathon.mesos.": ["web-1.marathon.mesos.:31000"]}
 }
}`

func example(t *testing.T) *zoneData {
	t.Helper()
	z, err := readAXFR(strings.NewReader(transfer))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestReadAXFR(t *testing.T) {
	z := example(t)
	if z.Domain != "mesos." || z.TTL != 60 {
		t.Errorf("domain %q, TTL %d", z.Domain, z.TTL)
	}
	if n := z.records(); n != 8 {
		t.Errorf("%d records", n)
	}
	if n := z.names(); n != 4 {
		t.Errorf("%d names", n)
	}
	if !slices.Equal(z.As[2].values, []string{"10.0.0.1", "10.0.0.2"}) {
		t.Errorf("web has %v", z.As[2])
	}
	if !z.dualStack["db.marathon.mesos."] || z.dualStack["web.marathon.mesos."] {
		t.Errorf("with AAAA: %v", z.dualStack)
	}
}

func TestReadAXFRFaults(t *testing.T) {
	for _, text := range []string{"", "[]", "{}", `{"Domain": "mesos"}`, transfer[:len(transfer)/2], `{"TTL": "x"}`, `{"Records": []}`} {
		if _, err := readAXFR(strings.NewReader(text)); err == nil {
			t.Errorf("%.30q was read", text)
		}
	}
}

func TestWriteZone(t *testing.T) {
	z := example(t)
	z.Apex = []string{"mesos.\t60\tIN\tSOA\tns1.mesos. root.ns1.mesos. 7 60 600 86400 60", "mesos.\t60\tIN\tNS\tns1.mesos."}
	var b strings.Builder
	if err := writeZone(&b, z); err != nil {
		t.Fatal(err)
	}
	want := `$ORIGIN mesos.
$TTL 60
mesos.	60	IN	SOA	ns1.mesos. root.ns1.mesos. 7 60 600 86400 60
mesos.	60	IN	NS	ns1.mesos.
db.marathon.mesos. A 10.0.0.9
slave.mesos. A 10.1.0.1
slave.mesos. A 10.1.0.2
slave.mesos. A 10.1.0.3
web.marathon.mesos. A 10.0.0.1
web.marathon.mesos. A 10.0.0.2
db.marathon.mesos. AAAA fd00::9
_web._tcp.marathon.mesos. SRV 0 1 31000 web-1.marathon.mesos.
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	z.SRVs[0].values[0] = "without a port"
	if writeZone(&b, z) == nil {
		t.Error("SRV data without a port was written")
	}
}
