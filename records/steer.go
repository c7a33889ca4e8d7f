package records

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"toponym/state"
)

// The labels of a task, or of a port of its DiscoveryInfo, that steer its
// records. What a port says counts more than what its task says.
const (
	labelTTL      = "DNS_TTL"      // seconds
	labelWeight   = "DNS_WEIGHT"   // of SRV records (RFC 2782)
	labelPriority = "DNS_PRIORITY" // of SRV records (RFC 2782)
	labelAlias    = "DNS_ALIAS"    // of a task only: further names, with commas between them
)

// What can be wrong with these labels.
var (
	errTTL       = fmt.Errorf("is no whole number from 0 to %d", math.MaxInt32)
	errUint16    = fmt.Errorf("is no whole number from 0 to %d", math.MaxUint16)
	errAlias     = errors.New("is no label of a name: letters, digits and hyphens")
	errAliasHash = errors.New("has the form of a name that belongs to one task alone")
	errAliases   = fmt.Errorf("has more than %d names", maxAliases)
	errPortAlias = errors.New("is for tasks, and not for ports")
	errTwice     = errors.New("is given twice, and the first counts")
)

// maxAliases bounds what one task can ask for.
const maxAliases = 8

// steering is what the labels say. Weight and priority are those of the options
// where no label says something.
type steering struct {
	ttl              uint32 // in seconds, or ZeroTTL; 0: no wish
	weight, priority uint16
}

// steer reads labels over what is in force without them. Others than ours are
// ignored; bad ones are told of and ignored.
func (m *maker) steer(t *state.Task, labels []state.Label, s steering, ofPort bool) steering {
	for i, l := range labels {
		var err error
		switch {
		case slices.ContainsFunc(labels[:i], func(o state.Label) bool { return o.Key == l.Key }) && known(l.Key):
			err = errTwice
		case l.Key == labelTTL:
			if err = number(&s.ttl, l.Value, math.MaxInt32, errTTL); err == nil && s.ttl == 0 {
				s.ttl = ZeroTTL
			}
		case l.Key == labelWeight:
			err = number(&s.weight, l.Value, math.MaxUint16, errUint16)
		case l.Key == labelPriority:
			err = number(&s.priority, l.Value, math.MaxUint16, errUint16)
		case l.Key == labelAlias && ofPort:
			err = errPortAlias
		}
		if err != nil {
			m.remark(t, l, err)
		}
	}
	return s
}

func known(key string) bool {
	return key == labelTTL || key == labelWeight || key == labelPriority || key == labelAlias
}

func number[T uint16 | uint32](to *T, value string, highest uint64, fault error) error {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
	if err != nil || n > highest {
		return fault
	}
	*to = T(n)
	return nil
}

// maxShown bounds what is repeated of a label in a remark.
const maxShown = 80

func (m *maker) remark(t *state.Task, l state.Label, err error) {
	value := l.Value
	if len(value) > maxShown {
		value = value[:maxShown] + "…"
	}
	m.sink.omit(Omission{Task: t.Key, Label: l.Key, Value: value, Reason: err})
}

// aliases are the further names that a task asks for, each once, without that
// which it has anyway. They do not depend on other tasks.
func (m *maker) aliases(t *state.Task, label string) []string {
	i := slices.IndexFunc(t.Labels, func(l state.Label) bool { return l.Key == labelAlias })
	if i < 0 {
		return nil
	}
	list := m.aliasList[:0]
	for alias := range strings.SplitSeq(t.Labels[i].Value, ",") {
		alias = strings.ToLower(strings.TrimSpace(alias))
		if err := m.checkAlias(alias); err != nil {
			m.remark(t, state.Label{Key: labelAlias, Value: alias}, err)
			continue
		}
		if alias == label || slices.Contains(list, alias) {
			continue
		}
		if len(list) == maxAliases {
			m.remark(t, t.Labels[i], errAliases)
			break
		}
		list = append(list, alias)
	}
	m.aliasList = list
	return list
}

func (m *maker) checkAlias(alias string) error {
	if alias == "" || m.o.Rule.Label(alias) != alias || alias[len(alias)-1] == '-' {
		return errAlias
	}
	if canonical(alias) {
		return errAliasHash
	}
	return nil
}

// canonical reports whether a label has the form of T-H-S: names of that form
// are told from each other by the tasks' ids, so no alias may take one, whoever
// may come later.
func canonical(label string) bool {
	agent := strings.LastIndexByte(label, '-')
	if agent < 0 {
		return false
	}
	if digits := strings.TrimPrefix(label[agent+1:], "s"); digits == "" || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	hash := label[:agent]
	at := strings.LastIndexByte(hash, '-')
	return at >= 0 && len(hash)-at-1 == 5 && strings.Trim(hash[at+1:], zbase32Alphabet) == ""
}
