package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"toponym/sim/marathon"
)

// parseDefinitions reads what Marathon takes and what it gives: a definition or a
// list of them, as PUT /v2/apps takes it and GET /v2/pods gives it, or
// {"apps": [...]} and {"app": {...}}, as GET /v2/apps and /v2/apps/ID give them.
//
// The error of a list says what is wrong with some of it; the apps are the others.
func parseDefinitions(data []byte, s marathon.Settings) ([]*marathon.App, []marathon.Warning, error) {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) == nil && list != nil {
		return parseList(list, "", s)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) == nil && len(members) == 1 {
		if one, ok := members["app"]; ok {
			return parseList([]json.RawMessage{one}, "/app", s)
		}
		if json.Unmarshal(members["apps"], &list) == nil && list != nil {
			return parseList(list, "/apps", s)
		}
	}
	apps, err := parseDefinition(data, s)
	return apps, marathon.Warnings(data), err
}

// parseList reads a list. Its error, if it is a *marathon.Invalid, has everything
// that is wrong with the definitions that are not among the apps.
func parseList(list []json.RawMessage, at string, s marathon.Settings) (apps []*marathon.App, warnings []marathon.Warning, err error) {
	var all *marathon.Invalid
	for i, data := range list {
		path := at
		if at != "/app" {
			path = fmt.Sprintf("%s(%d)", at, i)
		}
		for _, w := range marathon.Warnings(data) {
			w.Path = path + w.Path
			warnings = append(warnings, w)
		}
		more, err := parseDefinition(data, s)
		var one *marathon.Invalid
		switch {
		case err == nil:
			apps = append(apps, more...)
			continue
		case !errors.As(err, &one):
			return nil, warnings, err
		case all == nil:
			all = &marathon.Invalid{Message: one.Message}
		}
		for _, d := range one.Details {
			if d.Path == "/" {
				d.Path = ""
			}
			d.Path = path + d.Path
			all.Details = append(all.Details, d)
		}
	}
	if all != nil {
		return apps, warnings, all
	}
	if len(apps) == 0 {
		return nil, nil, errors.New("there is no definition in it")
	}
	return apps, warnings, nil
}

// parseDefinition reads a group, a pod or an app, by what it has.
func parseDefinition(data []byte, s marathon.Settings) ([]*marathon.App, error) {
	if apps, ok, err := marathon.ParseGroup(data, s); ok || err != nil {
		return apps, err
	}
	a, ok, err := marathon.ParsePod(data, s)
	if !ok && err == nil {
		a, err = marathon.Parse(data, s)
	}
	if err != nil {
		return nil, err
	}
	return []*marathon.App{a}, nil
}
