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

// The labels of a task, or of a port of its DiscoveryInfo, that set parameters of
// its records. A label of the port overrides that of the task.
const (
	labelTTL      = "DNS_TTL"      // seconds
	labelWeight   = "DNS_WEIGHT"   // of SRV records (RFC 2782)
	labelPriority = "DNS_PRIORITY" // of SRV records (RFC 2782)
	labelAlias    = "DNS_ALIAS"    // of a task only: more names, separated by commas
)

// Reasons why a label is ignored.
var (
	errTTL            = fmt.Errorf("not a whole number from 0 to %d", math.MaxInt32)
	errUint16         = fmt.Errorf("not a whole number from 0 to %d", math.MaxUint16)
	errAlias          = errors.New("not a DNS label: letters, digits and hyphens")
	errAliasCanonical = errors.New("has the form of a name that belongs to one task alone")
	errTooManyAliases = LimitError{What: "names", Limit: maxAliases}
	errPortAlias      = errors.New("is for tasks, not for ports")
	errTwice          = errors.New("is given twice; the first one counts")
)

// recordParams is what labels set.
type recordParams struct {
	ttl              uint32 // seconds, or ZeroTTL; 0 if no label sets it
	weight, priority uint16
}

// applyLabels returns p as changed by labels. Labels with unknown keys have no
// effect; bad ones are omitted.
func (g *generator) applyLabels(t *state.Task, labels []state.Label, p recordParams, ofPort bool) recordParams {
	var seen [4]bool
	read := 0
	for _, l := range labels {
		if !strings.HasPrefix(l.Key, state.LabelPrefix) {
			continue
		}
		if read++; read > maxLabels {
			g.omit(Omission{Task: t.Key, Reason: LimitError{What: "labels", Limit: maxLabels}})
			break
		}
		var n int
		var err error
		switch l.Key {
		case labelTTL:
			n = 0
		case labelWeight:
			n = 1
		case labelPriority:
			n = 2
		case labelAlias:
			n = 3
		default:
			continue
		}
		switch {
		case seen[n]:
			err = errTwice
		case l.Key == labelTTL:
			if err = parseNumber(&p.ttl, l.Value, math.MaxInt32, errTTL); err == nil && p.ttl == 0 {
				p.ttl = ZeroTTL
			}
		case l.Key == labelWeight:
			err = parseNumber(&p.weight, l.Value, math.MaxUint16, errUint16)
		case l.Key == labelPriority:
			err = parseNumber(&p.priority, l.Value, math.MaxUint16, errUint16)
		case l.Key == labelAlias && ofPort:
			err = errPortAlias
		}
		seen[n] = true
		if err != nil {
			g.omitLabel(t, l, err)
		}
	}
	return p
}

// parseNumber parses value into to. It returns invalid if that fails.
func parseNumber[T uint16 | uint32](to *T, value string, highest uint64, invalid error) error {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
	if err != nil || n > highest {
		return invalid
	}
	*to = T(n)
	return nil
}

// maxOmittedValue is the number of bytes of a label's value that an omission
// repeats.
const maxOmittedValue = 80

func (g *generator) omitLabel(t *state.Task, l state.Label, reason error) {
	value := l.Value
	if len(value) > maxOmittedValue {
		value = value[:maxOmittedValue] + "…"
	}
	g.omit(Omission{Task: t.Key, Label: l.Key, Value: value, Reason: reason})
}

// aliases returns the names that a task lists in DNS_ALIAS, without duplicates and
// without its label. They depend on the task alone. The result is valid until the
// next call.
func (g *generator) aliases(t *state.Task, label string) []string {
	labels, _ := cut(t.Labels, maxLabels)
	i := slices.IndexFunc(labels, func(l state.Label) bool { return l.Key == labelAlias })
	if i < 0 {
		return nil
	}
	list := g.aliasList[:0]
	read := 0
	for alias := range strings.SplitSeq(labels[i].Value, ",") {
		if read++; read > maxAliasesRead {
			g.omitLabel(t, labels[i], errTooManyAliases)
			break
		}
		alias = strings.ToLower(strings.TrimSpace(alias))
		if err := g.checkAlias(alias); err != nil {
			g.omitLabel(t, state.Label{Key: labelAlias, Value: alias}, err)
			continue
		}
		if alias == label || slices.Contains(list, alias) {
			continue
		}
		if len(list) == maxAliases {
			g.omitLabel(t, labels[i], errTooManyAliases)
			break
		}
		list = append(list, alias)
	}
	g.aliasList = list
	return list
}

// checkAlias refuses aliases of the form T-H-S even if no such task exists: it may
// come later.
func (g *generator) checkAlias(alias string) error {
	if alias == "" || g.o.Rule.Label(alias) != alias || alias[len(alias)-1] == '-' {
		return errAlias
	}
	if isCanonical(alias) {
		return errAliasCanonical
	}
	return nil
}
