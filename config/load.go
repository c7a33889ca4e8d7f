package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/viper"

	"toponym/internal/nearest"
)

const envPrefix = "TOPONYM_"

// maxFileBytes bounds the file of settings, so that a path such as /dev/zero is
// an error.
const maxFileBytes = 16 << 20

// Check is a check of settings by a package that uses them.
type Check struct {
	Keys []string // the settings that it is about: it runs only where each of them is valid
	Run  func(*Config) error
}

// Load reads the settings from a file. The TOPONYM_ variables of environ, which
// has the form of os.Environ, override them: TOPONYM_REFRESHSECONDS for
// refreshSeconds, TOPONYM_MESOSCREDENTIALS_SECRET for a member of an object.
// Lists are comma separated there, maps are JSON; an empty variable counts as
// absent.
//
// The format follows from the name: YAML for .yaml and .yml, TOML for .toml,
// otherwise JSON. A path that begins with ~/ is below HOME.
//
// The error is that of reading the file, a *SyntaxError, or contains an Errors
// with all errors, followed by the errors of checks. The warnings are
// valid in any case.
func Load(path string, environ []string, checks ...Check) (*Config, []Warning, error) {
	file, err := AbsolutePath(path, environ)
	if err != nil {
		return nil, nil, err
	}
	data, err := readLimited(file, maxFileBytes)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, unreadable(err))
	}
	l := newLoader(file)
	if err := l.readFile(data); err != nil {
		return nil, nil, err
	}
	l.readEnvironment(environ)
	l.parse()
	l.check()
	if err := l.failure(checks); err != nil {
		return nil, l.warnings, err
	}
	return l.config, l.warnings, nil
}

