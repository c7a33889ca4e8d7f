package notify

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/miekg/dns"

	"toponym/records"
)

// Kind is what became of a message.
type Kind string

// The kinds of events.
const (
	Sent         Kind = "sent"
	Acknowledged Kind = "acknowledged"
	Failed       Kind = "failed"
)

// Event is something that happened to a message.
type Event struct {
	Target netip.AddrPort
	Key    records.Name // "" for none
	Zone   records.Name
	Serial uint32 // in the message
	Kind   Kind
	Err    error // of Failed

	// Reminder is set for Sent if an earlier message with the serial was acknowledged.
	Reminder bool
}

// Observer is told of what happens to messages. ObserveNotify must not wait, nor
// call the sender.
type Observer interface {
	ObserveNotify(Event)
}

// failure is that a message with a serial has failed.
func failure(serial uint32, err error) Event { return Event{Serial: serial, Kind: Failed, Err: err} }

// ErrUnanswered says that a message was not acknowledged, nor any for ten seconds
// before.
var ErrUnanswered = errors.New("no response")

// RcodeError is a response with an error: the secondary does not accept NOTIFY
// messages, or not for a zone.
type RcodeError int

// Error names the response code.
func (e RcodeError) Error() string {
	if name := dns.RcodeToString[int(e)]; name != "" {
		return "the response is " + name
	}
	return fmt.Sprintf("the response has rcode %d", int(e))
}

// SignatureError is a response whose signature is missing or wrong.
type SignatureError struct{ Err error }

// Error implements error.
func (e *SignatureError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e *SignatureError) Unwrap() error { return e.Err }

// SendError is a message that could not be sent.
type SendError struct{ Err error }

// Error implements error.
func (e *SendError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the system.
func (e *SendError) Unwrap() error { return e.Err }
