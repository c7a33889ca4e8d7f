package marathon

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"toponym/sim"
)

// maxWaitingEvents bounds the events that wait for a slow client; one more ends its
// stream.
const maxWaitingEvents = 10_000

// heartbeat is the time between two empty lines that show that the stream is alive.
const heartbeat = 15 * time.Second

// eventStream distributes events to the clients of /v2/events.
type eventStream struct {
	wake chan struct{} // task updates were heard

	mu      sync.Mutex
	clients []*eventClient
	heard   []sim.SchedulerNews // of tasks, not published yet
}

// eventClient is a client of /v2/events.
type eventClient struct {
	types  []string // that it wants; all of them when empty
	events chan []byte
	ended  chan struct{} // closed when it is too slow
}

// hear keeps a task update until publishHeard: it is called with the cluster's lock
// held. It costs next to nothing without clients.
func (e *eventStream) hear(n sim.SchedulerNews) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.clients) > 0 && len(e.heard) < maxWaitingEvents {
		e.heard = append(e.heard, n)
		nudge(e.wake)
	}
}

// event is an event of any type.
type event struct {
	Type      string         `json:"eventType"`
	Timestamp string         `json:"timestamp"`
	Fields    map[string]any `json:",embed"`
}

// publish sends an event to all clients that asked for its type.
func (e *eventStream) publish(kind string, at time.Time, fields map[string]any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.clients) == 0 {
		return
	}
	data, err := json.Marshal(event{kind, at.UTC().Format(timeFormat), fields}, json.Deterministic(true))
	if err != nil {
		return // the fields are ours, and can be encoded
	}
	record := fmt.Appendf(nil, "event: %s\r\ndata: %s\r\n\r\n", kind, data)
	e.clients = slices.DeleteFunc(e.clients, func(c *eventClient) bool {
		if len(c.types) > 0 && !slices.Contains(c.types, kind) {
			return false
		}
		select {
		case c.events <- record:
			return false
		default:
			close(c.ended)
			return true
		}
	})
}

// serveEvents serves GET /v2/events: server-sent events until the client disconnects.
func (s *Scheduler) serveEvents(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		respondError(w, apiErrorf(http.StatusMethodNotAllowed, "Method Not Allowed"))
		return
	}
	if accept := strings.Join(r.Header.Values("Accept"), ","); accept != "" && !strings.Contains(accept, "text/event-stream") && !strings.Contains(accept, "*/*") {
		respondError(w, apiErrorf(http.StatusNotAcceptable, "/v2/events has the content type text/event-stream"))
		return
	}
	c := &eventClient{types: r.URL.Query()["event_type"], events: make(chan []byte, maxWaitingEvents), ended: make(chan struct{})}
	s.events.mu.Lock()
	s.events.clients = append(s.events.clients, c)
	s.events.mu.Unlock()
	defer func() {
		s.events.mu.Lock()
		defer s.events.mu.Unlock()
		s.events.clients = slices.DeleteFunc(s.events.clients, func(other *eventClient) bool { return other == c })
	}()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	w.WriteHeader(http.StatusOK)
	s.events.publish("event_stream_attached", s.cluster.Now(), map[string]any{"remoteAddress": clientIP(r)})
	flusher := http.NewResponseController(w)
	send := func(b []byte) error {
		if _, err := w.Write(b); err != nil {
			return err
		}
		return flusher.Flush()
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-r.Context().Done():
			return
		case <-c.ended:
			return
		case <-beat.C:
			err = send([]byte("\r\n"))
		case b := <-c.events:
			err = send(b)
		}
		if err != nil {
			return
		}
	}
}

// clientIP returns the address of a client without its port.
func clientIP(r *http.Request) string {
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return at.Addr().String()
	}
	return r.RemoteAddr
}

// publishHeard publishes the task updates that hear kept.
func (s *Scheduler) publishHeard() {
	s.events.mu.Lock()
	heard := s.events.heard
	s.events.heard = nil
	s.events.mu.Unlock()
	for _, n := range heard {
		s.publishUpdate(n)
	}
}

// publishUpdate publishes the status of a task, and a change of its health.
func (s *Scheduler) publishUpdate(n sim.SchedulerNews) {
	t, at, state, message := n.Task, s.cluster.Now(), n.Task.State, ""
	agent, _ := s.cluster.Agent(t.AgentID)
	addresses := []ipView{}
	if n.Status != nil {
		at, state, message = n.Status.Time, n.Status.State, n.Status.Message
		for _, a := range addressesOf(n.Status.Container) {
			addresses = append(addresses, newIPView(a))
		}
	}
	app, ports := AppOf(t.ID), []uint16{}
	for p := range t.HostPorts() {
		ports = append(ports, p)
	}
	version := ""
	s.mu.Lock()
	if i := s.instances[instanceOf(t.ID)]; i != nil {
		version = i.app.Version
	}
	s.mu.Unlock()
	if n.Status != nil && n.Status.Healthy != nil {
		s.events.publish("health_status_changed_event", at, map[string]any{
			"appId": app, "taskId": t.ID, "instanceId": instanceOf(t.ID), "version": version, "alive": *n.Status.Healthy,
		})
		if n.Status.Reason != "" { // the result of a check: the state is what it was
			return
		}
	}
	s.events.publish("status_update_event", at, map[string]any{
		"slaveId": t.AgentID, "taskId": t.ID, "taskStatus": state, "message": message, "appId": app,
		"host": agent.Hostname, "ipAddresses": addresses, "ports": ports, "version": version,
	})
}

// publishHealth publishes the result of a health check that Marathon runs itself.
func (s *Scheduler) publishHealth(i *instance, alive bool) {
	s.events.publish("health_status_changed_event", s.cluster.Now(), map[string]any{
		"appId": i.app.ID, "taskId": i.tasks[0], "instanceId": i.id, "version": i.app.Version, "alive": alive,
	})
}

// publishChange publishes definitions that were changed through the API.
func (r *request) publishChange(definitions ...*App) {
	for _, a := range definitions {
		r.s.events.publish("api_post_event", r.s.cluster.Now(), map[string]any{
			"clientIp": clientIP(r.Request), "uri": r.URL.Path, "appDefinition": a,
		})
	}
}
