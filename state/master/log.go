package master

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/sirupsen/logrus"

	"toponym/state/leader"
)

// report logs what changes, each change once: not every time that something is
// found to be as before.
type report struct {
	log logrus.FieldLogger

	mu         sync.Mutex
	errors     map[string]bool // reported since there was contact last
	lastIssue  string
	lastResync string
	polls      leader.Address // whose state is polled
	noStream   string         // why it is
	unknown    map[string]bool
	silent     leader.Address // whose silence was reported
}

const (
	// maxUnknownEvents bounds how many unknown types of events are remembered.
	maxUnknownEvents = 100
	// maxErrors bounds how many different errors are reported and remembered while
	// there is no contact.
	maxErrors = 30
	// maxLogText bounds, in bytes, what of an error is logged and kept: parts of
	// it may have been written by others.
	maxLogText = 1000
)

// clusterCounts are the numbers of what is answered from.
type clusterCounts struct{ tasks, agents, frameworks int }

// failed reports that there is no contact with the leader: once for each reason
// until there is contact again.
func (r *report) failed(err error, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reason := errorText(err)
	log := r.log.WithField("error", reason)
	same := withoutDetails(reason)
	if r.errors[same] || len(r.errors) >= maxErrors {
		log.Debug("still no contact with the leading master")
		return
	}
	if r.errors == nil {
		r.errors = map[string]bool{}
	}
	r.errors[same] = true
	if known {
		log.Warn("no contact with the leading master; answering from what is known; trying again")
	} else {
		log.Warn("no state of the cluster yet; trying again")
	}
}

// switched reports that another master was found to lead.
func (r *report) switched(to *otherLeaderError) {
	fields := logrus.Fields{"before": to.before.String()}
	if to.now != (leader.Address{}) {
		fields["master"] = to.now.String()
	}
	r.log.WithFields(fields).Info("another master leads now")
}

// errorText is an error in one line of printable characters and bounded length.
func errorText(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if len(text) > maxLogText {
		text = strings.ToValidUTF8(text[:maxLogText], "") + "…"
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '\uFFFD'
	}, text)
}

// withoutDetails leaves out what of a reason may differ each time: what a master
// wrote, where in its answer an error is, and in which order masters were asked.
func withoutDetails(reason string) string {
	parts := strings.Split(details.ReplaceAllString(reason, ""), "; ")
	slices.Sort(parts)
	return strings.Join(slices.Compact(parts), "; ")
}

var details = regexp.MustCompile(`"(?:[^"\\]|\\.)*"| at byte \d+`)

// waiting reports that a master is silent, and whether there are others to ask.
func (r *report) waiting(at leader.Address, silence time.Duration, others bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at == r.silent {
		return
	}
	r.silent = at
	log := r.log.WithFields(logrus.Fields{"master": at.String(), "duration": silence.Round(time.Second).String()})
	if others {
		log.Info("waiting for a master that does not answer; asking the others who leads")
	} else {
		log.Info("waiting for a master that does not answer")
	}
}

// alive reports that the leading master does not answer, or that it does again.
func (r *report) alive(at leader.Address, alive bool) {
	log := r.log.WithField("master", at.String())
	if alive {
		log.Info("the leading master answers again")
	} else {
		log.Warn("the leading master does not answer; answering from what is known")
	}
}

// reading reports how far reading a state is.
func (r *report) reading(p *Reading) {
	fields := logrus.Fields{"master": p.At.String(), "bytes": p.Bytes, "duration": time.Since(p.Since).Round(time.Second).String()}
	if p.Total > 0 {
		fields["total"] = p.Total
	}
	r.log.WithFields(fields).Info("reading the state of the cluster")
}

func (r *report) cluster(lead leader.Address, n clusterCounts) logrus.FieldLogger {
	return r.log.WithFields(logrus.Fields{"master": lead.String(), "tasks": n.tasks, "agents": n.agents, "frameworks": n.frameworks})
}

// polled reports a state that was polled when its master is another one, or when
// there was no contact before.
func (r *report) polled(lead leader.Address, n clusterCounts, doc *document) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if lead != r.polls || len(r.errors) > 0 {
		r.cluster(lead, n).Info("polling the state of the leading master")
	}
	r.polls, r.errors, r.silent = lead, nil, leader.Address{}
	r.issues(doc.issues)
}

// following reports that a stream has begun.
func (r *report) following(lead leader.Address, n clusterCounts, doc *document) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cluster(lead, n).Info("following the events of the leading master")
	r.polls, r.errors, r.noStream, r.lastResync, r.silent = leader.Address{}, nil, "", "", leader.Address{}
	r.issues(doc.issues)
}

// polling reports why the state is polled although a stream was wanted.
func (r *report) polling(err error, interval time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reason := errorText(err)
	if same := withoutDetails(reason); same != r.noStream {
		r.noStream = same
		r.log.WithFields(logrus.Fields{"error": reason, "interval": interval.String(), "retry": streamRetry.String()}).
			Warn("no event stream; polling the state until there is one")
	}
}

// issues reports the parts of a full state that were skipped.
func (r *report) issues(i decodeIssues) {
	if i.count > 0 && i.example != r.lastIssue {
		r.log.WithFields(logrus.Fields{"count": i.count, "example": i.example}).Warn("parts of the state were skipped")
	}
	r.lastIssue = i.example
}

// eventIssues reports the parts of an event that were skipped.
func (r *report) eventIssues(i decodeIssues) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i.example != r.lastIssue {
		r.lastIssue = i.example
		r.log.WithFields(logrus.Fields{"count": i.count, "example": i.example}).Warn("parts of an event were skipped")
	}
}

// unknownEvent reports a type of events that is unknown here.
func (r *report) unknownEvent(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unknown == nil {
		r.unknown = map[string]bool{}
	}
	kind = kind[:min(len(kind), 60)]
	if !r.unknown[kind] && len(r.unknown) < maxUnknownEvents {
		r.unknown[kind] = true
		r.log.WithField("type", strings.ToValidUTF8(kind, "\uFFFD")).Info("events of an unknown type are skipped")
	}
}

func (r *report) notResynced(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reason := errorText(err)
	if same := withoutDetails(reason); same != r.lastResync {
		r.lastResync = same
		r.log.WithField("error", reason).Warn("no full state beside the event stream; trying again")
	}
}

func (r *report) resynced(doc *document) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lastResync != "" {
		r.lastResync = ""
		r.log.Info("full states are read beside the event stream again")
	}
	r.issues(doc.issues)
}

func (r *report) failover(lead leader.Address, retained int) {
	if retained > 0 {
		r.log.WithFields(logrus.Fields{"master": lead.String(), "count": retained}).
			Info("agents that have not registered with the new leader yet keep their names meanwhile")
	}
}

func (r *report) expired(agents int) {
	if agents > 0 {
		r.log.WithField("count", agents).Warn("agents have not registered with the new leader in time; their names are removed")
	}
}
