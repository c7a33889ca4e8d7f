package master

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"toponym/state"
)

// The expected lines were written by hand from the fixtures. ids stands for the
// long ids in a file.
func TestStatesOfManyMasters(t *testing.T) {
	tests := []struct {
		file string
		ids  *strings.Replacer
		want []string
	}{
		{"mesos-0.20.json", strings.NewReplacer("20140929-140000-16782346-5050-1201-", "*", "-47e1-11e4-8b1f-56847afe9799", "*"), []string{
			`leader master@10.20.0.1:5050 answered by master@10.20.0.1:5050`,
			`agent *0 "10.20.0.11" slave(1)@10.20.0.11:5051`,
			`agent *1 "agent2.lab" slave(1)@10.20.0.12:5051`,
			`framework *0000 "marathon" "10.20.0.1" -`,
			`task *0000/web.0a1b2c3d* "web" on *0 RUNNING 31000-31001`,
			`task *0000/web.0a1b2c3e* "web" on *1 RUNNING 31005-31005`, // has no status at all
			`task *0000/sleeper.33445566* "sleeper" on *1 STAGING`,
		}},
		{"mesos-0.25.json", strings.NewReplacer("5f0e8c11-93a2-4c57-9a10-25aa25aa25aa-", "*", "-7e01-11e5-a1ba-56847afe9799", "*"), []string{
			`leader master@10.25.0.1:5050 answered by master@10.25.0.1:5050`,
			`agent *S0 "10.25.0.11" slave(1)@10.25.0.11:5051`,
			`agent *S1 "agent2.staging.example" slave(1)@10.25.0.12:5051`,
			`framework *0000 "marathon" "10.25.0.1" scheduler-6e4c1f4c-12ab-4d8e-9e62-0a25c0ffee25@10.25.0.1:43210`,
			`task *0000/front.a2500001* "front" on *S0 RUNNING 31080-31080 netinfo[172.17.0.3] docker[172.17.0.3] container BRIDGE[{31080 80 tcp}]`,
			`task *0000/isolated.a2500002* "isolated" on *S1 RUNNING mesos[192.168.25.7]`,
			`task *0000/plain.a2500003* "plain" on *S1 RUNNING 31002-31003 netinfo[10.25.0.12] healthy`, // a newer status reports health only
		}},
		{"mesos-0.28.json", strings.NewReplacer("28282828-6f1d-468f-8d29-343950280028-", "*", "-eff0-11e5-8568-c2926e3a9a93", "*"), []string{
			`leader master@10.28.0.1:5050 answered by master@10.28.0.1:5050`,
			`agent *S0 "10.28.0.11" slave(1)@10.28.0.11:5051`,
			`agent *S1 "10.28.0.12" slave(1)@10.28.0.12:5051`,
			`framework *0000 "marathon" "10.28.0.2" scheduler-28f8c658-acb2-4431-89b2-8c77a91d2828@10.28.0.2:39699`,
			`task *0000/proxy.28000001* "proxy" on *S0 RUNNING 31464-31464 netinfo[10.28.0.11] unhealthy as "proxy"FRAMEWORK 31464/""/tcp`,
			`task *0000/api.28000002* "api" on *S0 RUNNING 31014-31014 netinfo[10.28.0.11] healthy as "api"FRAMEWORK 31014/"http"/tcp`,
			`task *0000/api.28000003* "api" on *S1 RUNNING 31014-31014 netinfo[10.28.0.12] unhealthy as "api"FRAMEWORK 31014/"http"/tcp`,
			`task *0000/dns.28000004* "dns" on *S1 RUNNING 31200-31201 netinfo[10.28.0.12] as "resolver"EXTERNAL 31200/"dns"/udp 31201/"stats"/`,
		}},
		{"mesos-1.0.json", strings.NewReplacer("10101010-5b38-43c8-b85f-100010001000-", "*", "-6a01-11e6-b1cb-70b3d5800001", "*"), []string{
			`leader master@10.100.0.1:5050 answered by master@10.100.0.1:5050`,
			`agent *S0 "10.100.0.11" slave(1)@10.100.0.11:5051`,
			`agent *S1 "10.100.0.12" slave(1)@10.100.0.12:5051`,
			`agent *S2 "10.100.0.13" slave(1)@10.100.0.13:5051`,
			`framework *0000 "marathon" "10.100.0.2" scheduler-10aa10aa-7a3f-4a5e-8d54-2f7d3c1f9e60@10.100.0.2:15101`,
			`framework *0001 "mesos-execute instance" "" -`,
			`task *0000/overlaid.10000001* "overlaid" on *S0 RUNNING netinfo[9.0.1.130] docker[9.0.1.130] container USER[] "dcos-1"[][] as "overlaid"FRAMEWORK 123/"foo"/tcp`,
			`task *0000/team_calico.10000002* "calico.team" on *S0 RUNNING netinfo[192.168.100.5 192.168.200.5] net"calico-a"[192.168.100.5][] net"calico-b"[192.168.200.5][] container [] "calico-a"[][] "calico-b"[][] as "calico.team"FRAMEWORK`,
			`task *0000/bridged.10000003* "bridged" on *S1 RUNNING 31100-31100 netinfo[172.17.0.9] docker[172.17.0.9] container BRIDGE[{31100 8080 tcp}] as "bridged"FRAMEWORK 31100/"http"/tcp`,
			`task *0001/cat "cat" on *S2 RUNNING`,
		}},
		{"mesos-1.5.json", strings.NewReplacer("15151515-0153-499d-a5b0-150015001500-", "*", "-2630-11e8-af52-70b3d5800001", "*"), []string{
			`leader master@10.150.0.1:5050 answered by master@10.150.0.1:5050`,
			`agent *S0 "10.150.0.11" slave(1)@10.150.0.11:5051`,
			`agent *S1 "agent2.five.example" slave(1)@10.150.0.12:5051`,
			`framework *0001 "marathon" "10.150.0.2" scheduler-15ee15ee-7a3f-4a5e-8d54-2f7d3c1f9e60@10.150.0.2:15101`,
			`task *0001/docker-bridge.15000001* "docker-bridge" on *S0 RUNNING 31560-31560 netinfo[172.18.0.2] container BRIDGE[{31560 8080 tcp}] as "docker-bridge"FRAMEWORK 31560/"http"/tcp(host,)`,
			`task *0001/docker-net.15000002* "docker-net" on *S0 RUNNING netinfo[9.0.2.130] net"dcos"[9.0.2.130][] container USER[] "dcos"[][] as "docker-net"FRAMEWORK 8080/"http"/tcp(container,dcos)`,
			`task *0001/multi.15000003* "multi" on *S0 RUNNING netinfo[9.0.2.5 10.77.2.5] net"dcos"[9.0.2.5][] net"storage"[10.77.2.5][] container [] "storage"[][] "dcos"[][] as "multi"FRAMEWORK 80/"http"/tcp(container,dcos) 3260/"iscsi"/tcp(container,storage)`,
			`task *0001/ucr-bridge.15000004* "ucr-bridge" on *S1 RUNNING 31263-31263 netinfo[172.31.254.4] net"mesos-bridge"[172.31.254.4][{31263 8080 tcp}] container [] "mesos-bridge"[][{31263 8080 tcp}] as "ucr-bridge"FRAMEWORK 31263/"http"/tcp(host,)`,
			`task *0001/on-host.15000005* "on-host" on *S1 RUNNING 31700-31701 netinfo[10.150.0.12] as "on-host"FRAMEWORK 31700/"http"/tcp 31701/"quic"/udp`,
		}},
		{"mesos-1.11.json", strings.NewReplacer("11111111-150e-4550-b2ad-000000000001-", "*", "-aaaa-11eb-bbbb-0123456789ab", "*"), []string{
			`leader master@10.111.0.1:5050 answered by master@10.111.0.1:5050`,
			`agent *S1 "10.111.0.12" slave(1)@10.111.0.12:5051`,
			`agent *S0 "agent1.eleven.example" slave(1)@fd11:a::11:5051`,
			`framework *0000 "marathon" "marathon.eleven.example" -`,
			`framework *0001 "Batch.Jobs" "" -`,
			`task *0000/dual.instance-11000001*._app.1 "dual" on *S1 RUNNING netinfo[10.111.5.4 fd11:5::4] net"dual"[10.111.5.4 fd11:5::4][] container [] "dual"[][] as "dual"FRAMEWORK 8080/"http"/tcp(container,dual)`,
			`task *0000/pod.instance-11000002*.front "front" on *S1 RUNNING 31600-31600 netinfo[10.111.0.12] as "pod"EXTERNAL 31600/"http"/tcp`,
			`task *0000/pod.instance-11000002*.side "side" on *S1 RUNNING netinfo[10.111.0.12]`,
			`task *0000/job.1 "job" on *S1 RUNNING netinfo[10.111.0.12] healthy`,
			`task *0000/shop_cart.instance-11000005*._app.1 "cart.shop" on *S0 RUNNING 31010-31011 netinfo[fd11:a::11] healthy as "cart.shop"EXTERNAL 31010/"http"/tcpEXTERNAL 31011/"admin"/udp`,
			`task *0001/job.1 "job" on *S0 RUNNING netinfo[fd11:a::11]`, // the same id in another framework
		}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			doc := mustDecode(t, fixture(t, tt.file))
			got := strings.Split(tt.ids.Replace(strings.Join(lines(doc), "\n")), "\n")
			if !slices.Equal(got, tt.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if doc.issues.count != 0 {
				t.Errorf("got %d issues, such as %s, want none", doc.issues.count, doc.issues.example)
			}
		})
	}
}

