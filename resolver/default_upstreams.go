package resolver

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
	"github.com/sirupsen/logrus"

	"toponym/internal/filewatch"
	"toponym/resolver/upstream"
)

const (
	// followInterval is how often resolv.conf is read. Watching it would miss
	// another file that is mounted over it.
	followInterval = 5 * time.Second

	// resolvConfTimeout is how long the start waits for the file. A file system
	// that hangs must not keep the server from answering.
	resolvConfTimeout = time.Second

	// maxResolvConf is more than any such file has, in bytes.
	maxResolvConf = 64 << 10
)

// defaultUpstreams keeps the servers for all names without servers of their own:
// those that are configured, or else those that resolv.conf names. While that
// cannot be read, or names none, the last ones stay.
type defaultUpstreams struct {
	f          *forwarder
	isOwn      func(netip.AddrPort) bool
	configured []Upstream // nil: the servers are those of resolv.conf
	current    []Upstream
	problem    string
	reading    chan resolvConf // what is being read; nil: nothing is
}

// resolvConf is what reading the file has given.
type resolvConf struct {
	servers []Upstream
	err     error
}

// begin finds the first servers.
func (d *defaultUpstreams) begin(ctx context.Context) {
	d.refresh()
	if d.reading == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, resolvConfTimeout)
	defer cancel()
	select {
	case r := <-d.reading:
		d.take(r)
	case <-ctx.Done():
		d.f.log.WithField("file", d.f.o.ResolvConf).Warn("reading the file takes long: names outside our zones cannot be forwarded before it is read")
	}
}

// run follows the settings and the file until the context ends.
func (d *defaultUpstreams) run(ctx context.Context) {
	ticker := time.NewTicker(followInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			d.refresh()
		case <-d.f.upstreamsChanged:
			d.refresh()
		case r := <-d.reading:
			d.take(r)
		case <-ctx.Done():
			return
		}
	}
}

// refresh takes in the servers that are configured, or begins to read the file.
//
// That is done by a goroutine that nothing waits for, since no deadline ends a
// system call that hangs. There is one at a time.
func (d *defaultUpstreams) refresh() {
	f := d.f
	if configured := *f.configured.Load(); len(configured) > 0 {
		if !slices.Equal(configured, d.configured) {
			d.configured, d.problem = configured, ""
			d.use(f.withoutOwnAddresses(configured, d.isOwn))
		}
		return
	}
	d.configured = nil
	if d.reading != nil {
		return
	}
	reading := make(chan resolvConf, 1)
	d.reading = reading
	go func() {
		servers, err := readResolvConf(f.o.ResolvConf)
		reading <- resolvConf{servers, err}
	}()
}

// take takes in what the file says.
func (d *defaultUpstreams) take(r resolvConf) {
	d.reading = nil
	if d.configured != nil {
		return
	}
	f := d.f
	log := f.log.WithField("file", f.o.ResolvConf)
	servers := slices.DeleteFunc(r.servers, func(u Upstream) bool { return d.isOwn(u.AddrPort) })
	problem := ""
	switch {
	case r.err != nil:
		problem = r.err.Error()
	case len(servers) == 0:
		problem = "it names no server but this one"
	case !slices.Equal(servers, d.current):
		d.use(servers)
		log.WithField("upstream", servers).Info("forwarding names outside our zones to the servers in the file")
	}
	switch {
	case problem == "" || problem == d.problem:
	case len(d.current) == 0:
		log.WithField("error", problem).Warn("no server for names outside our zones")
	default:
		log.WithFields(logrus.Fields{"error": problem, "upstream": d.current}).Warn("names outside our zones are still forwarded to the last known servers")
	}
	d.problem = problem
}

func (d *defaultUpstreams) use(servers []Upstream) {
	d.current = servers
	d.f.client.Release(d.f.defaultGroup.Swap(d.f.client.Group(servers)))
}

// readResolvConf returns the servers that a file in the format of resolv.conf(5)
// names.
func readResolvConf(path string) ([]Upstream, error) {
	text, err := filewatch.Read(context.Background(), path, maxResolvConf)
	if err != nil {
		return nil, err
	}
	conf, err := dns.ClientConfigFromReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var servers []Upstream
	for _, s := range conf.Servers {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			continue
		}
		at := upstream.Address{AddrPort: netip.AddrPortFrom(addr.Unmap(), 53)}
		if !slices.Contains(servers, at) {
			servers = append(servers, at)
		}
	}
	return servers, nil
}
