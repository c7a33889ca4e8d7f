// Package traefikrule makes rules of Traefik's routers from the template of the setting
// traefikDefaultRule.
//
// It stands beside the data: package config checks the setting with it, and package
// api/traefik makes the rules. What always holds: a template that Parse accepts has made
// a rule, and no rule is longer than MaxLength.
package traefikrule

import (
	"errors"
	"fmt"
	"strings"
	"text/template"
	"unicode"
)

// MaxLength bounds a rule, in bytes.
const MaxLength = 4 << 10

// Template is a template of package text/template. It has .Name, the id of the app such
// as "/shop/cart", .Labels, a map, and the function normalize, which makes "shop-cart"
// of that name.
type Template struct{ template *template.Template }

// app is what a template sees.
type app struct {
	Name   string
	Labels map[string]string
}

// example is the app that shows whether a template works.
var example = app{Name: "/shop/cart", Labels: map[string]string{"traefik.enable": "true"}}

// Parse parses a template and tries it with an example, because most mistakes, such as a
// field that apps do not have, show only then. A rule that is empty for the example is
// no error: it may depend on labels.
func Parse(text string) (Template, error) {
	parsed, err := template.New("rule").Funcs(template.FuncMap{"normalize": Normalize}).Option("missingkey=zero").Parse(text)
	if err != nil {
		return Template{}, withoutPlace(err)
	}
	t := Template{parsed}
	if _, err := t.rule(example); err != nil {
		return Template{}, fmt.Errorf("it fails for an app called %s: %w", example.Name, err)
	}
	return t, nil
}

// Rule makes the rule of an app. The error is one of the template, or that the rule is
// too long.
func (t Template) Rule(name string, labels map[string]string) (string, error) {
	return t.rule(app{name, labels})
}

func (t Template) rule(a app) (string, error) {
	var text limited
	if err := t.template.Execute(&text, a); errors.Is(err, errTooLong) {
		return "", errTooLong
	} else if err != nil {
		return "", withoutPlace(err)
	}
	return text.String(), nil
}

var errTooLong = fmt.Errorf("the rule is longer than %d bytes", MaxLength)

// limited takes no more than a rule may have, so that a template that repeats something
// ends.
type limited struct{ strings.Builder }

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > MaxLength {
		return 0, errTooLong
	}
	return l.Builder.Write(b)
}

// withoutPlace leaves out what text/template writes before an error: that it is one of a
// template, and the name that Parse has given it.
func withoutPlace(err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "template: "), "rule:")
	if text == err.Error() {
		return err
	}
	return errors.New("line " + text)
}

// Normalize replaces everything but letters and digits by hyphens.
func Normalize(name string) string {
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }), "-")
}
