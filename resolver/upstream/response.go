package upstream

import (
	"errors"

	"github.com/miekg/dns"

	"toponym/internal/dnswire"
)

// Handler receives the result of a question.
type Handler interface {
	// OnResponse turns a response to the question into what the caller needs.
	//
	// An error that is ErrNoAnswer means that the server answered, but that its
	// response is as good as none: another server is asked. Any other error means
	// that the message makes no sense: it is ignored, because an attacker may have forged
	// it, and the server's own response is waited for.
	//
	// It is called for each response that may be the answer, from several
	// goroutines. The message is valid until it returns.
	OnResponse(msg []byte) (Result, error)

	// Done is called once: with what OnResponse returned, or with an error.
	//
	// Neither method may block, as responses to other questions arrive on the
	// same goroutine.
	Done(result Result, err error)
}

// Result is what a handler makes of a response.
type Result any

// ErrNoAnswer is what [Handler.OnResponse] returns, maybe wrapped, for a response that is
// well-formed but does not answer the question.
var ErrNoAnswer = dnswire.ErrNoAnswer

// response is a response to a query, as far as this package looks into it.
type response struct {
	rcode     int // of the header
	truncated bool
	unusable  bool   // the handler has rejected it
	hasOPT    bool   // it has an OPT record (RFC 6891), or may have one
	result    Result // nil: it says no more than the rcode
}

// parse reads a response to the attempt's query. It reports false for a message
// that says nothing: it may be forged, or damaged on its way, so the attempt goes
// on.
func (a *attempt) parse(msg []byte) (r response, ok bool) {
	r.rcode, r.truncated = rcodeOf(msg), isTruncated(msg)
	if len(msg) == dnswire.HeaderSize {
		return r, true // header-only response: the server could not parse the query
	}
	r.hasOPT = dnswire.Records(msg, dnswire.Additional) > 0
	result, err := a.x.handler.OnResponse(msg)
	switch {
	case err == nil:
		r.result = result
		return r, true
	case errors.Is(err, ErrNoAnswer):
		r.unusable = true
		return r, true
	}
	// A truncated response may end within a record, and a failure may come
	// without anything that can be read.
	return r, r.truncated && !a.overStream || isFailure(r.rcode)
}

// failed reports whether another server may know better.
func (r *response) failed() bool { return r.unusable || isFailure(r.rcode) }

// isFailure reports whether a response code says that the server could not answer,
// rather than what the answer is (RFC 2308, section 7). Codes that have no meaning
// for a query are failures, too.
func isFailure(rcode int) bool {
	return rcode != dns.RcodeSuccess && rcode != dns.RcodeNameError
}

func rcodeOf(msg []byte) int      { return int(dnswire.Flags(msg) & dnswire.RcodeMask) }
func isTruncated(msg []byte) bool { return dnswire.Flags(msg)&dnswire.FlagTC != 0 }
