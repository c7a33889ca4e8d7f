package leader

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
)

// fakeAgent answers as an agent or a master does.
type fakeAgent struct {
	mu    sync.Mutex
	paths map[string]string
}

func (a *fakeAgent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	body, ok := a.paths[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusForbidden)
	}
	fmt.Fprint(w, body)
}

// localOf returns a detector that asks a server with these answers by path.
func localOf(t *testing.T, paths map[string]string) (*Local, *fakeAgent, Address) {
	agent := &fakeAgent{paths: paths}
	server := httptest.NewServer(agent)
	t.Cleanup(server.Close)
	at, err := ParseAddress(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	log, _ := logtest.NewNullLogger()
	return NewLocal(LocalOptions{Address: at, Client: server.Client(), Log: log, ZooKeeper: func(text string) (ZooKeeperOptions, error) {
		if !strings.HasSuffix(text, "/mesos") {
			return ZooKeeperOptions{}, errors.New("no path")
		}
		return ZooKeeperOptions{Servers: []Address{zk1}, Path: "/mesos", Password: "secret"}, nil
	}}), agent, at
}

func TestTheLocalAgentSaysWhereTheMastersAre(t *testing.T) {
	for name, tt := range map[string]struct {
		flags, state string
		want         string // the first candidate; "self" is who was asked
		zooKeeper    bool
		err          string
	}{
		"a master":               {flags: `{"flags":{"work_dir":"/x","master":"10.0.0.1:5055"}}`, want: "10.0.0.1:5055"},
		"a master without port":  {flags: `{"flags":{"master":"m1.example"}}`, want: "m1.example:5050"},
		"an IPv6 address":        {flags: `{"flags":{"master":"[fd00::1]"}}`, want: "[fd00::1]:5050"},
		"ZooKeeper":              {flags: `{"flags":{"master":"zk://10.0.1.1:2181/mesos"}}`, zooKeeper: true},
		"ZooKeeper of a master":  {flags: `{"flags":{"zk":"zk://10.0.1.1:2181/mesos","registry":"replicated_log"}}`, zooKeeper: true},
		"ZooKeeper, malformed":   {flags: `{"flags":{"master":"zk://user:hunter2@10.0.1.1"}}`, err: "malformed"},
		"a master itself":        {flags: `{"flags":{"registry":"in_memory"}}`, want: "self"},
		"a file":                 {flags: `{"flags":{"master":"file:///etc/mesos/zk"}}`, state: `{"version":"1.11.0","resources":{"cpus":1},"master_hostname":"m2","flags":{}}`, want: "m2:5050"},
		"a file, not registered": {flags: `{"flags":{"master":"file:///etc/mesos/zk"}}`, state: `{"version":"1.11.0"}`, err: "registered with no master"},
		"no state":               {flags: `{"flags":{}}`, err: "/state: status 403"},
		"no flags":               {err: "/flags: status 403"},
		"not JSON":               {flags: `<html>`, err: "/flags"},
		"another shape":          {flags: `{"flags":{"master":7}}`, err: "/flags"},
		"a state that is a list": {flags: `{"flags":{}}`, state: `[1]`, err: "no JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			paths := map[string]string{}
			if tt.flags != "" {
				paths["/flags"] = tt.flags
			}
			if tt.state != "" {
				paths["/state"] = tt.state
			}
			l, _, at := localOf(t, paths)
			got, err := l.ask(t.Context())
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "hunter2") {
					t.Fatalf("got error %v, want one with %q and without the password", err, tt.err)
				}
				return
			}
			if err != nil || (got.zooKeeper != nil) != tt.zooKeeper {
				t.Fatalf("got %+v, error %v, want ZooKeeper %v", got, err, tt.zooKeeper)
			}
			if tt.want == "self" {
				tt.want = at.String()
			}
			if !tt.zooKeeper && (len(got.masters) != 1 || got.masters[0].String() != tt.want) {
				t.Errorf("got masters %v, want %s", got.masters, tt.want)
			}
		})
	}
}

func TestTheLocalDetectorFollowsTheAgent(t *testing.T) {
	l, _, _ := localOf(t, map[string]string{"/flags": `{"flags":{"master":"10.0.0.1:5050"}}`})
	if got := l.Candidates(); len(got) != 0 {
		t.Errorf("before the agent was asked: got candidates %v, want none", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	<-l.Changed()
	if got := l.Candidates(); !slices.Equal(got, []Address{m1}) {
		t.Errorf("got candidates %v, want %v", got, m1)
	}
	l.SetLeading(m2)
	if got := l.Candidates(); !slices.Equal(got, []Address{m2, m1}) {
		t.Errorf("got candidates %v, want the leader first", got)
	}
	if got := l.Masters(); !slices.Equal(got, []Address{m1}) {
		t.Errorf("got masters %v, want %v", got, m1)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: got error %v, want nil", err)
	}
}

func TestAnAgentThatDoesNotAnswerIsLoggedOnce(t *testing.T) {
	log, hook := logtest.NewNullLogger()
	l, agent, _ := localOf(t, map[string]string{})
	l.o.Log = log
	l.delay = func(int) time.Duration { return time.Millisecond }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	for len(hook.AllEntries()) == 0 { // until the first question has failed
		time.Sleep(time.Millisecond)
	}
	agent.mu.Lock()
	agent.paths["/flags"] = `{"flags":{"master":"10.0.0.1"}}`
	agent.mu.Unlock()
	<-l.Changed()
	cancel()
	<-ended
	var levels []logrus.Level
	for _, e := range hook.AllEntries() {
		levels = append(levels, e.Level)
	}
	if !slices.Equal(levels, []logrus.Level{logrus.WarnLevel, logrus.InfoLevel}) {
		t.Errorf("got log levels %v, want one warning, then what was found", levels)
	}
}
