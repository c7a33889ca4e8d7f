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
// Beside the apps it gives what looks mistyped in them.
func parseDefinitions(data []byte, s marathon.Settings) ([]*marathon.App, []marathon.Typo, error) {
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
	return apps, marathon.Typos(data), err
}

// parseList reads all of a list, and tells all that is wrong.
func parseList(list []json.RawMessage, at string, s marathon.Settings) (apps []*marathon.App, typos []marathon.Typo, err error) {
	var all *marathon.Invalid
	for i, data := range list {
		path := at
		if at != "/app" {
			path = fmt.Sprintf("%s(%d)", at, i)
		}
		for _, typo := range marathon.Typos(data) {
			typo.Path = path + typo.Path
			typos = append(typos, typo)
		}
		more, err := parseDefinition(data, s)
		var one *marathon.Invalid
		switch {
		case err == nil:
			apps = append(apps, more...)
			continue
		case !errors.As(err, &one):
			return nil, typos, err
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
		return nil, typos, all
	}
	if len(apps) == 0 {
		return nil, nil, errors.New("there is no definition in it")
	}
	return apps, typos, nil
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
	return []*marathon.App{a}, err
}
