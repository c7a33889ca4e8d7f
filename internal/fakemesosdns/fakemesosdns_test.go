package fakemesosdns

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestLabels(t *testing.T) {
	for _, c := range []struct {
		rule labelRule
		name string
		want string
	}{
		{rfc1123, "Web_App.1", "web-app-1"},
		{rfc1123, "--a/b:c--", "abc"},
		{rfc1123, "-", ""},
		{rfc1123, strings.Repeat("x", 70), strings.Repeat("x", 63)},
		{rfc1123, strings.Repeat("x", 60) + "---yz", strings.Repeat("x", 60) + "yz"},
		{rfc952, "1web", "web"},
		{rfc952, strings.Repeat("x", 30), strings.Repeat("x", 24)},
	} {
		if got := c.rule.label(c.name); got != c.want {
			t.Errorf("%q: got %q, want %q", c.name, got, c.want)
		}
	}
	if got := rfc1123.fragment("a..B c.-.d"); got != "a.bc.d" {
		t.Errorf("got %q, want a.bc.d", got)
	}
}

func TestAgentSuffix(t *testing.T) {
	if got := agentSuffix("20150101-000000-1-5050-1-S12"); got != "s12" {
		t.Errorf("got %q, want s12", got)
	}
}

const oneTask = `{"leader": "master@10.0.0.1:5050",
 "slaves": [{"id": "a-S0", "pid": "slave(1)@10.0.0.10:5051"}],
 "frameworks": [{"name": "Marathon", "pid": "scheduler-1@10.0.0.1:15101", "tasks": [
  {"id": "web.1", "name": "web", "slave_id": "a-S0", "state": "TASK_RUNNING", "resources": {"ports": "[31000-31000]"},
   "statuses": [{"state": "TASK_RUNNING", "timestamp": 1, "container_status": {"network_infos": [{"ip_addresses": [{"ip_address": "9.0.0.1"}, {"ip_address": "fd00::1/64"}]}]}}]},
  {"id": "api.1", "name": "api", "slave_id": "a-S0", "state": "TASK_RUNNING",
   "discovery": {"name": "Api", "ports": {"ports": [{"number": 80, "protocol": "tcp", "name": "http"}, {"number": 53}]}}},
  {"id": "old.1", "name": "old", "slave_id": "a-S0", "state": "TASK_FINISHED"},
  {"id": "lost.1", "name": "lost", "slave_id": "a-S9", "state": "TASK_RUNNING"}]}]}`

func TestRecordsOfAState(t *testing.T) {
	z, err := Generate([]byte(oneTask), Settings{Masters: []string{"10.0.0.2:5050", "10.0.0.1:5050", "10.0.0.2:5050"}})
	if err != nil {
		t.Fatal(err)
	}
	web, api, raw := "web-"+hash("web.1")+"-s0", "api-"+hash("api.1")+"-s0", "Api-"+hash("api.1")+"-s0"
	for name, want := range map[string]string{
		"A web.marathon.mesos.":                         "[9.0.0.1]",
		"A " + web + ".marathon.mesos.":                 "[9.0.0.1]",
		"A web.marathon.slave.mesos.":                   "[10.0.0.10]",
		"AAAA web.marathon.mesos.":                      "[]",
		"SRV _web._udp.marathon.mesos.":                 "[" + web + ".marathon.slave.mesos.:31000]",
		"SRV _web._tcp.marathon.slave.mesos.":           "[" + web + ".marathon.slave.mesos.:31000]",
		"A api.marathon.mesos.":                         "[10.0.0.10]",
		"A Api.marathon.mesos.":                         "[10.0.0.10]",
		"SRV _http._api._tcp.marathon.mesos.":           "[" + api + ".marathon.mesos.:80]",
		"SRV _api._tcp.marathon.mesos.":                 "[" + api + ".marathon.mesos.:80 " + api + ".marathon.mesos.:53]",
		"SRV _Api._udp.marathon.slave.mesos.":           "[" + raw + ".marathon.slave.mesos.:53]",
		"A marathon.mesos.":                             "[10.0.0.1]",
		"SRV _framework._tcp.marathon.mesos.":           "[marathon.mesos.:15101]",
		"A slave.mesos.":                                "[10.0.0.10]",
		"A master.mesos.":                               "[10.0.0.1 10.0.0.2]",
		"A master0.mesos.":                              "[10.0.0.2]",
		"A master1.mesos.":                              "[10.0.0.1]",
		"A master2.mesos.":                              "[]",
		"SRV _leader._udp.mesos.":                       "[leader.mesos.:5050]",
		"A old.marathon.mesos.":                         "[]",
		"A lost.marathon.mesos.":                        "[]",
		"A ns1.mesos.":                                  "[127.0.0.1]",
		"SRV _http._Api._tcp.marathon.slave.mesos.":     "[" + raw + ".marathon.slave.mesos.:80]",
		"A " + raw + ".marathon.slave.mesos.":           "[10.0.0.10]",
		"SRV _http._tcp.api.marathon.mesos.":            "[]",
		"SRV _" + "web" + "._udp.marathon.slave.mesos.": "[" + web + ".marathon.slave.mesos.:31000]",
	} {
		rtype, owner, _ := strings.Cut(name, " ")
		data := map[string]map[string][]string{"A": z.As, "AAAA": z.AAAAs, "SRV": z.SRVs}[rtype][owner]
		if got := fmt.Sprint(data); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if got := len(z.Frameworks[0].Tasks); got != 2 {
		t.Errorf("got %d listed tasks, want the 2 that run on a known agent", got)
	}
}

func TestStatesThatMesosDNSDoesNotTake(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON":          "<html>",
		"no leader":        `{}`,
		"a number as name": `{"leader": "master@10.0.0.1:5050", "frameworks": [{"name": 1}]}`,
		"an empty pid":     `{"leader": "master@10.0.0.1:5050", "frameworks": [{"pid": ""}]}`,
	} {
		if _, err := Generate([]byte(text), Settings{}); err == nil {
			t.Errorf("%s: got no error, want one", name)
		}
	}
	for name, text := range map[string]string{
		"an agent without pid": `{"leader": "master@10.0.0.1:5050", "slaves": [{"id": "a-S0"}]}`,
		"one port":             strings.Replace(oneTask, "[31000-31000]", "[31000]", 1),
	} {
		if _, err := Generate([]byte(text), Settings{}); !errors.Is(err, errCrash) {
			t.Errorf("%s: got %v, want a crash", name, err)
		}
	}
}
