package main

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
	"strings"

	"toponym/compare"
	"toponym/config"
	"toponym/internal/server"
	"toponym/records"
	"toponym/state"
)

// mesosDNSSettings is what a running Mesos-DNS says of itself.
type mesosDNSSettings struct {
	version string
	values  map[string]json.RawMessage // of /v1/config, by the key in lower case; empty if it does not tell
}

// list returns a setting that is a list of texts; nil if it is not told.
func (s *mesosDNSSettings) list(key string) (list []string) {
	if s == nil || json.Unmarshal(s.values[strings.ToLower(key)], &list) != nil {
		return nil
	}
	return list
}

// comparedSettings are the settings that answers depend on and that both have.
var comparedSettings = []string{
	"ttl", "srvRecordDefaultWeight", "SOAMname", "SOARname", "SOARefresh", "SOARetry", "SOAExpire", "SOAMinttl",
	"resolvers", "zoneResolvers", "IPSources", "recurseon", "externalon", "ReverseDnsOn", "EnforceRFC952",
	"SetTruncateBit", "EnumerationOn", "ResolvSubnetFirst",
}

// settingDifferences lists the settings with which Mesos-DNS runs and that the file,
// with Toponym's defaults, does not have.
func settingDifferences(c *config.Config, s *mesosDNSSettings) []compare.SettingDifference {
	list := []compare.SettingDifference{}
	if s == nil || len(s.values) == 0 {
		return list
	}
	own := map[string]json.RawMessage{}
	if b, err := json.Marshal(c.V1(0)); err == nil {
		var values map[string]json.RawMessage
		_ = json.Unmarshal(b, &values) // V1 is an object
		for key, v := range values {
			own[strings.ToLower(key)] = v
		}
	}
	for _, key := range comparedSettings {
		mine, theirs := own[strings.ToLower(key)], s.values[strings.ToLower(key)]
		if mine == nil || theirs == nil {
			continue
		}
		if a, b := compact(mine), compact(theirs); a != b {
			list = append(list, compare.SettingDifference{Key: key, Toponym: a, MesosDNS: b})
		}
	}
	return list
}

// maxSettingText bounds a value that is shown, in bytes.
const maxSettingText = 300

// compact is JSON in one form: with the members of objects in order, without a dot at
// the end of a name, null as an empty list.
func compact(value json.RawMessage) string {
	var v any
	if json.Unmarshal(value, &v) != nil {
		return ""
	}
	if s, ok := v.(string); ok {
		v = strings.TrimSuffix(s, ".")
	}
	b, err := json.Marshal(v)
	if err != nil || bytes.Equal(b, []byte("null")) {
		return "[]"
	}
	return string(b[:min(len(b), maxSettingText)])
}

// explain finds explanations of differences, by records that Toponym would make with
// other settings.
func (r *comparer) explain(differences []compare.Difference, s *mesosDNSSettings) []compare.Finding {
	servers := []string{r.config.SOA.MName + "."}
	if name := strings.ToLower(strings.TrimSuffix(r.axfr.Mname, ".")); name != "" {
		servers = append(servers, name+".")
	} else {
		servers = append(servers, "ns1."+r.config.Domain+".")
	}
	return compare.Explain(differences, compare.Input{
		Domain: r.options.Domain.String(), Toponym: r.source, MesosDNS: r.axfr.Records,
		NameServers: servers, Before010: before010(r.version(s)),
	}, r.alternatives(s))
}

// alternatives makes the records with other settings: those that answer as Mesos-DNS
// does, one by one and then together.
func (r *comparer) alternatives(s *mesosDNSSettings) iter.Seq[compare.Alternative] {
	sources := s.list("IPSources")
	if len(sources) == 0 {
		sources = []string{"netinfo", "mesos", "host"} // the default of Mesos-DNS
	}
	rfc952 := "false"
	if s != nil && string(s.values["enforcerfc952"]) == "true" {
		rfc952 = "true"
	}
	single := []map[string]string{
		{"unhealthy": "include"},
		{"splitTaskNames": "false"},
		{"EnforceRFC952": rfc952},
		{"minVisibility": "framework"},
		{"publishStates": "TASK_RUNNING"},
		{"maxTaskPorts": "65535", "maxTaskAddresses": "1000", "maxTaskRecords": "2147483647", "maxFrameworkRecords": "0"},
		{"srvScope": "compat"},
		{"IPSources": strings.Join(sources, ",")},
	}
	all := map[string]string{}
	for _, one := range single {
		for key, value := range one {
			all[key] = value
		}
	}
	together := append(single, map[string]string{"srvScope": "compat", "IPSources": strings.Join(sources, ",")}, all)
	return func(yield func(compare.Alternative) bool) {
		for _, values := range together {
			if a, ok := r.alternative(values); ok && !yield(a) {
				return
			}
		}
		// Names that labels of tasks ask for are none of Mesos-DNS.
		if without := withoutAliases(r.state); without != nil {
			set, _ := records.Build(state.ClusterOf(without), r.options)
			yield(compare.Alternative{Anchor: "additional-names", Records: compare.NewSource(set, r.options.Domain)})
		}
	}
}

// alternative makes the records with some settings that have other values. ok is false
// if these are the values that they have.
func (r *comparer) alternative(values map[string]string) (a compare.Alternative, ok bool) {
	vars := slices.Clone(r.env.vars)
	for key, value := range values {
		name := "TOPONYM_" + strings.ToUpper(key) + "="
		vars = slices.DeleteFunc(vars, func(v string) bool { return strings.HasPrefix(v, name) })
		vars = append(vars, name+value)
	}
	c, _, err := config.Load(r.flags.config, vars)
	if err != nil {
		return a, false // such as IPSources of Mesos-DNS that there are none of here
	}
	_, changes := r.config.Follow(c)
	for _, change := range changes {
		if _, set := values[change.Key]; set {
			a.Settings = append(a.Settings, compare.Setting{Key: change.Key, Value: change.To})
		}
	}
	o, err := server.RecordsOptions(c)
	if err != nil || len(a.Settings) == 0 {
		return a, false
	}
	set, _ := records.Build(state.ClusterOf(r.state), o)
	a.Records = compare.NewSource(set, o.Domain)
	return a, true
}

// withoutAliases returns the state without labels DNS_ALIAS; nil if no task has one.
func withoutAliases(s *state.FullState) *state.FullState {
	isAlias := func(l state.Label) bool { return l.Key == "DNS_ALIAS" }
	copied := *s
	copied.Tasks = slices.Clone(s.Tasks)
	found := false
	for i, t := range copied.Tasks {
		if slices.ContainsFunc(t.Labels, isAlias) {
			one := *t
			one.Labels = slices.DeleteFunc(slices.Clone(t.Labels), isAlias)
			copied.Tasks[i] = &one
			found = true
		}
	}
	if !found {
		return nil
	}
	return &copied
}
