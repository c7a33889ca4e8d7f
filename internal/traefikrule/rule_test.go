package traefikrule_test

import (
	"strings"
	"testing"

	"toponym/internal/traefikrule"
)

// A template makes the rule of each app.
func TestRule(t *testing.T) {
	for text, want := range map[string]string{
		"Host(`{{ normalize .Name }}`)":                                      "Host(`shop-cart`)",
		"Host(`{{ normalize .Name }}.{{ index .Labels \"tier\" }}.example`)": "Host(`shop-cart.front.example`)",
		"Path(`{{ .Name }}`)":                                                "Path(`/shop/cart`)",
		"{{ with .Labels.host }}Host(`{{ . }}`){{end}}":                      "",
		"": "",
	} {
		template, err := traefikrule.Parse(text)
		if err != nil {
			t.Errorf("%s: got the error %v, want none", text, err)
			continue
		}
		if got, err := template.Rule("/shop/cart", map[string]string{"tier": "front"}); got != want || err != nil {
			t.Errorf("%s: got %q and the error %v, want %q", text, got, err, want)
		}
	}
}

// A template that cannot make a rule is noticed when it is parsed.
func TestParseRejectsWhatDoesNotWork(t *testing.T) {
	for text, want := range map[string]string{
		"Host(`{{ .Name":                                              "line 1: ",
		"Host(`{{ lower .Name }}`)":                                   `function "lower" not defined`,
		"Host(`{{ .App }}`)":                                          "for an app called /shop/cart: line 1:",
		"Host(`{{ .Name.First }}`)":                                   "can't evaluate field First",
		"Host(`{{ index .Name 99 }}`)":                                "index out of range",
		strings.Repeat("x", 5000):                                     "longer than 4096 bytes",
		"{{ range 1000000000 }}Host{{ end }}":                         "longer than 4096 bytes",
		"Host(`{{ template \"other\" . }}`)":                          `template "other" not defined`,
		"Host(`a`)\n{{ normalize .Name 1 }}":                          "line 2:",
		"Host(`{{ call .Name }}`)":                                    "non-function",
		"{{define \"r\"}}{{template \"r\"}}{{end}}{{template \"r\"}}": "exceeded maximum template depth",
	} {
		if _, err := traefikrule.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50q: got the error %v, want %q", text, err, want)
		}
	}
}

// A rule may still fail for an app that is unlike the example.
func TestRulesOfOtherApps(t *testing.T) {
	template, err := traefikrule.Parse("Host(`{{ slice .Name 1 9 }}`)")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := template.Rule("/a", nil); err == nil {
		t.Errorf("got %q for a short name, want an error", got)
	}
	template, err = traefikrule.Parse("Host(`{{ .Labels.host }}`)")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := template.Rule("/a", map[string]string{"host": strings.Repeat("x", traefikrule.MaxLength)}); err == nil {
		t.Errorf("got a rule of %d bytes, want an error", len(got))
	}
}
