package master

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"toponym/state"
	"toponym/state/leader"
)

// report logs what changes, each change once: not every time that something
// which is as before is found to be so.
type report struct {
	log logrus.FieldLogger

	lastError  string
	lastFault  string
	lastResync string
	reading    leader.Address // whose state is polled
	noStream   string         // why it is
	unknowns   map[string]bool
}

// maxUnknowns bounds how many types of events are remembered that nobody knows.
const maxUnknowns = 100

// failed says why there is no state: once, and again when the reason changes.
func (r *report) failed(err error) {
	reason := oneLine(err)
	same := sameReason(reason)
	if same == r.lastError {
		r.log.Debugf("still no state: %s", reason)
		return
	}
	r.lastError = same
	r.log.Warnf("no state of the cluster: %s; what was known stays; trying again", reason)
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// sameReason leaves out what of a reason is not the reason. What a master
// wrote, and where in its answer a fault is, may differ each time.
func sameReason(reason string) string { return changing.ReplaceAllString(reason, "") }

var changing = regexp.MustCompile(`"(?:[^"\\]|\\.)*"| at octet \d+`)

// read says of a state that was polled when its master is another one, or when
// there was none before, and what was left out of it.
func (r *report) read(lead leader.Address, doc *document) {
	if lead != r.reading || r.lastError != "" {
		r.log.Infof("reading the state of the leading master at %s: %d tasks, %d agents, %d frameworks",
			lead, len(doc.tasks), len(doc.agents), len(doc.frameworks))
	}
	r.reading, r.lastError = lead, ""
	r.left(doc.faults)
}

// following says that a stream has begun.
func (r *report) following(lead leader.Address, doc *document) {
	r.log.Infof("following the events of the leading master at %s: %d tasks, %d agents, %d frameworks",
		lead, len(doc.tasks), len(doc.agents), len(doc.frameworks))
	r.reading, r.lastError, r.noStream, r.lastResync = leader.Address{}, "", "", ""
	r.left(doc.faults)
}

// polling says why the state is polled though the stream was wanted.
func (r *report) polling(err error, interval time.Duration) {
	reason := oneLine(err)
	if same := sameReason(reason); same != r.noStream {
		r.noStream = same
		r.log.Warnf("no event stream: %s; reading the state every %v instead, and asking for a stream again every %v",
			reason, interval, streamRetry)
	}
}

// left says which parts of a full state were left out.
func (r *report) left(f faults) {
	fault := ""
	if f.count > 0 {
		fault = fmt.Sprintf("%d parts of the state were left out, one of them: %s", f.count, f.example)
	}
	if fault != "" && fault != r.lastFault {
		r.log.Warn(fault)
	}
	r.lastFault = fault
}

// faults says which parts of an event were left out.
func (r *report) faults(f faults) {
	if f.example != r.lastFault {
		r.lastFault = f.example
		r.log.Warnf("left out of an event: %s", f.example)
	}
}

// unknown names a type of events that nobody knows here.
func (r *report) unknown(kind string) {
	if r.unknowns == nil {
		r.unknowns = map[string]bool{}
	}
	if !r.unknowns[kind] && len(r.unknowns) < maxUnknowns {
		r.unknowns[kind] = true
		r.log.Infof("events of type %.60q are skipped", kind)
	}
}

func (r *report) notResynced(err error) {
	reason := oneLine(err)
	if same := sameReason(reason); same != r.lastResync {
		r.lastResync = same
		r.log.Warnf("no full state beside the event stream: %s; trying again", reason)
	}
}

func (r *report) resynced(doc *document) {
	if r.lastResync != "" {
		r.lastResync = ""
		r.log.Info("full states beside the event stream are read again")
	}
	r.left(doc.faults)
}

func (r *report) failover(lead leader.Address, keeping int) {
	if keeping == 0 {
		return
	}
	r.log.Infof("%s leads now: %d agents have not come back yet, and keep their names meanwhile", lead, keeping)
}

func (r *report) gaveUp(events []state.Event) {
	agents := 0
	for _, e := range events {
		if e.AgentGone != "" {
			agents++
		}
	}
	if agents > 0 {
		r.log.Warnf("%d agents have not come back in time after another master began to lead: their names are gone", agents)
	}
}
