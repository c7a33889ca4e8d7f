package server

import (
	"math"

	"github.com/sirupsen/logrus"

	"toponym/config"
)

// A process may have only so many files open, connections among them. Those of
// clients must not keep the server from its masters, its upstream servers or its
// snapshot, so part of the limit is reserved for these, and the rest is divided
// between TCP and HTTP. (The Go runtime has raised the soft limit to the hard
// one.)
const (
	// reservedFiles are for listeners, masters, ZooKeeper, host look-ups, files
	// of the settings and the snapshot, and what the runtime needs.
	reservedFiles = 64
	// filesPerUpstream are the sockets and connections of an upstream server in
	// use at a time.
	filesPerUpstream = 32
	// systemUpstreams is the number of servers that /etc/resolv.conf may name
	// (resolv.conf(5), MAXNS).
	systemUpstreams = 3
	// httpConnections is the number of connections over HTTP that are open at
	// the same time, besides those of watchers. Prometheus, health checks and
	// people need far fewer.
	httpConnections = 512
)

// connectionLimits returns how many connections of clients may be open at the
// same time, of a process that may have so many files open and answers over UDP
// on so many sockets.
func connectionLimits(openFiles uint64, c *config.Config, sockets int) (tcp, http, watchers int) {
	upstreams := max(len(c.Resolvers), systemUpstreams)
	for _, servers := range c.ZoneResolvers {
		upstreams += len(servers)
	}
	reserved := uint64(reservedFiles + sockets)
	if c.ExternalOn {
		// However many servers there are, clients get half of the rest.
		reserved += min(uint64(upstreams)*filesPerUpstream, (openFiles-min(openFiles, reserved))/2)
	}
	left := int(min(openFiles-min(openFiles, reserved), math.MaxInt32))
	http = min(httpConnections, max(left/3, 1))
	watchers = min(c.WatchMax, left/4)
	if !c.HTTPOn {
		watchers = 0
	}
	tcp = min(c.TCPMaxConnections, max(left-http-watchers, 1))
	return tcp, http, watchers
}

// logConnectionLimits logs a limit of open files that allows fewer connections
// than the settings.
func logConnectionLimits(openFiles uint64, c *config.Config, tcp, watchers int, log logrus.FieldLogger) {
	if c.DNSOn && tcp < c.TCPMaxConnections {
		log.WithFields(logrus.Fields{"setting": "tcpMaxConnections", "value": c.TCPMaxConnections, "open_files": openFiles, "count": tcp}).
			Warn("the limit of open files (LimitNOFILE=, ulimit -n) allows fewer TCP connections than the setting")
	}
	if c.HTTPOn && watchers < c.WatchMax {
		log.WithFields(logrus.Fields{"setting": "watchMax", "value": c.WatchMax, "open_files": openFiles, "count": watchers}).
			Warn("the limit of open files (LimitNOFILE=, ulimit -n) allows fewer watchers than the setting")
	}
}
