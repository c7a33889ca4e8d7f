package compose

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"toponym/sim"
)

func parse(t *testing.T, text string) *Service {
	t.Helper()
	services, _, err := Parse([]byte(text), Settings{Project: "shop"})
	if err != nil || len(services) != 1 {
		t.Fatalf("%s: got %d services, error %v, want one", text, len(services), err)
	}
	return services[0]
}

// A task has the name, the ports and the networks that mesos-compose gives it.
func TestTasksAreThoseOfMesosCompose(t *testing.T) {
	const weave = "\nnetworks: {weave: {name: weave-net}}"
	for _, c := range []struct{ name, file, want string }{
		{"nothing set", `services: {cart: {image: x}}`, `mc:shop:cart mc.shop.cart DOCKER USER asks [default] joins []`},
		{"ports", `services: {cart: {ports: ["8080:80/http", "10.0.0.1:53:53/UDP", 9000, "1/quic"]}}`,
			`mc:shop:cart mc.shop.cart DOCKER USER asks [default] joins [] mc_shop_cart_80=31000/http mc_shop_cart_53=31001/udp mc_shop_cart_9000=31002/tcp mc_shop_cart_1=31003/tcp maps 31000:80/tcp 31001:53/udp 31002:9000/tcp 31003:1/tcp`},
		{"a network", `services: {cart: {networks: {weave: {}}}}` + weave, `mc:shop:cart mc.shop.cart DOCKER USER asks [weave-net] joins [weave-net]`},
		{"a network by its name", `services: {cart: {network: calico}}`, `mc:shop:cart mc.shop.cart DOCKER USER asks [calico] joins [calico]`},
		{"a driver", `services: {cart: {network: weave}}` + "\nnetworks: {weave: {driver: bridge}}", `mc:shop:cart mc.shop.cart DOCKER BRIDGE asks [] joins []`},
		{"the agent's network", `services: {cart: {network_mode: host, ports: ["80"]}}`, `mc:shop:cart mc.shop.cart DOCKER HOST`},
		{"the Mesos containerizer", `services: {cart: {container_type: mesos, network: cni}}`, `mc:shop:cart mc.shop.cart MESOS asks [cni] joins [cni]`},
		{"a task name", `services: {cart: {mesos: {task_name: "mc:a:b:c"}}}`, `mc:a:b:c mc.a.b.c DOCKER USER asks [default] joins []`},
		{"a task name without the prefix", `services: {cart: {mesos: {task_name: "a:b"}}}`, `mc:shop:cart mc.shop.cart DOCKER USER asks [default] joins []`},
	} {
		s := parse(t, c.file)
		ports := s.HostPorts()
		for i := range ports {
			ports[i] = uint16(31000 + i)
		}
		if got := describe(s.Task(s.TaskID("u"), ports)); got != c.want {
			t.Errorf("%s: got\n%s, want\n%s", c.name, got, c.want)
		}
	}
}

func describe(t sim.Task) string {
	names := func(list []sim.NetworkInfo) (out []string) {
		for _, n := range list {
			out = append(out, n.Name)
		}
		return out
	}
	parts := []string{t.Name, t.Discovery.Name, t.Container.Type}
	if t.Container.Docker != nil {
		parts = append(parts, t.Container.Docker.Network)
	}
	if t.Networks != nil {
		parts = append(parts, fmt.Sprintf("asks %v joins %v", names(t.Container.Networks), names(t.Networks)))
	}
	for _, p := range t.Discovery.Ports {
		parts = append(parts, fmt.Sprintf("%s=%d/%s", p.Name, p.Number, p.Protocol))
	}
	if t.Container.Docker != nil && len(t.Container.Docker.PortMappings) > 0 {
		parts = append(parts, "maps")
		for _, m := range t.Container.Docker.PortMappings {
			parts = append(parts, fmt.Sprintf("%d:%d/%s", m.HostPort, m.ContainerPort, m.Protocol))
		}
	}
	return strings.Join(parts, " ")
}

func TestServicesAreInTheOrderOfTheirNames(t *testing.T) {
	services, warnings, err := Parse([]byte(`services: {b: {deploy: {replicas: 3}}, a: {networks: {y: {}, x: {}}}}`), Settings{Project: "p", Prefix: "team"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range services {
		got = append(got, fmt.Sprintf("%s %s %d %s %s", s.ID, s.TaskName, s.Instances, s.Network, s.TaskID("u")))
	}
	if want := []string{"p/a team:p:a 1 x p_a.u.0", "p/b team:p:b 3  p_b.u.0"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "services.a.networks") {
		t.Errorf("got warnings %q, want one about the networks of a", warnings)
	}
}

// An HTTP/3 port that is written so is one for TCP: nobody could connect to it.
func TestProtocolsThatMesosComposeDoesNotKnowAreTold(t *testing.T) {
	services, warnings, err := Parse([]byte(`services: {a: {ports: ["1:1/QUIC", "2:2/h3", "3:3", "4:4/tcp", "5:5/udp", "6:6/H2C"]}}`), Settings{Project: "p"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`services.a.ports[0]: mesos-compose does not know the protocol "quic" and makes it tcp`,
		`services.a.ports[1]: mesos-compose does not know the protocol "h3" and makes it tcp`,
	}
	if !slices.Equal(warnings, want) {
		t.Errorf("got warnings %q, want %q", warnings, want)
	}
	var got []string
	for _, p := range services[0].Task("id", []uint16{1, 2, 3, 4, 5, 6}).Discovery.Ports {
		got = append(got, p.Protocol)
	}
	if want := "tcp tcp tcp tcp udp h2c"; strings.Join(got, " ") != want {
		t.Errorf("got protocols %v, want %s", got, want)
	}
}

func TestFilesThatCannotBeReadAreRejected(t *testing.T) {
	for text, want := range map[string]string{
		`services: {a: {networks: [x]}}`:            "mesos-compose could not read this",
		`services: {a: {ports: ["http"]}}`:          `services.a: ports[0]: "http" is not a port`,
		`services: {a: {ports: ["80-90"]}}`:         `is not a port`,
		`services: {a: {deploy: {replicas: many}}}`: `deploy.replicas: "many" is not a number`,
		`services: {a: {network_mode: none}}`:       "without a network",
	} {
		if _, _, err := Parse([]byte(text), Settings{Project: "p"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", text, err, want)
		}
	}
	if _, _, err := Parse([]byte(`services: {a: {}}`), Settings{}); err == nil {
		t.Error("got no error without a project")
	}
}

func TestOnlyFilesWithServicesAreComposeFiles(t *testing.T) {
	for text, want := range map[string]bool{
		`services: {a: {}}`: true, `{"services": {"a": {}}}`: true, `services: {}`: false, `{"id": "/app"}`: false,
		`[{"id": "/app"}]`: false, `: :`: false, ``: false,
	} {
		if got := IsFile([]byte(text)); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// What a file says neither panics nor gives a task that its ports do not fit.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`services: {a: {ports: ["1:2/udp"], networks: {x: {}}}}`))
	f.Add([]byte("services: {a: &a {image: x}, b: *a}\nnetworks: {default: {driver: host}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		services, _, err := Parse(data, Settings{Project: "p"})
		if err != nil {
			return
		}
		for _, s := range services {
			if task := s.Task("id", s.HostPorts()); len(task.Discovery.Ports) != len(s.HostPorts()) {
				t.Errorf("got %d announced ports, want %d", len(task.Discovery.Ports), len(s.HostPorts()))
			}
		}
	})
}
