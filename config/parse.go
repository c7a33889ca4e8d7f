package config

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"toponym/internal/traefikrule"
)

// parser turns a value of a file or a variable into a typed one. For an invalid
// value it adds errors to those of the position and returns false.
type parser[T any] func(raw any, at position) (T, bool)

// field is a parser bound to the field of Config that it sets.
type field interface {
	read(raw any, at position)
	show() any // for json.Marshal, in the shape that a file has

	// other must be of the same setting.
	equal(other field) bool
	assign(other field)
}

type boundField[T any] struct {
	field *T
	parse parser[T]
	print func(T) any
}

func (b boundField[T]) read(raw any, at position) {
	if v, ok := b.parse(raw, at); ok {
		*b.field = v
	}
}

func (b boundField[T]) show() any { return b.print(*b.field) }

func (b boundField[T]) equal(other field) bool {
	return reflect.DeepEqual(*b.field, *other.(boundField[T]).field)
}

func (b boundField[T]) assign(other field) { *b.field = *other.(boundField[T]).field }

// bind binds a parser to a field.
func bind[T any](field *T, parse parser[T]) field {
	return boundField[T]{field, parse, func(v T) any { return v }}
}

// bindList binds a parser to a field with a list. It shows nil as an empty list.
func bindList[T any](field *[]T, parse parser[[]T]) field {
	return boundField[[]T]{field, parse, func(list []T) any {
		if list == nil {
			return []T{}
		}
		return list
	}}
}

// seconds binds a duration, a whole number of seconds in a file, to a field.
func seconds(field *time.Duration, lowest int64) field {
	parse := func(raw any, at position) (time.Duration, bool) {
		n, ok := integer[int64](lowest, math.MaxInt32)(raw, at)
		return time.Duration(n) * time.Second, ok
	}
	return boundField[time.Duration]{field, parse, func(d time.Duration) any { return int64(d / time.Second) }}
}

// milliseconds binds a duration, a whole number of milliseconds in a file, to a field.
func milliseconds(field *time.Duration, lowest, highest int64) field {
	parse := func(raw any, at position) (time.Duration, bool) {
		n, ok := integer[int64](lowest, highest)(raw, at)
		return time.Duration(n) * time.Millisecond, ok
	}
	return boundField[time.Duration]{field, parse, func(d time.Duration) any { return d.Milliseconds() }}
}

func text(raw any, at position) (string, bool) {
	s, ok := raw.(string)
	if !ok {
		return "", at.reject(raw, "is not a string", "a string in quotes")
	}
	return strings.TrimSpace(s), true
}

// secret parses a secret. Leading and trailing blanks are part of it.
func secret(raw any, at position) (Secret, bool) {
	s, ok := raw.(string)
	if !ok {
		at.secret = true
		return "", at.reject(raw, "is not a string", "a string in quotes")
	}
	return Secret(s), true
}

// boolean parses true and false, and their spellings in variables and YAML.
func boolean(raw any, at position) (bool, bool) {
	switch v := raw.(type) {
	case bool:
		return v, true
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "yes", "on", "1":
			return true, true
		case "false", "no", "off", "0":
			return false, true
		}
	}
	return false, at.reject(raw, "is neither true nor false", "true or false")
}

// integer parses a whole number within bounds. Numbers in quotes are accepted,
// because templates often quote everything.
func integer[T ~int | ~int64 | ~uint16 | ~uint32](lowest, highest int64) parser[T] {
	want := fmt.Sprintf("a whole number from %d to %d", lowest, highest)
	return func(raw any, at position) (T, bool) {
		n, problem := toInt(raw)
		if problem == "" && (n < lowest || n > highest) {
			problem = "is out of range"
		}
		if problem != "" {
			return 0, at.reject(raw, problem, want)
		}
		return T(n), true
	}
}

