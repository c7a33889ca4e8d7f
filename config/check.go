package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// check applies the rules about several settings, and those about values that
// are well-formed but cannot work. It skips settings with invalid values,
// because errors that follow from those would only be noise.
func (l *loader) check() {
	c := l.config
	if !c.DNSOn && !c.HTTPOn {
		l.reject("dnson", "dnson and httpon are both off", "at least one of them on")
	}
	if len(c.Masters) == 0 && c.ZooKeeper.IsZero() && l.valid("masters", "zk", "mesos") {
		if c.Mesos == "" {
			l.reject("masters", "neither masters nor zk nor mesos is given", `something like ["10.0.0.1:5050"]`)
		} else {
			l.warn("masters", fmt.Sprintf("neither masters nor zk is given: the Mesos agent at %s is asked where the masters are (mesos)", c.Mesos))
		}
	}
	if len(c.IPSources) == 0 && l.valid("IPSources") {
		l.reject("IPSources", "is empty", `something like ["netinfo", "host"]`)
	}
	if len(c.PublishStates) == 0 && l.valid("publishStates") {
		l.reject("publishStates", "is empty", `something like ["TASK_RUNNING"]`)
	}
	if l.valid("zoneResolvers", "domain") {
		l.checkZones()
	}
	if l.valid("aliases") {
		l.checkAliases()
	}
	if l.valid("ReverseDnsOn", "reverseZones") {
		if c.ReverseDNSOn {
			l.checkReverseZones()
		} else if _, given := c.sources["reverseZones"]; given && len(c.ReverseZones) > 0 {
			l.warn(l.label("reverseZones"), "not used: ReverseDnsOn is false")
		}
	}
	l.checkTransfers()
	l.checkNotify()
	if c.CacheMinTTL > c.CacheMaxTTL && l.valid("cacheMinTTL", "cacheMaxTTL") {
		l.reject("cacheMinTTL", "is more than cacheMaxTTL", "a smaller number of seconds")
	}
	l.checkProfile()
	l.checkListeners()
	l.checkHTTPAuth()
	l.checkStateDir()
	l.checkQueryOutputs()
	l.checkCredentials()
	if l.valid("CACertFile", "CertFile", "KeyFile") {
		_, errs := c.tls()
		l.errs = append(l.errs, errs...)
	}
	if len(c.TLSListen) > 0 && l.valid("tlsListen", "tlsCertFile", "tlsKeyFile", "tlsClientCAFile") {
		_, errs := c.dnsTLS()
		l.errs = append(l.errs, errs...)
	}
	if len(c.HTTPSListen) > 0 && l.valid("httpsListen", "httpsCertFile", "httpsKeyFile", "httpsClientCAFile") {
		_, errs := c.httpsTLS()
		l.errs = append(l.errs, errs...)
	}
	l.warnOfMissingFiles("tlsListen", len(c.TLSListen), c.dnsFiles())
	l.warnOfMissingFiles("httpsListen", len(c.HTTPSListen), c.httpsFiles())
	if c.MesosHTTPSOn && c.CACertFile == "" && l.valid("CACertFile") {
		l.warn("MesosHTTPSOn", "without CACertFile, certificates of masters are verified with the CAs of the system; Mesos-DNS does not verify them")
	}
}

// checkStateDir rejects a stateDir that cannot be a directory. One that does not
// exist is created later. Other checks do not run on a stateDir with an error.
func (l *loader) checkStateDir() {
	dir := l.config.StateDir
	if dir == "" || !l.valid("stateDir") {
		return
	}
	at := position{key: l.label("stateDir"), errs: &l.errs}
	before := len(l.errs)
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		at.reject(dir, "cannot be used: "+withoutPath(err).Error(), "a directory")
	case !info.IsDir():
		at.reject(dir, "is not a directory", "a directory, which may be missing")
	}
	l.invalid["stateDir"] = len(l.errs) > before
}

func (l *loader) checkCredentials() {
	const principal, secret = "mesosCredentials.principal", "mesosCredentials.secret"
	if !l.valid("mesosAuthentication", principal, secret, "IAMConfigFile") {
		return
	}
	mode, c := l.config.MesosAuthentication, l.config.MesosCredentials
	if mode == AuthBasic {
		switch {
		case c.Principal == "":
			l.reject(principal, "is missing: mesosAuthentication is basic", "")
		case strings.Contains(c.Principal, ":"):
			l.reject(principal, "contains a colon, which ends the principal in Basic authentication (RFC 7617)", "a principal without one")
		}
		if c.Secret == "" {
			l.reject(secret, "is missing: mesosAuthentication is basic", "")
		} else if strings.Contains(c.Secret.Reveal(), ":") {
			l.warn(l.label(secret), "contains a colon: some masters refuse such secrets")
		}
	} else if c != (Credentials{}) {
		l.warn("mesosCredentials", fmt.Sprintf(`not used: mesosAuthentication is %q; "basic" sends them`, cmp.Or(mode, "none")))
	}
	if mode == AuthIAM {
		_, errs := l.config.serviceAccount()
		l.errs = append(l.errs, errs...)
	} else if l.config.IAMConfigFile != "" {
		l.warn(l.label("IAMConfigFile"), fmt.Sprintf(`not used: mesosAuthentication is %q; "iam" uses it`, cmp.Or(mode, "none")))
	}
}
