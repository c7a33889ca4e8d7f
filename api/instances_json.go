package api

import (
	"net/netip"
	"strconv"
	"time"

	"toponym/records"
	"toponym/state"
)

// appendInstance appends an instance as encoding/json would write it in one line,
// without making garbage: the collector would only look at it when a listing of a
// large cluster has taken many megabytes. Control characters that JSON allows are
// escaped, because answers are often shown on terminals.
func appendInstance(b []byte, i *records.Instance) []byte {
	begin := len(b)
	b = appendText(append(b, `{"task":`...), i.Task)
	b = appendText(append(b, `,"name":`...), i.Name)
	b = appendText(append(b, `,"app":`...), i.App)
	b = appendText(append(b, `,"framework":{"id":`...), i.Framework.ID)
	b = appendText(append(b, `,"name":`...), i.Framework.Name)
	b = appendTexts(append(b, `,"roles":`...), i.Framework.Roles)
	b = appendText(append(b, `},"role":`...), i.Role)
	b = appendText(append(b, `,"agent":{"id":`...), i.Agent.ID)
	b = appendText(append(b, `,"hostname":`...), i.Agent.Hostname)
	b = appendEach(append(b, `,"attributes":`...), i.Agent.Attributes, func(b []byte, a *state.Attribute) []byte {
		b = appendText(append(b, `{"name":`...), a.Name)
		return append(appendText(append(b, `,"value":`...), a.Value), '}')
	})
	b = appendText(append(b, `,"region":`...), i.Agent.Region)
	b = appendText(append(b, `,"zone":`...), i.Agent.Zone)
	b = appendText(append(b, `},"state":`...), i.State)
	b = append(b, `,"since":`...)
	if i.Since == 0 {
		b = append(b, "null"...)
	} else {
		b = append(i.Since.Time().AppendFormat(append(b, '"'), time.RFC3339), '"')
	}
	b = appendText(append(b, `,"health":`...), string(i.Health))
	b = appendText(append(b, `,"canonicalName":`...), i.CanonicalName)
	b = appendTexts(append(b, `,"names":`...), i.Names)
	b = appendAddrs(append(b, `,"addresses":{"names":`...), i.Addresses.Names)
	b = appendAddrs(append(b, `,"agent":`...), i.Addresses.Agent)
	b = appendAddrs(append(b, `,"container":`...), i.Addresses.Container)
	b = appendAddrs(append(b, `,"auto":`...), i.Addresses.Auto)
	b = appendEach(append(b, `,"networks":`...), i.Addresses.Networks, func(b []byte, n *records.InstanceNetwork) []byte {
		b = appendText(append(b, `{"name":`...), n.Name)
		return append(appendAddrs(append(b, `,"addresses":`...), n.Addresses), '}')
	})
	b = appendEach(append(b, `},"ports":`...), i.Ports, appendPort)
	b = append(appendLabels(append(b, `,"labels":`...), i.Labels), '}')
	return escapeControls(b, begin)
}

func appendPort(b []byte, p *records.InstancePort) []byte {
	b = strconv.AppendInt(append(b, `{"index":`...), int64(p.Index), 10)
	b = appendText(append(b, `,"name":`...), p.Name)
	b = strconv.AppendUint(append(b, `,"number":`...), uint64(p.Number), 10)
	b = appendText(append(b, `,"protocol":`...), p.Protocol)
	b = appendText(append(b, `,"transport":`...), p.Transport)
	b = appendText(append(b, `,"network":`...), p.Network)
	b = appendText(append(b, `,"srvName":`...), p.SRVName)
	b = appendText(append(b, `,"side":`...), string(p.Side))
	b = appendEndpoint(append(b, `,"agent":`...), p.Agent)
	b = appendEndpoint(append(b, `,"container":`...), p.Container)
	return append(appendLabels(append(b, `,"labels":`...), p.Labels), '}')
}

// appendEach appends a list.
func appendEach[T any](b []byte, list []T, one func([]byte, *T) []byte) []byte {
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, &list[i])
	}
	return append(b, ']')
}

func appendTexts(b []byte, list []string) []byte {
	return appendEach(b, list, func(b []byte, s *string) []byte { return appendText(b, *s) })
}

func appendAddrs(b []byte, list []netip.Addr) []byte {
	return appendEach(b, list, func(b []byte, a *netip.Addr) []byte { return appendAddr(b, *a) })
}

func appendEndpoint(b []byte, e records.Endpoint) []byte {
	b = append(b, '[')
	for i, a := range e.Addrs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(netip.AddrPortFrom(a, e.Port).AppendTo(append(b, '"')), '"')
	}
	return append(b, ']')
}

func appendLabels(b []byte, list []state.Label) []byte {
	return appendEach(b, list, func(b []byte, l *state.Label) []byte {
		b = appendText(append(b, `{"key":`...), l.Key)
		return append(appendText(append(b, `,"value":`...), l.Value), '}')
	})
}