// toInt converts the number types of the decoders. A conversion by viper would
// truncate 1.5 silently.
func toInt(raw any) (n int64, problem string) {
	const notNumber, tooLarge = "is not a whole number", "is out of range"
	switch v := raw.(type) {
	case int:
		return int64(v), ""
	case int64:
		return v, ""
	case uint64:
		if v > math.MaxInt64 {
			return 0, tooLarge
		}
		return int64(v), ""
	case float64:
		switch {
		case v != math.Trunc(v): // NaN too
			return 0, notNumber
		case v < math.MinInt64 || v >= math.MaxInt64: // the latter rounds up to 2^63
			return 0, tooLarge
		}
		return int64(v), ""
	case string:
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if e, ok := err.(*strconv.NumError); ok && e.Err == strconv.ErrRange {
			return 0, tooLarge
		} else if err != nil {
			return 0, notNumber
		}
		return n, ""
	}
	return 0, notNumber
}

// oneOf parses one of some words, in any case.
func oneOf[T ~string](values ...T) parser[T] {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = strconv.Quote(string(v))
	}
	want := "one of " + strings.Join(quoted, ", ")
	return func(raw any, at position) (T, bool) {
		s, ok := text(raw, at)
		if !ok {
			return "", false
		}
		if i := slices.Index(values, T(strings.ToLower(s))); i >= 0 {
			return values[i], true
		}
		return "", at.reject(raw, "is not known", want)
	}
}

// ruleTemplate parses a template that makes rules of Traefik.
func ruleTemplate(raw any, at position) (string, bool) {
	s, ok := text(raw, at)
	if !ok {
		return "", false
	}
	if _, err := traefikrule.Parse(s); err != nil {
		return "", at.reject(raw, "makes no rules ("+err.Error()+")", "something like Host(`{{ normalize .Name }}.example.com`)")
	}
	return s, true
}

// authentication parses mesosAuthentication, where "none" and "" are the same.
func authentication(raw any, at position) (Authentication, bool) {
	a, ok := oneOf(AuthNone, "none", AuthBasic, AuthIAM)(raw, at)
	if a == "none" {
		a = AuthNone
	}
	return a, ok
}

// listOf parses a list of values that parse accepts, without duplicates. It reports all
// invalid items.
func listOf[T comparable](parse parser[T], example string) parser[[]T] {
	return func(raw any, at position) ([]T, bool) {
		items, ok := toList(raw, at.env)
		if !ok {
			return nil, at.reject(raw, "is not a list", "something like "+example)
		}
		var list []T
		before := len(*at.errs)
		for i, item := range items {
			v, ok := parse(item, at.item(i))
			if ok && slices.Contains(list, v) {
				at.item(i).reject(item, "is given twice", "each once")
			} else if ok {
				list = append(list, v)
			}
		}
		return list, len(*at.errs) == before
	}
}

// words are the words of a default, as a file has them.
func words(list []string) (items []any) {
	for _, w := range list {
		items = append(items, w)
	}
	return items
}

func toList(raw any, env bool) ([]any, bool) {
	switch v := raw.(type) {
	case []any:
		return v, true
	case string:
		if !env {
			return nil, false
		}
		var items []any
		for item := range strings.SplitSeq(v, ",") {
			items = append(items, strings.TrimSpace(item))
		}
		return items, true
	}
	return nil, false
}

// mapOf parses a map from domain names to values that parse accepts.
func mapOf[T any](parse parser[T], example string) parser[map[string]T] {
	return func(raw any, at position) (map[string]T, bool) {
		members, ok := toMap(raw, at.env)
		if !ok {
			return nil, at.reject(raw, "is not a map", "something like "+example)
		}
		at.env = false // a variable holds JSON: its lists are lists
		result := make(map[string]T, len(members))
		before := len(*at.errs)
		for _, key := range sortedKeys(members) {
			name, nameOK := domainName(maxName, true)(key, at.member(key))
			v, ok := parse(members[key], at.member(key))
			if _, twice := result[name]; nameOK && twice {
				at.member(key).reject(nil, "is given twice", "each name once")
			} else if ok && nameOK {
				result[name] = v
			}
		}
		return result, len(*at.errs) == before
	}
}

func toMap(raw any, env bool) (map[string]any, bool) {
	switch v := raw.(type) {
	case map[string]any:
		return v, true
	case string:
		var members map[string]any
		if env && json.Unmarshal([]byte(v), &members) == nil {
			return members, true
		}
	}
	return nil, false
}
