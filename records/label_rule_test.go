package records

import (
	"regexp"
	"strings"
	"testing"
)

func TestLabelFollowsItsRule(t *testing.T) {
	long := strings.Repeat("a", 62)
	for _, tc := range []struct {
		name string
		rule LabelRule
		in   string
		want string
	}{
		{"a label stays", RFC1123, "nginx", "nginx"},
		{"a digit may come first", RFC1123, "4ever", "4ever"},
		{"upper case becomes lower", RFC1123, "NGinX", "nginx"},
		{"dots and underscores become hyphens", RFC1123, "app.group_a", "app-group-a"},
		{"other characters are dropped", RFC1123, "a/b c@d#é☃f", "abcdf"},
		{"hyphens at the ends are dropped", RFC1123, "-._a-b_.-", "a-b"},
		{"hyphens in between stay", RFC1123, "a--b", "a--b"},
		{"a name of which nothing is left", RFC1123, "-._ /☃", ""},
		{"an empty name", RFC1123, "", ""},
		{"bytes that are not UTF-8 are dropped", RFC1123, "a\xff\xfeb", "ab"},
		{"63 bytes fit", RFC1123, long + "b", long + "b"},
		{"64 bytes are cut", RFC1123, long + "bc", long + "b"},
		{"a cut at a hyphen is refilled", RFC1123, long + "-bc", long + "b"},
		{"a refill starts after all hyphens", RFC1123, long + "---bc", long + "b"},
		{"a refill ends at the limit", RFC1123, strings.Repeat("a", 60) + "---bcdef", strings.Repeat("a", 60) + "bcd"},
		{"a refill is not trimmed", RFC1123, strings.Repeat("a", 60) + "---b--c", strings.Repeat("a", 60) + "b--"},
		{"a cut at a hyphen with nothing after it", RFC1123, long + "---", long},
		{"RFC 952: no digit first", RFC952, "42-4ever", "ever"},
		{"RFC 952: 24 bytes fit", RFC952, "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwx"},
		{"RFC 952: a cut at a hyphen is refilled", RFC952, "abcdefghijklmnopqrstuvw-xyz", "abcdefghijklmnopqrstuvwx"},
		{"RFC 952: only digits", RFC952, "0-1-2", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.rule.Label(tc.in); got != tc.want {
				t.Errorf("Label(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}

func TestLabelsAreSplitAtDots(t *testing.T) {
	for in, want := range map[string]string{
		"marathon":                  "marathon",
		"marathon.user":             "marathon.user",
		"Mesos-execute instance":    "mesos-executeinstance",
		"..a.-.b..":                 "a.b",
		"-":                         "",
		"":                          "",
		strings.Repeat("f", 70):     strings.Repeat("f", 63),
		"swarm (http://10.0.0.1:1)": "swarmhttp10.0.0.11",
	} {
		if got := strings.Join(RFC1123.Labels(in), "."); got != want {
			t.Errorf("Labels(%q) = %q, want %q", in, got, want)
		}
	}
}

var (
	label1123 = regexp.MustCompile(`^([a-z0-9][a-z0-9-]{0,62})?$`)
	label952  = regexp.MustCompile(`^([a-z][a-z0-9-]{0,23})?$`)
)

func FuzzLabel(f *testing.F) {
	for _, s := range []string{"nginx", "-a-", strings.Repeat("a-", 70), "é", "\xff", "0x.y_z", strings.Repeat("-", 100) + "a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range []struct {
			rule  LabelRule
			legal *regexp.Regexp
		}{{RFC1123, label1123}, {RFC952, label952}} {
			l := r.rule.Label(s)
			if !r.legal.MatchString(l) {
				t.Errorf("Label(%q) = %q, want a match of %v", s, l, r.legal)
			}
			if l != "" && l[len(l)-1] != '-' && r.rule.Label(l) != l {
				t.Errorf("Label(%q) = %q, want the same label", l, r.rule.Label(l))
			}
			if up := r.rule.Label(strings.ToUpper(l)); l != "" && l[len(l)-1] != '-' && up != l {
				t.Errorf("Label of %q in upper case = %q, want the same label", l, up)
			}
		}
		for _, l := range RFC1123.Labels(s) {
			if l == "" || len(l) > maxLabel {
				t.Errorf("Labels(%q) contains %q, want labels of 1 to %d bytes", s, l, maxLabel)
			}
		}
	})
}
