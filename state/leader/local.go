package leader

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/internal/backoff"
)

// LocalOptions say which Mesos agent, or master, to ask where the masters are. All
// but HTTPS are required.
type LocalOptions struct {
	Address Address
	HTTPS   bool
	Client  *http.Client
	// ZooKeeper returns the options for an address such as zk://host:port/mesos, but
	// for the log.
	ZooKeeper func(text string) (ZooKeeperOptions, error)
	Log       logrus.FieldLogger
}

// Local finds the masters where the agent on this machine finds them: its flag
// --master names ZooKeeper, or a master. It is a [Detector]. What it has found stays
// known while the agent does not answer.
type Local struct {
	o       LocalOptions
	changed chan struct{}
	delay   func(failures int) time.Duration // after failures

	mu        sync.Mutex
	masters   []Address  // that the agent named; none if it names ZooKeeper
	leading   Address    // the master that last answered as the leader
	zooKeeper *ZooKeeper // nil if the agent does not name it
}

// MasterPort is Mesos's default port of a master.
const MasterPort = 5050

const (
	localTimeout  = 5 * time.Second
	localInterval = time.Minute // between two questions once the masters are known

	firstLocalBackoff = time.Second
	maxLocalBackoff   = 15 * time.Second

	// maxFlags and maxAgentState bound what is read of an answer, in bytes.
	maxFlags      = 1 << 20
	maxAgentState = 8 << 20 // the host name of the master is at the beginning
)

// NewLocal returns a detector. It does nothing before Run.
func NewLocal(o LocalOptions) *Local {
	return &Local{o: o, changed: make(chan struct{}, 1), delay: func(failures int) time.Duration {
		return backoff.Delay(failures, firstLocalBackoff, maxLocalBackoff)
	}}
}

// Candidates returns the masters that the agent or ZooKeeper named, the one that
// leads first.
func (l *Local) Candidates() []Address {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.zooKeeper != nil {
		return l.zooKeeper.Candidates()
	}
	return distinct(append([]Address{l.leading}, l.masters...))
}

// Masters returns the masters that the agent or ZooKeeper named.
func (l *Local) Masters() []Address {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.zooKeeper != nil {
		return l.zooKeeper.Masters()
	}
	return l.masters
}

// SetLeading records that a master answered as the leader.
func (l *Local) SetLeading(a Address) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leading = a
	if l.zooKeeper != nil {
		l.zooKeeper.SetLeading(a)
	}
}

// Changed delivers an element when the agent or ZooKeeper names others.
func (l *Local) Changed() <-chan struct{} { return l.changed }

func (l *Local) notify() {
	select {
	case l.changed <- struct{}{}:
	default: // the last change has not been looked at yet
	}
}

// Run asks the agent until ctx ends, and then returns nil: whatever happens to the
// agent, it asks again.
func (l *Local) Run(ctx context.Context) error {
	var following sync.WaitGroup
	stop := func() {}
	defer func() {
		stop()
		following.Wait()
	}()
	known, logged := "", ""
	for failures := 0; ctx.Err() == nil; {
		found, err := l.ask(ctx)
		wait := localInterval
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			failures++
			wait = l.delay(failures)
			if text := err.Error(); text != logged {
				logged = text
				l.o.Log.WithFields(logrus.Fields{"agent": l.o.Address, "error": err}).Warn("the local agent does not say where the masters are; set masters or zk")
			}
		case found.text != known:
			failures, known, logged = 0, found.text, ""
			stop()
			stop = l.follow(ctx, &following, found)
			l.o.Log.WithFields(logrus.Fields{"agent": l.o.Address, "masters": found.masters, "zookeeper": found.zooKeeper != nil}).
				Info("the local agent says where the masters are")
		default:
			failures = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// follow replaces what the agent has named. The function that it returns ends the
// session with ZooKeeper.
func (l *Local) follow(ctx context.Context, following *sync.WaitGroup, f found) (stop func()) {
	var z *ZooKeeper
	ctx, stop = context.WithCancel(ctx)
	if f.zooKeeper != nil {
		z = NewZooKeeper(*f.zooKeeper)
		following.Go(func() { _ = z.Run(ctx) }) // always nil
		following.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-z.Changed():
					l.notify()
				}
			}
		})
	}
	l.mu.Lock()
	l.masters, l.zooKeeper = f.masters, z
	l.mu.Unlock()
	l.notify()
	return stop
}

// flags are those of an agent or a master that tell where the masters are.
type flags struct {
	Master   string `json:"master"`   // of an agent
	ZK       string `json:"zk"`       // of a master
	Registry string `json:"registry"` // of a master
}

// found is what the agent has said: a list of masters, or where ZooKeeper is.
type found struct {
	text      string // as the agent has it, which may hold a password
	masters   []Address
	zooKeeper *ZooKeeperOptions
}

// ask asks the agent where the masters are.
func (l *Local) ask(ctx context.Context) (found, error) {
	ctx, cancel := context.WithTimeout(ctx, localTimeout)
	defer cancel()
	var doc struct{ Flags flags }
	err := l.get(ctx, "/flags", func(body io.Reader) error { return json.NewDecoder(io.LimitReader(body, maxFlags)).Decode(&doc) })
	if err != nil {
		return found{}, err
	}
	text := doc.Flags.Master + doc.Flags.ZK
	switch {
	case strings.HasPrefix(text, "zk://"):
		o, err := l.o.ZooKeeper(text)
		if err != nil {
			return found{}, errors.New("its address of ZooKeeper is malformed") // which may hold a password
		}
		o.Log = l.o.Log
		return found{text: text, zooKeeper: &o}, nil
	case text == "" && doc.Flags.Registry != "": // it is a master
		text = l.o.Address.String()
	case text == "" || strings.Contains(text, "/"): // a file
		err := l.get(ctx, "/state", func(body io.Reader) (err error) { text, err = masterHostname(body); return err })
		if err != nil {
			return found{}, err
		}
	}
	a, err := parseMaster(text)
	return found{text: text, masters: []Address{a}}, err
}

// parseMaster reads the address of a master, with or without a port.
func parseMaster(text string) (Address, error) {
	if a, err := ParseAddress(text); err == nil {
		return a, nil
	}
	return ParseAddress(net.JoinHostPort(strings.Trim(text, "[]"), fmt.Sprint(MasterPort)))
}

// masterHostname finds the host name of the leading master in the state of an agent.
func masterHostname(body io.Reader) (string, error) {
	d := json.NewDecoder(io.LimitReader(body, maxAgentState))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", errors.New("its state is no JSON object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return "", err
		}
		if key == "master_hostname" {
			var name string
			err := d.Decode(&name)
			return name, err
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return "", err
		}
	}
	return "", errors.New("it is registered with no master")
}

// get reads an answer of the agent.
func (l *Local) get(ctx context.Context, path string, read func(io.Reader) error) error {
	scheme := "http://"
	if l.o.HTTPS {
		scheme = "https://"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+l.o.Address.String()+path, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := l.o.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", path, resp.StatusCode)
	}
	if err := read(resp.Body); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