// failure returns all errors, followed by those of checks of what is valid.
func (l *loader) failure(checks []Check) error {
	var found []error
	if len(l.errs) > 0 {
		found = append(found, l.errs)
	}
	for _, check := range checks {
		if l.valid(check.Keys...) {
			if err := check.Run(l.config); err != nil {
				found = append(found, err)
			}
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return errors.Join(found...)
}

// unreadable returns the error of a file that cannot be read. For a missing one it
// says what else can be done, because that is how many people start.
func unreadable(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; the flag -config names the file, and toponym demo needs none", err)
	}
	return err
}

// AbsolutePath returns the path of a file of settings, as [Load] reads it, independently
// of the working directory and of HOME.
func AbsolutePath(path string, environ []string) (string, error) {
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

// loader makes a Config of a file and the environment. Package viper decodes the
// file and decides which of environment, file and default provides a value; the
// table of settings parses it.
type loader struct {
	config   *Config
	rows     []setting
	values   *viper.Viper
	written  map[string]string // keys as the file has them, where that is an old key
	invalid  map[string]bool   // keys of values with errors
	errs     Errors
	warnings []Warning
}

func newLoader(file string) *loader {
	l := &loader{
		config:  &Config{File: file, sources: map[string]settingSource{}},
		values:  viper.New(),
		written: map[string]string{},
		invalid: map[string]bool{},
	}
	l.rows = l.config.settings()
	for _, s := range l.rows {
		if s.def != nil {
			l.values.SetDefault(s.key, s.def)
		}
	}
	l.parse() // so that rules about other settings see the default in place of an invalid value
	return l
}

func (l *loader) reject(key, problem, want string) {
	l.errs = append(l.errs, Error{Key: l.label(key), Problem: problem, Want: want})
}

func (l *loader) warn(key, text string) {
	l.warnings = append(l.warnings, Warning{key, text})
}

// valid reports whether none of these settings has an invalid value.
func (l *loader) valid(keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { return l.invalid[key] })
}

// label names a setting as the user wrote it.
func (l *loader) label(key string) string {
	if l.config.sources[key] == fromEnvironment {
		return variable(key)
	}
	if old := l.written[key]; old != "" {
		return old
	}
	return key
}

func variable(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// readFile decodes the file and looks for keys that no setting has.
func (l *loader) readFile(data []byte) error {
	doc, err := decode(l.config.File, data, &l.errs)
	if err != nil {
		return err
	}
	l.renameOldKeys(doc)
	l.dropUnknownKeys(doc)
	return l.values.MergeConfigMap(doc)
}

// renameOldKeys replaces old keys of settings by the present ones.
func (l *loader) renameOldKeys(doc map[string]any) {
	for _, s := range l.rows {
		if s.oldKey == "" {
			continue
		}
		old, found := findKey(doc, s.oldKey)
		if !found {
			continue
		}
		if _, both := findKey(doc, s.key); both {
			l.reject(old, "is the old name of "+s.key+", which is given as well", "only "+s.key)
		} else {
			l.warn(old, "is now called "+s.key)
			l.written[s.key] = old
			doc[s.key] = doc[old]
		}
		delete(doc, old)
	}
}

// findKey returns a key as it is written in a document. Case does not count.
func findKey(doc map[string]any, key string) (written string, found bool) {
	key = strings.ToLower(key) // as viper folds keys, which is not how strings.EqualFold does
	for k := range doc {
		if strings.ToLower(k) == key {
			return k, true
		}
	}
	return "", false
}

// dropUnknownKeys removes the keys that no setting has, with a warning for each.
func (l *loader) dropUnknownKeys(doc map[string]any) {
	members := map[string][]string{} // of objects; those of "" are the top-level keys
	for _, s := range l.rows {
		object, member, nested := strings.Cut(s.key, ".")
		if !nested {
			object, member = "", s.key
		} else if members[object] == nil {
			members[""] = append(members[""], object)
		}
		members[object] = append(members[object], member)
	}
	l.dropUnknown(doc, "", members[""])
	for _, object := range slices.Sorted(maps.Keys(members)) {
		written, found := findKey(doc, object)
		if object == "" || !found {
			continue
		}
		if inner, ok := doc[written].(map[string]any); ok {
			l.dropUnknown(inner, object+".", members[object])
		} else if doc[written] != nil {
			l.reject(object, "is not an object", "one with "+strings.Join(members[object], " and "))
		}
	}
}

func (l *loader) dropUnknown(doc map[string]any, prefix string, known []string) {
	folded := map[string]bool{}
	for _, k := range known {
		folded[strings.ToLower(k)] = true
	}
	for _, key := range sortedKeys(doc) {
		if !folded[strings.ToLower(key)] {
			l.warnUnknown("key", prefix, key, known)
			delete(doc, key)
		}
	}
}

func (l *loader) warnUnknown(what, prefix, name string, known []string) {
	text := "unknown " + what + ", ignored"
	limit := min(3, 1+len(strings.TrimPrefix(name, envPrefix))/4) // longer words have room for more slips
	if guess := nearest.Word(name, known, limit); guess != "" {
		text += "; did you mean " + prefix + guess + "?"
	}
	l.warn(prefix+quoteKey(name), text)
}

// readEnvironment takes over the variables of settings.
func (l *loader) readEnvironment(environ []string) {
	keys := map[string]setting{}
	var names []string
	for _, s := range l.rows {
		names = append(names, variable(s.key))
		keys[variable(s.key)] = s
		if s.oldKey != "" {
			keys[variable(s.oldKey)] = s
		}
	}
	for _, v := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, envPrefix) || value == "" {
			continue
		}
		s, ok := keys[name]
		if !ok {
			l.warnUnknown("variable", "", name, names)
			continue
		}
		if now := variable(s.key); name != now {
			l.warn(name, "is now called "+now)
			if slices.ContainsFunc(environ, func(v string) bool { return strings.HasPrefix(v, now+"=") && v != now+"=" }) {
				continue // the present name counts
			}
		}
		l.values.Set(s.key, value)
		l.config.sources[s.key] = fromEnvironment
	}
}

// parse sets the fields of the Config from the values.
func (l *loader) parse() {
	for _, s := range l.rows {
		raw := l.values.Get(s.key)
		if raw == nil {
			continue // absent, or null, which Mesos-DNS takes for absent
		}
		env := l.config.sources[s.key] == fromEnvironment
		if !env && l.values.InConfig(s.key) {
			l.config.sources[s.key] = fromFile
		}
		if s.value == nil {
			l.warn(l.label(s.key), s.doc)
			continue
		}
		before := len(l.errs)
		s.value.read(raw, position{key: l.label(s.key), env: env, errs: &l.errs, warnings: &l.warnings})
		l.invalid[s.key] = len(l.errs) > before
	}
	l.config.derive(&l.errs)
}
