package upstream

import (
	"sync"
	"time"

	"github.com/miekg/dns"
)

// ednsSupport records whether a server answers queries with an OPT record (RFC
// 6891). Some servers, or firewalls before them, drop such queries or answer them
// with a failure.
type ednsSupport struct {
	mu         sync.Mutex
	worksUntil time.Time // it has answered a query with OPT, and is trusted until then
	avoidUntil time.Time // it is asked without OPT until then
	strikes    int       // questions in a row that were answered only without OPT
}

const (
	ednsTrust = time.Hour        // after an answer to a query with OPT
	ednsAvoid = 10 * time.Minute // until queries have an OPT record again

	// ednsStrikes is how many questions must be answered only without OPT until
	// the server is asked without it. A single one may just have lost a packet.
	ednsStrikes = 2
)

// works reports whether the server is known to answer queries with OPT.
func (e *ednsSupport) works(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return now.Before(e.worksUntil)
}

// avoid reports whether queries should have no OPT record.
func (e *ednsSupport) avoid(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return now.Before(e.avoidUntil)
}

// onAnswer notes an answer to a query with OPT.
func (e *ednsSupport) onAnswer(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.worksUntil, e.avoidUntil, e.strikes = now.Add(ednsTrust), time.Time{}, 0
}

// onPlainAnswer notes that a query without OPT was answered after the same query with
// OPT was not. That OPT was the reason is certain after FORMERR or NOTIMP. It reports
// whether OPT is avoided from now on.
func (e *ednsSupport) onPlainAnswer(now time.Time, certain bool) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.strikes < ednsStrikes {
		e.strikes++
	}
	if !certain && e.strikes < ednsStrikes || now.Before(e.avoidUntil) {
		return false
	}
	e.worksUntil, e.avoidUntil = time.Time{}, now.Add(ednsAvoid)
	e.strikes = ednsStrikes // one more such answer is enough next time
	return true
}

// mayBeEDNS reports whether the OPT record of the query may have provoked a
// response code. Servers that understand EDNS have an OPT record in the response.
func (a *attempt) mayBeEDNS(r *response, now time.Time) bool {
	if a.noEDNS {
		return false
	}
	switch r.rcode {
	case dns.RcodeFormatError, dns.RcodeNotImplemented:
		return true
	case dns.RcodeServerFailure:
		return !r.hasOPT || !a.server.edns.works(now)
	}
	return false
}
