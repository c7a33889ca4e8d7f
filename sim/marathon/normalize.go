package marathon

import (
	"slices"
)

// app checks a definition and returns it in the form of 1.5.
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

// modernize checks the JSON form and replaces the fields of 1.4.
func (d *definition) modernize() error {
	if err := d.checkLiterals().err(invalidJSON); err != nil {
		return err
	}
	if err := d.checkLegacy().err(notValid); err != nil {
		return err
	}
	return d.translate()
}

// onHost reports whether the app uses the network of its agent, which is the
// default.
func (a *App) onHost() bool {
	return len(a.Networks) == 0 || a.Networks[0].Mode == ModeHost
}

// defaultPorts gives an app without ports the one that Marathon gives it. Ports of
// the kind that does not fit the networks are dropped.
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
	// Marathon adds mappings until there are as many as port definitions.
	for len(c.PortMappings) < len(a.PortDefinitions) {
		c.PortMappings = append(c.PortMappings[:len(c.PortMappings):len(c.PortMappings)], PortMapping{Protocol: "tcp"})
	}
	a.Container, a.PortDefinitions = &c, nil
}

// defaultChecks has health checks without a port use the first one.
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

// finish sets the remaining defaults of a valid app.
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
				c.PortMappings[i].HostPort = new(uint16) // without one it could not be reached
			}
		}
		a.Container = &c
	}
	a.Version, a.VersionInfo = "", nil
	a.taskLabels = sortedLabels(a.Labels)
}

// ports returns the number of ports, of either kind.
func (a *App) ports() int {
	if a.Container != nil && len(a.Container.PortMappings) > 0 {
		return len(a.Container.PortMappings)
	}
	return len(a.PortDefinitions)
}
