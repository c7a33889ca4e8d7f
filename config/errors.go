package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error is one thing that is wrong with the settings. No field holds a secret.
type Error struct {
	Key     string // the setting as users write it, or its variable: masters[1], TOPONYM_TTL
	Value   string // what was written, quoted; "" where there is nothing to show
	Problem string // what is wrong with it
	Want    string // what would be right
}

// Error returns one line, such as
// masters[1]: "10.0.0.1" is not host:port: want for example "10.0.0.1:5050".
func (f Error) Error() string {
	s := f.Key + ": "
	if f.Value != "" {
		s += f.Value + " "
	}
	s += f.Problem
	if f.Want != "" {
		s += ": want " + f.Want
	}
	return s
}

// Errors are all that is wrong, in the order of the table of settings.
type Errors []Error

// Error returns one line for each fault.
func (fs Errors) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find a single Error.
func (fs Errors) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// Warning is something that the operator should know of a file that is loaded
// all the same.
type Warning struct {
	Key  string // the setting as it was written, or its variable
	Text string
}

// String returns one line.
func (w Warning) String() string { return w.Key + ": " + w.Text }

// place is where a value stands: what a parser needs to name it in a fault.
type position struct {
	key    string
	env    bool // an environment variable: lists are comma separated, maps are JSON
	secret bool // never echo the value
	errs   *Errors
}

// fault notes a fault and returns false, so that a parser can end with it.
func (p position) reject(raw any, problem, want string) bool {
	value := ""
	if !p.secret {
		value = quote(raw)
	}
	*p.errs = append(*p.errs, Error{p.key, value, problem, want})
	return false
}

// item is the place of an item of a list.
func (p position) item(i int) position {
	p.key += "[" + strconv.Itoa(i) + "]"
	return p
}

// member is the place of a member of a map. Its name is quoted because names
// of zones have dots.
func (p position) member(name string) position {
	p.key += "[" + strconv.Quote(name) + "]"
	return p
}

// quote shows a value within a fault: short, on one line, and without what may
// be a password, which people do put into addresses of any kind.
func quote(raw any) string {
	switch v := raw.(type) {
	case nil:
		return ""
	case string:
		if at := strings.LastIndexByte(v, '@'); at >= 0 && strings.Contains(v[:at], ":") {
			v = stars + v[at:]
		}
		const limit = 100
		if len(v) > limit {
			cut := limit
			for !utf8.RuneStart(v[cut]) {
				cut--
			}
			return strconv.Quote(v[:cut]) + "…"
		}
		return strconv.Quote(v)
	case []any:
		return "[…]"
	case map[string]any, map[any]any:
		return "{…}"
	default:
		return fmt.Sprint(v)
	}
}
