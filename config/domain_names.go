package config

import (
	"fmt"
	"strings"
)

const (
	maxLabel = 63  // bytes, RFC 1035 section 2.3.4
	maxName  = 253 // characters: 255 bytes on the wire (the same section) less the first length and the root

	// maxOrigin leaves room under an origin for `task.framework.slave.` with
	// two labels of full length.
	maxOrigin = maxName - 2*(maxLabel+1) - len("slave.")
)

// domainName parses a DNS name of letters, digits, hyphens and, where allowed,
// underscores, which names outside our zones may have.
func domainName(limit int, underscore bool) parser[string] {
	return func(raw any, at position) (string, bool) {
		s, ok := text(raw, at)
		if !ok {
			return "", false
		}
		name, problem := normalName(s, limit, underscore)
		if problem != "" {
			return "", at.reject(raw, "is not a domain name: "+problem, "something like mesos or dcos.example.com")
		}
		return name, true
	}
}

// absoluteName parses SOAMname.
func absoluteName(raw any, at position) (string, bool) {
	name, ok := domainName(maxName, true)(raw, at)
	return name + ".", ok
}

// mailboxName parses SOARname. RFC 1035 section 8 writes a dot for the @.
func mailboxName(raw any, at position) (string, bool) {
	s, ok := text(raw, at)
	if !ok {
		return "", false
	}
	name, problem := normalName(strings.ReplaceAll(s, "@", "."), maxName, true)
	if problem != "" {
		return "", at.reject(raw, "is not a mailbox: "+problem, "something like root.ns1.mesos")
	}
	return name + ".", true
}

// normalName returns a name in lower case without the trailing dot, or what is
// wrong with it.
func normalName(s string, limit int, underscore bool) (name, problem string) {
	name = strings.ToLower(strings.TrimSuffix(s, "."))
	if name == "" {
		return "", "it is empty"
	}
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
			return "", "it has an empty label"
		case len(label) > maxLabel:
			return "", fmt.Sprintf("a label is longer than %d characters", maxLabel)
		case label[0] == '-' || label[len(label)-1] == '-':
			return "", "a label begins or ends with a hyphen"
		}
		for _, r := range label {
			if !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_' && underscore) {
				return "", fmt.Sprintf("%q is not allowed", r)
			}
		}
	}
	if len(name) > limit {
		return "", fmt.Sprintf("it is longer than %d characters", limit)
	}
	return name, ""
}

// within reports whether a name is the zone itself or below it.
func within(name, zone string) bool {
	return name == zone || strings.HasSuffix(name, "."+zone)
}
