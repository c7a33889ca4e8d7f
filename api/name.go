package api

import (
	"strings"

	"toponym/records"
	"toponym/zone"
)

// maxTyped bounds the names that are looked at, in octets: no longer name can
// be in a zone (RFC 1035, section 2.3.4).
const maxTyped = 255

// clean turns a name as somebody typed it into the form that Mesos-DNS looks
// up and shows: in lower case, without ".*", with a dot at the end. It is not
// ok when no zone can have such a name.
func clean(typed string) (shown string, n records.Name, ok bool) {
	if len(typed) > maxTyped {
		return "", "", false
	}
	shown = strings.ReplaceAll(strings.ToLower(typed), ".*", "")
	if !strings.HasSuffix(shown, ".") {
		shown += "."
	}
	n, err := records.ParseName(shown)
	return shown, n, err == nil
}

// Query types (RFC 1035, sections 3.2.2 and 3.2.3; RFC 3596; RFC 2782).
const (
	typeA    = 1
	typePTR  = 12
	typeAAAA = 28
	typeSRV  = 33
	typeANY  = 255
)

// data is what a name owns; nothing where it does not exist.
func data(z *zone.Zone, n records.Name) records.Data {
	a, _ := z.Lookup([]byte(n), typeANY)
	if a.Node == nil {
		return records.Data{}
	}
	d := records.Data{A: a.Node.A, AAAA: a.Node.AAAA, SRV: a.Node.SRV}
	if a.Node.Has(typePTR) {
		d.PTR = a.Node.PTR
	}
	return d
}
