package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/viper"
)

const (
	envPrefix = "TOPONYM_"

	// delimiter separates the parts of a nested key for viper. Its usual one, a
	// dot, stands in the names of zones; this one stands in no key.
	delimiter = "\x00"
)

// Load reads the settings of a file and lets the TOPONYM_ variables of environ,
// which has the form of os.Environ, override them: TOPONYM_REFRESHSECONDS for
// refreshSeconds, TOPONYM_MESOSCREDENTIALS_SECRET for a member. Lists are comma
// separated there, maps are JSON; an empty variable counts as absent.
//
// The format follows from the ending: .yaml, .yml, .toml, and JSON for all
// others. A path that begins with ~/ is below HOME.
//
// The error is that of reading the file, a *SyntaxError, or Errors with all
// that is wrong. The warnings are valid also then.
func Load(path string, environ []string) (*Config, []Warning, error) {
	file, err := absolute(path, environ)
	if err != nil {
		return nil, nil, fmt.Errorf("settings: %w", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, nil, fmt.Errorf("settings: %w", err)
	}
	l := newLoader(file)
	doc, err := decode(file, data, &l.errs)
	if err != nil {
		return nil, nil, err
	}
	l.findUnknownKeys(doc)
	if err := l.values.MergeConfigMap(doc); err != nil {
		return nil, nil, fmt.Errorf("settings: %w", err)
	}
	l.environment(environ)
	l.read()
	l.check()
	if len(l.errs) > 0 {
		return nil, l.warnings, l.errs
	}
	return l.cfg, l.warnings, nil
}

// absolute is where the file is, whatever directory the server changes to.
func absolute(path string, environ []string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home := ""
		for _, v := range environ {
			if name, value, _ := strings.Cut(v, "="); name == "HOME" {
				home = value
			}
		}
		if home == "" {
			return "", errors.New(path + ": HOME is not set")
		}
		path = filepath.Join(home, rest)
	}
	return filepath.Abs(path)
}

// loader gathers what is found on the way from a file to a Config.
type loader struct {
	cfg      *Config
	rows     []setting
	values   *viper.Viper // environment over file
	failed   map[string]bool
	errs     Errors
	warnings []Warning
}

func newLoader(file string) *loader {
	l := &loader{
		cfg:    Defaults(),
		values: viper.NewWithOptions(viper.KeyDelimiter(delimiter)),
		failed: map[string]bool{},
	}
	l.cfg.File = file
	l.rows = l.cfg.settings()
	return l
}

func (l *loader) reject(key, problem, want string) {
	l.errs = append(l.errs, Error{Key: l.label(key), Problem: problem, Want: want})
}

func (l *loader) warn(key, text string) {
	l.warnings = append(l.warnings, Warning{key, text})
}

// sound tells that none of the settings was faulty by itself.
func (l *loader) valid(keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { return l.failed[key] })
}

// label names a setting where the user finds it.
func (l *loader) label(key string) string {
	if l.cfg.origin[key] == fromEnvironment {
		return variable(key)
	}
	return key
}

func variable(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// sameKey folds keys as viper does, which is not how strings.EqualFold does it.
//
//lint:ignore SA6005 see above
func sameKey(a, b string) bool { return strings.ToLower(a) == strings.ToLower(b) }

func viperKey(key string) string { return strings.ReplaceAll(key, ".", delimiter) }

// known looks for keys of the file that no setting has.
func (l *loader) findUnknownKeys(doc map[string]any) {
	members := map[string][]string{} // of objects; those of "" are the top keys
	for _, s := range l.rows {
		object, member, nested := strings.Cut(s.key, ".")
		if !nested {
			object, member = "", s.key
		} else if members[object] == nil {
			members[""] = append(members[""], object)
		}
		members[object] = append(members[object], member)
	}
	l.findUnknownIn(doc, "", members[""])
	for _, object := range slices.Sorted(maps.Keys(members)) {
		for _, key := range sortedKeys(doc) {
			if object == "" || !sameKey(key, object) {
				continue
			}
			if inner, ok := doc[key].(map[string]any); ok {
				l.findUnknownIn(inner, object+".", members[object])
			} else if doc[key] != nil {
				l.reject(object, "is not an object", "one with "+strings.Join(members[object], " and "))
			}
		}
	}
}

func (l *loader) findUnknownIn(doc map[string]any, prefix string, known []string) {
	for _, key := range sortedKeys(doc) {
		if !slices.ContainsFunc(known, func(k string) bool { return sameKey(k, key) }) {
			l.unknown("key", prefix, key, known)
		}
	}
}

func (l *loader) unknown(what, prefix, name string, known []string) {
	text := "unknown " + what + ", ignored"
	if guess := nearest(name, known); guess != "" {
		text += ": did you mean " + prefix + guess + "?"
	}
	if strconv.Quote(name) != `"`+name+`"` {
		name = strconv.Quote(name) // no line breaks into a log
	}
	l.warn(prefix+name, text)
}

// environment puts the variables over the file.
func (l *loader) environment(environ []string) {
	keys := map[string]string{}
	var names []string
	for _, s := range l.rows {
		names = append(names, variable(s.key))
		keys[variable(s.key)] = s.key
	}
	for _, v := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, envPrefix) || value == "" {
			continue
		}
		if key, ok := keys[name]; ok {
			l.values.Set(viperKey(key), value)
			l.cfg.origin[key] = fromEnvironment
		} else {
			l.unknown("variable", "", name, names)
		}
	}
}

// read takes the values over into the Config, each on top of its default.
func (l *loader) read() {
	for _, s := range l.rows {
		raw := l.values.Get(viperKey(s.key))
		if raw == nil {
			continue // absent, or null, which Mesos-DNS took for absent
		}
		env := l.cfg.origin[s.key] == fromEnvironment
		if !env {
			l.cfg.origin[s.key] = fromFile
		}
		if s.value == nil {
			l.warn(l.label(s.key), s.doc)
			continue
		}
		before := len(l.errs)
		s.value.read(raw, position{key: l.label(s.key), env: env, errs: &l.errs})
		l.failed[s.key] = len(l.errs) > before
	}
	l.cfg.derive(&l.errs)
}
