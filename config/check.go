package config

// check applies the rules that concern more than one value, or a value that is
// well-formed but makes no sense. A setting that is faulty by itself is left
// out: what follows from it would only be noise.
func (l *loader) check() {
	c := l.cfg
	if !c.DNSOn && !c.HTTPOn {
		l.fault("dnson", "dnson and httpon are both off", "at least one of them on")
	}
	if len(c.Masters) == 0 && c.ZooKeeper.IsZero() && l.sound("masters", "zk") {
		l.fault("masters", "neither masters nor zk says where the masters are", `for example ["10.0.0.1:5050"]`)
	}
	if len(c.IPSources) == 0 && l.sound("IPSources") {
		l.fault("IPSources", "is empty", `for example ["netinfo", "host"]`)
	}
	if l.sound("zoneResolvers", "domain") {
		l.checkZones()
	}
	if l.sound("aliases") {
		l.checkAliases()
	}
	l.checkCredentials()
	if l.sound("CACertFile", "CertFile", "KeyFile") {
		_, faults := c.tls()
		l.faults = append(l.faults, faults...)
	}
	if c.MesosHTTPSOn && c.CACertFile == "" && l.sound("CACertFile") {
		l.warn("MesosHTTPSOn", "without CACertFile the masters are checked against the system's CAs; Mesos-DNS did not check them at all")
	}
}

func (l *loader) checkCredentials() {
	const principal, secret = "mesosCredentials.principal", "mesosCredentials.secret"
	if !l.sound("mesosAuthentication", principal, secret) {
		return
	}
	c := l.cfg.MesosCredentials
	switch l.cfg.MesosAuthentication {
	case AuthBasic:
		if c.Principal == "" {
			l.fault(principal, "is missing: mesosAuthentication is basic", "")
		}
		if c.Secret == "" {
			l.fault(secret, "is missing: mesosAuthentication is basic", "")
		}
	case AuthNone:
		if c != (Credentials{}) {
			l.warn("mesosCredentials", `not used: mesosAuthentication is "none"; "basic" sends them`)
		}
	}
}
