package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error is one error in the settings. No field holds a secret.
type Error struct {
	Key     string // the setting as the user wrote it, or its variable: masters[1], TOPONYM_TTL
	Value   string // the value, quoted; "" if there is none or if it may be a secret
	Problem string // what is wrong with the value
	Want    string // what is expected instead
}

// Error returns one line, such as
//
//	masters[1]: "10.0.0.1" is not host:port: want something like "10.0.0.1:5050"
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

// Errors lists the errors in the settings, in the order of the documentation.
type Errors []Error

// Error returns one line for each error.
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

// Warning is a problem that does not keep the settings from being used.
type Warning struct {
	Key  string // the setting as the user wrote it, or its variable
	Text string
}

// String returns one line.
func (w Warning) String() string { return w.Key + ": " + w.Text }

// position tells a parser where a value stands, for errors.
type position struct {
	key    string
	env    bool // from an environment variable: lists are comma separated, maps are JSON
	secret bool // the value must not be shown
	errs   *Errors

	warnings *[]Warning // nil: nobody reads them
}

// warn adds a warning about a value that is used.
func (p position) warn(raw any, text string) {
	if p.warnings != nil && !p.secret {
		*p.warnings = append(*p.warnings, Warning{p.key, quote(raw) + " " + text})
	}
}

// reject adds an error and returns false, for parsers to return.
func (p position) reject(raw any, problem, want string) bool {
	value := ""
	if !p.secret {
		value = quote(raw)
	}
	*p.errs = append(*p.errs, Error{p.key, value, problem, want})
	return false
}

// item is the position of an item of a list.
func (p position) item(i int) position {
	p.key += "[" + strconv.Itoa(i) + "]"
	return p
}

// member is the position of a member of a map. Its name is quoted, because zone
// names have dots.
func (p position) member(name string) position {
	p.key += "[" + strconv.Quote(name) + "]"
	return p
}

// quote shows a value within an error: shortened, on one line, and without what
// may be a password, which users do put into addresses of any kind.
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
	case float64: // any number of JSON
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
		return fmt.Sprint(v)
	default:
		return fmt.Sprint(v)
	}
}
