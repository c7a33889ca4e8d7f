package config

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// QueryLogToLog as the setting queryLog sends the lines where all others go.
const QueryLogToLog = "log"

// queryLog parses the setting queryLog.
func (c *Config) queryLog(raw any, at position) (string, bool) {
	if s, ok := raw.(string); ok && strings.EqualFold(strings.TrimSpace(s), QueryLogToLog) {
		return QueryLogToLog, true
	}
	return c.optionalFile(raw, at)
}

// queryLogCodes are the response codes that this server gives, and the word for none.
var queryLogCodes = []string{
	"noerror", "formerr", "servfail", "nxdomain", "notimp", "refused", "notauth", "badvers", "badcookie", QueryLogUnanswered,
}

// QueryLogUnanswered in queryLogCodes stands for queries that get no response.
const QueryLogUnanswered = "none"

// DnstapOutput is where dnstap messages go.
type DnstapOutput struct {
	Network string // unix, tcp or file; "": nowhere
	Address string // a path, or IP:port
}

// String returns the URL of the setting.
func (o DnstapOutput) String() string {
	if o.Network == "" {
		return ""
	}
	return o.Network + "://" + o.Address
}

// dnstapMessages are the types of message that there are.
var dnstapMessages = []string{
	"auth_query", "auth_response", "client_query", "client_response", "forwarder_query", "forwarder_response",
}

// dnstapOutput parses the setting dnstap.
func dnstapOutput(raw any, at position) (o DnstapOutput, ok bool) {
	s, ok := text(raw, at)
	if !ok || s == "" {
		return o, ok
	}
	const example = `something like "unix:///run/dnstap.sock", "tcp://10.0.0.5:6000" or "file:///var/log/toponym.tap"`
	network, address, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		return o, at.reject(raw, "is not a URL", example)
	case network == "tcp":
		a, err := netip.ParseAddrPort(address)
		if err != nil || a.Port() == 0 {
			return o, at.reject(raw, "has no IP address with a port", example)
		}
		address = a.String()
	case network != "unix" && network != "file":
		return o, at.reject(raw, "is neither unix, tcp nor file", example)
	case !filepath.IsAbs(address):
		return o, at.reject(raw, "has no absolute path", example)
	}
	return DnstapOutput{Network: network, Address: address}, true
}

// checkQueryOutputs rejects files of the query log and of dnstap that cannot be
// written, and warns of settings without effect.
func (l *loader) checkQueryOutputs() {
	c := l.config
	if c.QueryLog != "" && c.QueryLog != QueryLogToLog && l.valid("queryLog") {
		l.checkAppendable("queryLog", c.QueryLog)
	}
	if c.Dnstap.Network == "file" && l.valid("dnstap") {
		l.checkAppendable("dnstap", c.Dnstap.Address)
	}
	if len(c.DnstapMessages) == 0 && l.valid("dnstapMessages") {
		l.reject("dnstapMessages", "is empty", "at least one type, or no dnstap")
	}
	for _, s := range []struct {
		off    bool
		owner  string
		others []string
	}{
		{c.QueryLog == "" && l.valid("queryLog"), "queryLog", []string{"queryLogNames", "queryLogClients", "queryLogCodes", "queryLogSample", "queryLogRate", "queryLogBytes"}},
		{c.Dnstap.Network == "" && l.valid("dnstap"), "dnstap", []string{"dnstapMessages", "dnstapIdentity", "dnstapRate", "dnstapBytes"}},
	} {
		for _, key := range s.others {
			if _, given := c.sources[key]; s.off && given {
				l.warn(l.label(key), "not used: "+s.owner+" is empty")
			}
		}
	}
}

// checkAppendable rejects a path where no file can be written.
func (l *loader) checkAppendable(key, path string) {
	at := position{key: l.label(key), errs: &l.errs}
	switch info, err := os.Stat(path); {
	case err == nil && !info.Mode().IsRegular():
		at.reject(path, "is not a regular file", "a file, which may be missing")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		at.reject(path, "cannot be used: "+withoutPath(err).Error(), "a file, which may be missing")
	case err != nil:
		if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			at.reject(path, "is in no directory that exists", "a file in one that does")
		}
	}
}