// Statuses may be out of order, repeated or without a usable time.
func TestAddressesComeFromTheNewestRunningStatusThatHasOne(t *testing.T) {
	const (
		old     = `{"state": "TASK_RUNNING", "timestamp": 1.5, "container_status": {"network_infos": [{"ip_addresses": [{"ip_address": "10.0.0.1"}]}]}}`
		newer   = `{"container_status": {"network_infos": [{"ip_addresses": [{"ip_address": "10.0.0.2"}]}]}, "timestamp": 2.5, "state": "TASK_RUNNING"}`
		same    = `{"state": "TASK_RUNNING", "timestamp": 2.5, "container_status": {"network_infos": [{"ip_addresses": [{"ip_address": "10.0.0.3"}]}]}}`
		health  = `{"state": "TASK_RUNNING", "timestamp": 9, "healthy": true}`
		failed  = `{"state": "TASK_FAILED", "timestamp": 9, "container_status": {"network_infos": [{"ip_addresses": [{"ip_address": "10.0.0.4"}]}]}}`
		label   = `{"state": "TASK_RUNNING", "timestamp": 3, "labels": [{"key": "Docker.NetworkSettings.IPAddress", "value": "10.0.0.5"}]}`
		useless = `{"state": "TASK_RUNNING", "timestamp": 9, "container_status": {"network_infos": [{"ip_addresses": [{"ip_address": "0.0.0.0"}]}]}}`
		noTime  = `{"state": "TASK_RUNNING", "container_status": {"network_infos": [{"ip_addresses": [{"ip_address": "10.0.0.6"}]}]}}`
		never   = `{"state": "TASK_RUNNING", "timestamp": 1e999, "container_status": {"network_infos": [{"ip_addresses": [{"ip_address": "10.0.0.7"}]}]}}`
		wrong   = `{"state": "TASK_RUNNING", "timestamp": "soon", "container_status": {"network_infos": [{"ip_addresses": [{"ip_address": "10.0.0.8"}]}]}}`
		past    = `{"state": "TASK_RUNNING", "timestamp": -1e999, "container_status": {"network_infos": [{"ip_addresses": [{"ip_address": "10.0.0.9"}]}]}}`
	)
	tests := []struct {
		what     string
		statuses []string
		want     string
	}{
		{"none", nil, ""},
		{"one", []string{old}, "netinfo[10.0.0.1]"},
		{"oldest first", []string{old, newer}, "netinfo[10.0.0.2]"},
		{"newest first", []string{newer, old}, "netinfo[10.0.0.2]"},
		{"of the same time, the later in the list", []string{old, newer, same}, "netinfo[10.0.0.3]"},
		{"health does not take it away", []string{old, health}, "netinfo[10.0.0.1] healthy"},
		{"an address that is none does not take it away", []string{old, useless}, "netinfo[10.0.0.1]"},
		{"other states do not count", []string{old, failed}, "netinfo[10.0.0.1]"},
		{"only other states", []string{failed}, ""},
		{"another source, and that one alone", []string{newer, label}, "docker[10.0.0.5]"},
		{"a status without a time is the oldest", []string{old, noTime}, "netinfo[10.0.0.1]"},
		{"nothing but statuses without a time", []string{noTime, wrong}, "netinfo[10.0.0.8]"},
		{"a time out of range is none", []string{old, never}, "netinfo[10.0.0.1]"},
		{"a time out of range, and no other", []string{past}, "netinfo[10.0.0.9]"},
	}
	for _, tt := range tests {
		body := `{"leader": "m@10.0.0.1:5050", "frameworks": [{"id": "F", "tasks": [{"id": "t", "statuses": [` + strings.Join(tt.statuses, ",") + `]}]}]}`
		doc := mustDecode(t, []byte(body))
		if _, got, _ := strings.Cut(describe(doc.Tasks[0]), "on  "); strings.TrimSpace(got) != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
}

func TestNetworkInfos(t *testing.T) {
	tests := []struct{ what, infos, want string }{
		{"a list", `[{"ip_addresses": [{"ip_address": "10.0.0.1"}, {"ip_address": "fd00::1/64"}]}]`, "[10.0.0.1 fd00::1]"},
		{"a single address, as in Mesos 0.25", `[{"ip_address": "10.0.0.1"}]`, "[10.0.0.1]"},
		{"both, as in Mesos 0.28", `[{"ip_address": "10.0.0.1", "ip_addresses": [{"ip_address": "10.0.0.1"}]}]`, "[10.0.0.1]"},
		{"both, unlike: the list counts", `[{"ip_address": "10.0.0.1", "ip_addresses": [{"ip_address": "10.0.0.2"}]}]`, "[10.0.0.2]"},
		{"both, the other way round", `[{"ip_addresses": [{"ip_address": "10.0.0.2"}], "ip_address": "10.0.0.1"}]`, "[10.0.0.2]"},
		{"an empty list", `[{"ip_addresses": [], "ip_address": "10.0.0.1"}]`, "[10.0.0.1]"},
		{"a list that was asked for, not given", `[{"ip_addresses": [{"protocol": "IPv4"}], "ip_address": "10.0.0.1"}]`, "[10.0.0.1]"},
		{"two networks, in their order", `[{"ip_addresses": [{"ip_address": "10.0.0.2"}]}, {"ip_address": "10.0.0.1"}]`, "[10.0.0.2 10.0.0.1]"},
		{"the same address twice", `[{"ip_addresses": [{"ip_address": "fd00::1"}, {"ip_address": "fd00::1/64"}]}]`, "[fd00::1]"},
		{"the same address in two networks", `[{"ip_address": "10.0.0.1"}, {"ip_address": "10.0.0.1"}]`, "[10.0.0.1]"},
		{"one bad address", `[{"ip_addresses": [{"ip_address": "x"}, {"ip_address": "10.0.0.1"}]}]`, "[10.0.0.1]"},
	}
	for _, tt := range tests {
		body := `{"frameworks": [{"id": "F", "tasks": [{"id": "t", "statuses": [{"state": "TASK_RUNNING", "container_status": {"network_infos": ` + tt.infos + `}}]}]}]}`
		if _, got, _ := strings.Cut(describe(mustDecode(t, []byte(body)).Tasks[0]), "netinfo"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
}

// The newest status counts, whatever its state.
func TestHealthIsThatOfTheNewestStatus(t *testing.T) {
	tests := []struct{ what, statuses, want string }{
		{"none", ``, ""},
		{"good", `{"timestamp": 1, "healthy": true}`, "healthy"},
		{"bad", `{"timestamp": 1, "healthy": false}`, "unhealthy"},
		{"the newer counts", `{"timestamp": 2, "healthy": false}, {"timestamp": 1, "healthy": true}`, "unhealthy"},
		{"of the same time the later", `{"timestamp": 1, "healthy": false}, {"timestamp": 1, "healthy": true}`, "healthy"},
		{"gone with a status that has none", `{"timestamp": 1, "healthy": false}, {"timestamp": 2}`, ""},
		{"no truth value", `{"timestamp": 1, "healthy": "false"}`, ""},
	}
	for _, tt := range tests {
		body := `{"frameworks": [{"id": "F", "tasks": [{"id": "t", "statuses": [` + tt.statuses + `]}]}]}`
		if _, got, _ := strings.Cut(describe(mustDecode(t, []byte(body)).Tasks[0]), "on  "); strings.TrimSpace(got) != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
}

func TestLabelsOfRecordsAreKeptInEitherShape(t *testing.T) {
	const ttl, other = `{"key": "DNS_TTL", "value": "5"}`, `{"key": "owner", "value": "me"}`
	const late = `{"value": "b", "key": "DNS_ALIAS"}, {"value": "c", "key": "x"}`
	tests := []struct{ what, task, want string }{
		{"a list", `"labels": [` + other + `, ` + ttl + `, ` + late + `]`, "[{DNS_TTL 5} {DNS_ALIAS b}]"},
		{"an object", `"labels": {"labels": [` + ttl + `, ` + ttl + `]}`, "[{DNS_TTL 5} {DNS_TTL 5}]"},
		{"without a value", `"labels": [{"key": "DNS_TTL"}]`, ""},
		{"of a port", `"discovery": {"ports": {"ports": [{"number": 1, "labels": {"labels": [` + other + `, ` + ttl + `]}}]}}`, `as "" 1/""/ [{DNS_TTL 5}]`},
	}
	for _, tt := range tests {
		body := `{"frameworks": [{"id": "F", "tasks": [{"id": "t", ` + tt.task + `}]}]}`
		if _, got, _ := strings.Cut(describe(mustDecode(t, []byte(body)).Tasks[0]), "on  "); strings.TrimSpace(got) != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
}

// Labels are a list, or a list within an object.
func TestLabelsWithAddresses(t *testing.T) {
	const docker = `{"key": "Docker.NetworkSettings.IPAddress", "value": "172.17.0.2"}`
	const mesos = `{"value": "192.168.0.2", "key": "MesosContainerizer.NetworkSettings.IPAddress"}`
	tests := []struct{ what, labels, want string }{
		{"a list", `[` + docker + `, ` + mesos + `]`, "docker[172.17.0.2] mesos[192.168.0.2]"},
		{"an object", `{"labels": [` + docker + `, ` + mesos + `]}`, "docker[172.17.0.2] mesos[192.168.0.2]"},
		{"the same twice", `[` + docker + `, ` + docker + `]`, "docker[172.17.0.2]"},
		{"an empty one beside a good one", `[{"key": "Docker.NetworkSettings.IPAddress", "value": ""}, ` + docker + `]`, "docker[172.17.0.2]"},
		{"a bad one beside a good one", `[{"key": "Docker.NetworkSettings.IPAddress", "value": "x"}, ` + docker + `]`, "docker[172.17.0.2]"},
		{"other keys", `[{"key": "docker.networksettings.ipaddress", "value": "172.17.0.2"}, {"value": "172.17.0.2"}, {"key": "x"}]`, ""},
	}
	for _, tt := range tests {
		body := `{"frameworks": [{"id": "F", "tasks": [{"id": "t", "statuses": [{"state": "TASK_RUNNING", "labels": ` + tt.labels + `}]}]}]}`
		if _, got, _ := strings.Cut(describe(mustDecode(t, []byte(body)).Tasks[0]), "on  "); strings.TrimSpace(got) != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}
}

// Host names are not resolved.
func TestDecodeFillsInAddresses(t *testing.T) {
	s, err := Decode(bytes.NewReader(fixture(t, "mesos-1.11.json")))
	if err != nil {
		t.Fatal(err)
	}
	c := state.NewCluster()
	c.Reconcile(s, nil)
	const ids = "11111111-150e-4550-b2ad-000000000001-"
	for _, tt := range []struct {
		what string
		got  []netip.Addr
		want string
	}{
		{"leader", c.Leader().Addrs, "[10.111.0.1]"},
		{"the only master", c.Masters()[0].Addrs, "[10.111.0.1]"},
		{"agent 0, whose host name is a name", c.Agent(ids + "S0").Addrs, "[fd11:a::11]"},
		{"agent 1", c.Agent(ids + "S1").Addrs, "[10.111.0.12]"},
		{"framework 0, with a name and no pid", c.Framework(ids + "0000").Addrs, "[]"},
	} {
		if got := fmt.Sprint(tt.got); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.want)
		}
	}

	if s, err := Decode(strings.NewReader(`{}`)); err != nil || len(s.Masters) != 0 {
		t.Errorf("a state without a leader: got masters %+v, error %v, want none", s.Masters, err)
	}
	if _, err := Decode(strings.NewReader(`{"slaves": [`)); err == nil {
		t.Error("half a state: got no error, want one")
	}
}
