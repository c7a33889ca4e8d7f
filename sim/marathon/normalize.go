package marathon

import (
	"slices"
)

// app checks a definition and brings it into the form of 1.5.
func (d definition) app(s Settings, base pathID) (*App, error) {
	if d.ID == "" {
		var f violations
		f.add("/id", "error.path.missing")
		return nil, f.err(invalidJSON)
	}
	if err := d.modernize(); err != nil {
		return nil, err
	}
	a := d.App
	a.ID = parsePathID(a.ID).in(base).String()
	a.Dependencies = slices.Clone(a.Dependencies)
	for i, dep := range a.Dependencies {
		a.Dependencies[i] = parsePathID(dep).in(parsePathID(a.ID).parent()).String()
	}
	written := a
	a.defaultPorts()
	a.defaultChecks()
	if err := a.validate(s, d.contained, &written).err(notValid); err != nil {
		return nil, err
	}
	a.finish(s)
	return &a, nil
}

// modernize checks what is written and moves what is in the form of 1.4 to where
// that of 1.5 has it.
func (d *definition) modernize() error {
	if err := d.checkLiterals().err(invalidJSON); err != nil {
		return err
	}
	if err := d.checkLegacy().err(notValid); err != nil {
		return err
	}
	return d.translate()
}

// onHost reports whether the app shares the network of its agent, which is
// what it does when it names no network.
func (a *App) onHost() bool {
	return len(a.Networks) == 0 || a.Networks[0].Mode == ModeHost
}

// defaultPorts gives an app the ports that it has without asking: one. What
// does not fit its networks is dropped, as Marathon does.
func (a *App) defaultPorts() {
	if a.onHost() {
		if a.PortDefinitions == nil {
			a.PortDefinitions = []PortDefinition{{Name: "default", Protocol: "tcp"}}
		}
		if a.Container != nil {
			c := *a.Container
			c.PortMappings = nil
			a.Container = &c
		}
		return
	}
	c := Container{Type: typeMesos}
	if a.Container != nil {
		c = *a.Container
	}
	if c.PortMappings == nil {
		c.PortMappings = []PortMapping{{Name: "default", Protocol: "tcp"}}
	}
	// As many mappings as there were port definitions, for the tools that
	// still count on them.
	for len(c.PortMappings) < len(a.PortDefinitions) {
		c.PortMappings = append(c.PortMappings[:len(c.PortMappings):len(c.PortMappings)], PortMapping{Protocol: "tcp"})
	}
	a.Container, a.PortDefinitions = &c, nil
}

// defaultChecks points the health checks that name no port to the first one.
func (a *App) defaultChecks() {
	if a.ports() == 0 {
		return
	}
	a.HealthChecks = slices.Clone(a.HealthChecks)
	for i, h := range a.HealthChecks {
		if h.Protocol != checkCommand && h.Port == nil && h.PortIndex == nil {
			a.HealthChecks[i].PortIndex = new(int)
		}
	}
}

// finish fills in what is left once the app is known to be valid.
func (a *App) finish(s Settings) {
	if len(a.Networks) == 0 {
		a.Networks = []Network{{Mode: ModeHost}}
	}
	a.Networks = slices.Clone(a.Networks)
	for i, n := range a.Networks {
		if n.Mode == ModeContainer && n.Name == "" {
			a.Networks[i].Name = s.DefaultNetworkName
		}
	}
	if !a.onHost() {
		a.RequirePorts = false
	}
	if a.Networks[0].Mode == ModeBridge {
		c := *a.Container
		c.PortMappings = slices.Clone(c.PortMappings)
		for i, m := range c.PortMappings {
			if m.HostPort == nil {
				c.PortMappings[i].HostPort = new(uint16) // a bridge without a mapping leads nowhere
			}
		}
		a.Container = &c
	}
	a.Version, a.VersionInfo = "", nil
	a.taskLabels = sortedLabels(a.Labels)
}

// ports is how many ports the app has, of whichever kind.
func (a *App) ports() int {
	if a.Container != nil && len(a.Container.PortMappings) > 0 {
		return len(a.Container.PortMappings)
	}
	return len(a.PortDefinitions)
}
