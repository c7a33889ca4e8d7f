package config

import (
	"cmp"
	"fmt"
	"strings"
)

// check applies the rules that concern more than one value, or a value that is
// well-formed but makes no sense. A setting that is faulty by itself is left
// out: what follows from it would only be noise.
func (l *loader) check() {
	c := l.cfg
	if !c.DNSOn && !c.HTTPOn {
		l.reject("dnson", "dnson and httpon are both off", "at least one of them on")
	}
	if len(c.Masters) == 0 && c.ZooKeeper.IsZero() && l.valid("masters", "zk") {
		l.reject("masters", "neither masters nor zk says where the masters are", `for example ["10.0.0.1:5050"]`)
	}
	if len(c.IPSources) == 0 && l.valid("IPSources") {
		l.reject("IPSources", "is empty", `for example ["netinfo", "host"]`)
	}
	if len(c.PublishStates) == 0 && l.valid("publishStates") {
		l.reject("publishStates", "is empty", `for example ["TASK_RUNNING"]`)
	}
	if l.valid("zoneResolvers", "domain") {
		l.checkZones()
	}
	if l.valid("aliases") {
		l.checkAliases()
	}
	if c.CacheMinTTL > c.CacheMaxTTL && l.valid("cacheMinTTL", "cacheMaxTTL") {
		l.reject("cacheMinTTL", "is more than cacheMaxTTL", "a smaller number of seconds")
	}
	l.checkCredentials()
	if l.valid("CACertFile", "CertFile", "KeyFile") {
		_, faults := c.tls()
		l.errs = append(l.errs, faults...)
	}
	if c.MesosHTTPSOn && c.CACertFile == "" && l.valid("CACertFile") {
		l.warn("MesosHTTPSOn", "without CACertFile the masters are checked against the system's CAs; Mesos-DNS did not check them at all")
	}
}

func (l *loader) checkCredentials() {
	const principal, secret = "mesosCredentials.principal", "mesosCredentials.secret"
	if !l.valid("mesosAuthentication", principal, secret, "IAMConfigFile") {
		return
	}
	mode, c := l.cfg.MesosAuthentication, l.cfg.MesosCredentials
	if mode == AuthBasic {
		switch {
		case c.Principal == "":
			l.reject(principal, "is missing: mesosAuthentication is basic", "")
		case strings.Contains(c.Principal, ":"):
			l.reject(principal, "holds a colon, which ends a name in Basic authentication", "a principal without one")
		}
		if c.Secret == "" {
			l.reject(secret, "is missing: mesosAuthentication is basic", "")
		} else if strings.Contains(c.Secret.Reveal(), ":") {
			l.warn(l.label(secret), "holds a colon: masters were seen to refuse such secrets")
		}
	} else if c != (Credentials{}) {
		l.warn("mesosCredentials", fmt.Sprintf(`not used: mesosAuthentication is %q; "basic" sends them`, cmp.Or(mode, "none")))
	}
	if mode == AuthIAM {
		_, faults := l.cfg.serviceAccount()
		l.errs = append(l.errs, faults...)
	} else if l.cfg.IAMConfigFile != "" {
		l.warn(l.label("IAMConfigFile"), fmt.Sprintf(`not used: mesosAuthentication is %q; "iam" uses it`, cmp.Or(mode, "none")))
	}
}
