package state

import (
	"fmt"
	"testing"
)

// 100,000 tasks of a few apps must not hold their labels 100,000 times.
func TestEqualLabelsAreKeptOnce(t *testing.T) {
	n := NewInterner()
	list := []Label{{"HAPROXY_GROUP", "external"}, {"HAPROXY_0_VHOST", "a.example"}}
	first, details := n.Labels(list), n.Details(TaskDetails{Role: "prod", Labels: list})
	list[0].Value = "changed by the caller"
	if first[0].Value != "external" || details.Labels[0].Value != "external" {
		t.Errorf("got %v and %v, want lists that the caller's changes do not reach", first, details)
	}
	list[0].Value = "external"
	if again := n.Labels(list); &again[0] != &first[0] {
		t.Error("got another list for equal labels, want the same one")
	}
	if again := n.Details(TaskDetails{Role: "prod", Labels: list}); again != details {
		t.Error("got other details for equal ones, want the same ones")
	}
	if other := n.Details(TaskDetails{Role: "dev", Labels: list}); other == details || other.Role != "dev" {
		t.Errorf("got %+v for another role, want details of their own", other)
	}
	if allocs := testing.AllocsPerRun(100, func() { n.Labels(list); n.Details(TaskDetails{Role: "prod", Labels: list}) }); allocs != 0 {
		t.Errorf("got %v allocations for labels that are known, want none", allocs)
	}
	if n.Labels(nil) != nil || n.Details(TaskDetails{}) != nil {
		t.Error("got something for no labels, want nil")
	}
}

// Key and value of neighbours must not be confused.
func TestLabelsWithTheSameTextDiffer(t *testing.T) {
	n := NewInterner()
	a, b := n.Labels([]Label{{"ab", "c"}}), n.Labels([]Label{{"a", "bc"}})
	if a[0] == b[0] {
		t.Errorf("got %v twice, want two different labels", a)
	}
}

// Apps of 100,000 instances must not hold their ports and networks 100,000 times.
func TestEqualDiscoveryAndContainersAreKeptOnce(t *testing.T) {
	n := NewInterner()
	discovery := func(change func(*Discovery)) *Discovery {
		d := &Discovery{"web", "CLUSTER", []DiscoveryPort{{Number: 80, Name: "http", Labels: []Label{{"a", "b"}}}, {Number: 443}}}
		change(d)
		return d
	}
	container := func(change func(*Container)) *Container {
		c := &Container{"BRIDGE", []PortMapping{{8080, 80, "tcp"}}, []Network{{Name: "dcos", Mappings: []PortMapping{{1, 2, "udp"}}}}}
		change(c)
		return c
	}
	d, c := discovery(func(*Discovery) {}), container(func(*Container) {})
	first, firstContainer := n.Discovery(d), n.Container(c)
	if allocs := testing.AllocsPerRun(100, func() {
		if n.Discovery(d) != first || n.Container(c) != firstContainer {
			t.Error("got others for equal ones, want the same ones")
		}
	}); allocs != 0 {
		t.Errorf("got %v allocations for what is known, want none", allocs)
	}
	d.Name, d.Ports[0].Number, c.DockerNetwork, c.Mappings[0].HostPort, c.Networks[0].Name = "", 0, "", 0, ""
	if !first.Equal(discovery(func(*Discovery) {})) || !firstContainer.Equal(container(func(*Container) {})) {
		t.Errorf("got %+v and %+v, want values that the caller's changes do not reach", first, firstContainer)
	}
	for i, change := range []func(*Discovery){
		func(d *Discovery) { d.Name = "other" },
		func(d *Discovery) { d.Visibility = "EXTERNAL" },
		func(d *Discovery) { d.Ports = d.Ports[:1] },
		func(d *Discovery) { d.Ports[1].Number = 444 },
		func(d *Discovery) { d.Ports[1].Name = "other" },
		func(d *Discovery) { d.Ports[1].Protocol = "udp" },
		func(d *Discovery) { d.Ports[1].Visibility = "other" },
		func(d *Discovery) { d.Ports[1].Scope = "host" },
		func(d *Discovery) { d.Ports[1].Network = "other" },
		func(d *Discovery) { d.Ports[0].Labels[0].Value = "other" },
	} {
		if d := discovery(change); !n.Discovery(d).Equal(d) {
			t.Errorf("change %d: got %+v, want %+v", i, n.Discovery(d), d)
		}
	}
	for i, change := range []func(*Container){
		func(c *Container) { c.DockerNetwork = "HOST" },
		func(c *Container) { c.Mappings = nil },
		func(c *Container) { c.Mappings[0].HostPort = 1 },
		func(c *Container) { c.Mappings[0].ContainerPort = 1 },
		func(c *Container) { c.Mappings[0].Protocol = "" },
		func(c *Container) { c.Networks = nil },
		func(c *Container) { c.Networks[0].Name = "other" },
		func(c *Container) { c.Networks[0].Mappings[0].HostPort = 5 },
	} {
		if c := container(change); !n.Container(c).Equal(c) {
			t.Errorf("change %d: got %+v, want %+v", i, n.Container(c), c)
		}
	}
}

// Frameworks may invent labels and ports for months.
func TestInternerIsBounded(t *testing.T) {
	n := NewInterner()
	for i := range maxInternedValues + 10 {
		n.Labels([]Label{{"x", fmt.Sprint(i)}})
		n.Discovery(&Discovery{Name: fmt.Sprint(i)})
	}
	if labels, discoveries := len(n.labels.known), len(n.discoveries.known); max(labels, discoveries) > maxInternedValues {
		t.Errorf("got %d lists of labels and %d of ports, want at most %d", labels, discoveries, maxInternedValues)
	}
	long, many := make([]Label, 1000), Container{Mappings: make([]PortMapping, 1000)}
	for i := range 2 * maxInternedElements / len(long) {
		long[0].Key = fmt.Sprint(i)
		n.Labels(long)
		many.Mappings[0].HostPort = uint16(i)
		n.Container(&many)
	}
	if labels, mappings := n.labels.elements, n.containers.elements; max(labels, mappings) > maxInternedElements {
		t.Errorf("got %d labels and %d mappings, want at most %d", labels, mappings, maxInternedElements)
	}
}
