package traefik

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"toponym/state"
)

// fieldTable lists the fields of a dynamic configuration that labels may set: a
// path and the type of the value. "*" stands for a name that the label chooses, and
// "[]" for an element of a list. "server" is the part that labels have in the place
// of the servers themselves.
//
// Not in the list are fields that name files of Traefik's host, plugins and other
// servers than those of the app: an app must not reach them. For the same reason a
// service that is named cannot be one of another provider.
//
//go:embed fields.txt
var fieldTable string

// field is a field, or a level above fields.
type field struct {
	name     string            // as Traefik writes it
	kind     string            // text, service, bool, int, list, duration or object; empty for a mere level
	list     bool              // its elements have the children
	children map[string]*field // by name in lower case
}

// anyName is the key of children whose names labels choose.
const anyName = "*"

var root = parseFields(fieldTable)

// parseFields panics only where the embedded table is wrong, which every test
// would show.
func parseFields(table string) *field {
	root := &field{children: map[string]*field{}}
	for line := range strings.Lines(table) {
		path, kind, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			panic("traefik: fields.txt: " + line)
		}
		at := root
		for part := range strings.SplitSeq(path, ".") {
			name, isList := strings.CutSuffix(part, "[]")
			next := at.children[strings.ToLower(name)]
			if next == nil {
				next = &field{name: name, children: map[string]*field{}}
				at.children[strings.ToLower(name)] = next
			}
			next.list = next.list || isList
			at = next
		}
		at.kind = kind
	}
	return root
}

// Prefix begins the keys of Traefik's labels.
const Prefix = "traefik."

// Limits of what the labels of one app may make.
const (
	maxElements = 64  // of a list
	maxNameLen  = 128 // of a router, service or middleware
)

// object is a part of a configuration.
type object map[string]any

// present is a part that has an effect without any field of its own. Other empty
// parts make Traefik refuse a configuration.
type present struct{}

// elements are the elements of a list by index, until all labels are read.
type elements map[int]object

var errUnknown = errors.New("there is no such field, or labels may not set it")

// decode turns labels into a part of a configuration. Keys are compared without
// regard to case. Labels for the providers themselves, such as traefik.enable, are
// skipped. It returns the key of the label that is wrong.
func decode(labels []state.Label) (conf object, wrong string, err error) {
	conf = object{}
	for _, l := range labels {
		rest, ok := cutPrefixFold(l.Key, Prefix)
		if !ok {
			continue
		}
		parts := strings.Split(rest, ".")
		if section := strings.ToLower(parts[0]); section != "http" && section != "tcp" && section != "udp" {
			continue
		}
		if err := set(conf, root, parts, l.Value); err != nil {
			return nil, l.Key, err
		}
	}
	joinElements(conf)
	return conf, "", nil
}

// set sets the value of one field.
func set(in object, at *field, parts []string, value string) error {
	name, index, isElement, err := cutIndex(parts[0])
	if err != nil {
		return err
	}
	next := at.children[strings.ToLower(name)]
	key := ""
	switch {
	case next != nil && name != anyName:
		key = next.name
	case at.children[anyName] == nil:
		return errUnknown
	default:
		next, key = at.children[anyName], name
		if err := checkName(name); err != nil {
			return err
		}
	}
	if next.list != isElement {
		return errUnknown
	}
	if len(parts) == 1 {
		return setValue(in, next, key, value)
	}
	var inner object
	if next.list {
		list, ok := in[key].(elements)
		if !ok {
			list = elements{}
			in[key] = list
		}
		if inner = list[index]; inner == nil {
			inner = object{}
			list[index] = inner
		}
	} else if known, ok := in[key].(object); ok {
		inner = known
	} else {
		inner = object{}
		in[key] = inner
	}
	return set(inner, next, parts[1:], value)
}

// setValue sets a field that has no further levels in the label. Of a key that is
// given twice, the last one counts.
func setValue(in object, f *field, key, value string) error {
	value = strings.TrimSpace(value)
	switch f.kind {
	case "text":
		in[key] = value
	case "service":
		// Such as api@internal, which is Traefik's own API.
		if strings.Contains(value, "@") {
			return errors.New("a service of another provider cannot be named")
		}
		in[key] = value
	case "list":
		list := strings.Split(value, ",")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		in[key] = list
	case "bool":
		b, err := strconv.ParseBool(value)
		if err != nil {
			return errors.New("want true or false")
		}
		in[key] = b
	case "int":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return errors.New("want a whole number")
		}
		in[key] = n
	case "duration":
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			if _, err := time.ParseDuration(value); err != nil {
				return errors.New("want a duration such as 10s")
			}
		}
		in[key] = value
	case "object":
		on, err := strconv.ParseBool(value)
		switch {
		case err != nil:
			return errors.New("want true or false")
		case on && in[key] == nil:
			in[key] = present{}
		case !on:
			delete(in, key)
		}
	default:
		return errors.New("it is not a value: more must follow in the key")
	}
	return nil
}

// cutIndex takes the index from "name[2]".
func cutIndex(part string) (name string, index int, is bool, err error) {
	name, rest, is := strings.Cut(part, "[")
	if !is {
		return name, 0, false, nil
	}
	digits, ok := strings.CutSuffix(rest, "]")
	index, err = strconv.Atoi(digits)
	if !ok || err != nil || index < 0 || index >= maxElements {
		return "", 0, false, fmt.Errorf("want an index from 0 to %d in brackets", maxElements-1)
	}
	return name, index, true, nil
}

// checkName checks the name of a router, a service, a middleware or a header.
func checkName(name string) error {
	if name == "" || len(name) > maxNameLen {
		return fmt.Errorf("want a name of 1 to %d bytes", maxNameLen)
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			continue
		}
		return errors.New("names have letters, digits, hyphens and underscores only")
	}
	return nil
}

// joinElements turns the elements of lists into lists, in the order of their
// indexes.
func joinElements(o object) {
	for key, value := range o {
		switch v := value.(type) {
		case object:
			joinElements(v)
		case elements:
			indexes := make([]int, 0, len(v))
			for i := range v {
				indexes = append(indexes, i)
			}
			slices.Sort(indexes)
			list := make([]object, 0, len(v))
			for _, i := range indexes {
				joinElements(v[i])
				list = append(list, v[i])
			}
			o[key] = list
		}
	}
}

// cutPrefixFold is strings.CutPrefix without regard to case.
func cutPrefixFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}
