package marathon

import (
	"slices"
	"strings"
)

// maxPathID bounds the length of an id. Marathon has no limit; those of Mesos and
// of the agents' file systems are near this.
const maxPathID = 1024

// pathID is the id of an app, a pod or a group: absolute like "/shop/cart", or
// relative like "cart" and "../cart".
type pathID struct {
	segments []string
	absolute bool
}

func parsePathID(s string) pathID {
	p := pathID{absolute: strings.HasPrefix(s, "/")}
	for segment := range strings.SplitSeq(s, "/") {
		if segment != "" {
			p.segments = append(p.segments, segment)
		}
	}
	return p
}

// in returns the absolute id of p relative to base, with "." and ".." resolved.
func (p pathID) in(base pathID) pathID {
	all := p.segments
	if !p.absolute {
		all = slices.Concat(base.segments, p.segments)
	}
	out := pathID{absolute: true}
	for _, s := range all {
		switch s {
		case ".":
		case "..":
			out.segments = out.segments[:max(len(out.segments)-1, 0)]
		default:
			out.segments = append(out.segments, s)
		}
	}
	return out
}

func (p pathID) root() bool { return len(p.segments) == 0 }

func (p pathID) parent() pathID {
	return pathID{p.segments[:max(len(p.segments)-1, 0)], p.absolute}
}

// within reports whether p is base or below it.
func (p pathID) within(base pathID) bool {
	return len(p.segments) >= len(base.segments) && slices.Equal(p.segments[:len(base.segments)], base.segments)
}

func (p pathID) String() string {
	s := strings.Join(p.segments, "/")
	if p.absolute {
		return "/" + s
	}
	return s
}

// Marathon's messages about ids.
const (
	patternRule  = `must fully match regular expression '^(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])|(\.|\.\.)$'`
	reservedRule = "must not end with any of the following reserved keywords: restart, tasks, versions"
	emptyRule    = "Path must contain at least one path element"
	childRule    = "Identifier is not child of %s. Hint: use relative paths."
)

// violations returns the messages about an absolute id.
func (p pathID) violations() []string {
	var out []string
	if len(p.String()) > maxPathID || slices.ContainsFunc(p.segments, func(s string) bool { return !validSegment(s) }) {
		out = append(out, patternRule)
	}
	if p.root() {
		return append(out, emptyRule)
	}
	switch p.segments[len(p.segments)-1] {
	case "restart", "tasks", "versions":
		out = append(out, reservedRule)
	}
	return out
}

// validSegment reports whether s consists of labels of lower-case letters, digits
// and inner hyphens, separated by dots.
func validSegment(s string) bool {
	if s == "." || s == ".." {
		return true
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' || !only(label, lower+digits+"-") {
			return false
		}
	}
	return true
}

const (
	lower  = "abcdefghijklmnopqrstuvwxyz"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
)

func only(s, chars string) bool { return strings.Trim(s, chars) == "" }

// taskName returns the name of the tasks: "cart.shop" for /shop/cart.
func (p pathID) taskName() string {
	s := slices.Clone(p.segments)
	slices.Reverse(s)
	return strings.Join(s, ".")
}

// taskID returns the id of an instance: "shop_cart.<uuid>" for /shop/cart.
func (p pathID) taskID(uuid string) string { return strings.Join(p.segments, "_") + "." + uuid }

// AppOf returns the id of the app or pod that a task is of. In the id of a task
// "_" stands for the slashes, and no other "_" can occur.
func AppOf(taskID string) string {
	name := taskID
	if before, _, ok := cutLastOf(taskID, ".instance-"); ok {
		name = before
	} else if before, _, ok := cutLastOf(taskID, "."); ok {
		name = before
	}
	return "/" + strings.ReplaceAll(name, "_", "/")
}

// instanceOf returns the id of the instance that a task is of: that of a pod has
// several tasks.
func instanceOf(taskID string) string {
	before, after, ok := cutLastOf(taskID, ".instance-")
	if !ok {
		return taskID
	}
	uuid, _, _ := strings.Cut(after, ".")
	return before + ".instance-" + uuid
}

// splitDots splits the name of a task into its labels.
func splitDots(name string) []string { return strings.Split(name, ".") }
