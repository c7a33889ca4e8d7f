package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Describe writes a line `key = value` for each setting, in the order of the
// documentation. Values are JSON, secrets are stars. A comment marks the values
// that come from the file or the environment; the others are defaults.
func (c *Config) Describe(w io.Writer) error {
	rows := c.settings()
	width, valueWidth := 0, 0
	values := make([]string, len(rows))
	for i, s := range rows {
		if s.value == nil {
			continue
		}
		values[i] = c.valueOf(s)
		width = max(width, len(s.key))
		if n := utf8.RuneCountInString(values[i]); c.sources[s.key] != "" && n <= 40 {
			valueWidth = max(valueWidth, n) // one long value must not push all comments to the right
		}
	}
	var b strings.Builder
	for i, s := range rows {
		if s.value == nil {
			continue
		}
		if from := c.sources[s.key]; from != "" {
			fmt.Fprintf(&b, "%-*s = %-*s  # %s\n", width, s.key, valueWidth, values[i], from)
		} else {
			fmt.Fprintf(&b, "%-*s = %s\n", width, s.key, values[i])
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// CurrentSetting is a setting with the value that it has now, for people.
type CurrentSetting struct {
	Setting
	Value      string // as JSON; secrets are stars
	Origin     string // where it was set: the file or the environment; "" for a default
	Reloadable bool   // a change takes effect without a restart
}

// Current returns all settings with their values, in the order of the documentation.
func (c *Config) Current() []CurrentSetting {
	defaults := map[string]string{}
	for _, s := range Settings() {
		defaults[s.Key] = s.Default
	}
	var list []CurrentSetting
	for _, s := range c.settings() {
		if s.value != nil {
			list = append(list, CurrentSetting{
				Setting: Setting{Key: s.key, Default: defaults[s.key], Doc: s.doc},
				Value:   c.valueOf(s), Origin: string(c.sources[s.key]), Reloadable: s.reloadable,
			})
		}
	}
	return list
}

func (c *Config) valueOf(s setting) string {
	if s.key == "resolvers" && c.Resolvers == nil {
		return "those of /etc/resolv.conf"
	}
	return toJSON(s.value.show())
}

// toJSON returns a value on one line. Values of settings can always be encoded.
func toJSON(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}
