package resolver

import (
	"net/netip"
	"slices"
	"time"

	"toponym/internal/dnswire"
)

// policy is what may change of how a responder answers. Values are immutable.
type policy struct {
	maxUDPSize     uint16
	setTC          bool
	subnetFirst    bool
	answerLimit    int
	tcpIdleTimeout time.Duration

	rateLimiter *rateLimiter // nil: no limit
	rateLimit   int          // of rateLimiter
	rateExempt  []netip.Prefix

	allowed prefixList // clients whose queries are forwarded; none where nothing is
	raFlag  uint16     // dnswire.FlagRA, or 0 when responses do not show it
}

// newPolicy returns the policy of options that takes the place of another one, which
// may be nil. Networks keep what they have used of a rate limit that stays the same.
func newPolicy(o Options, previous *policy) *policy {
	p := &policy{
		maxUDPSize:     max(o.MaxUDPSize, minUDPSize),
		setTC:          o.SetTruncateBit,
		subnetFirst:    o.ResolvSubnetFirst,
		answerLimit:    o.AnswerLimit,
		tcpIdleTimeout: o.TCPIdleTimeout,
		rateLimit:      o.RateLimit,
		rateExempt:     o.RateExempt,
	}
	if previous != nil && previous.rateLimit == o.RateLimit && slices.Equal(previous.rateExempt, o.RateExempt) {
		p.rateLimiter = previous.rateLimiter
	} else {
		p.rateLimiter = newRateLimiter(o.RateLimit, o.RateExempt)
	}
	if f := o.Forward; f != nil {
		p.allowed = newPrefixList(f.AllowedClients)
		if f.RecursionAvailable {
			p.raFlag = dnswire.FlagRA
		}
	}
	return p
}

// Configure applies other options while the server runs. No query is lost, and each is
// answered by the options before or by these. It takes over MaxUDPSize, SetTruncateBit,
// ResolvSubnetFirst, AnswerLimit, the limits of TCP and of rates, and those of Forward
// but ResolvConf. Whether there is a Forward cannot change; for Listen and Port see
// [Server.OpenListeners].
func (s *Server) Configure(o Options) {
	s.responder.policies.Store(newPolicy(o, s.responder.policy()))
	s.connections.setBounds(o.TCPMaxConnections, o.TCPMaxConnectionsPerClient)
	if f := s.responder.forward; f != nil && o.Forward != nil {
		f.configure(*o.Forward)
	}
}
