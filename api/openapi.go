package api

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"toponym/api/traefik"
	"toponym/records"
)

// /v1/openapi.json describes all paths (OpenAPI 3.1). The table here says what each
// is for and what it answers; schemas follow from the types that are encoded.

// pathDoc describes a path.
type pathDoc struct {
	path, summary string
	parameters    []parameterDoc
	answers       []answerDoc
	errors        []int // statuses with an error as the body
}

// parameterDoc describes a parameter of the query, or of the path if its name is in
// the path.
type parameterDoc struct {
	name, about string
	schema      schema
	repeatable  bool
}

// answerDoc describes an answer. The body is a value of the type that it has, or
// schema, or text.
type answerDoc struct {
	status      int
	contentType string
	about       string
	body        reflect.Type
	schema      schema
}

const contentText = "text/plain"

// errorBody is the body of an error.
type errorBody struct {
	Error string `json:"error"`
}

// Objects of answers that are not encoded from a type of their own.
type (
	hostDoc struct {
		Host string `json:"host"`
		IP   string `json:"ip"`
	}
	serviceDoc struct {
		Service string `json:"service"`
		Host    string `json:"host"`
		IP      string `json:"ip"`
		Port    string `json:"port"`
	}
	instancesDoc struct {
		Instances []records.Instance `json:"instances"`
		Next      *string            `json:"next"`
	}
	enumeratedRecordDoc struct {
		Name string `json:"name"`
		Host string `json:"host"`
		Type string `json:"rtype"`
	}
	enumeratedTaskDoc struct {
		Name    string                `json:"name"`
		ID      string                `json:"id"`
		Records []enumeratedRecordDoc `json:"records"`
	}
	enumeratedFrameworkDoc struct {
		Tasks []enumeratedTaskDoc `json:"tasks"`
		Name  string              `json:"name"`
	}
	enumeration struct {
		Frameworks []enumeratedFrameworkDoc `json:"frameworks"`
	}
	axfrRecords struct {
		As    map[string][]string
		AAAAs map[string][]string
		SRVs  map[string][]string
	}
	axfrDoc struct {
		TTL, Serial, RefreshSeconds int
		Mname, Rname, Domain        string
		Records                     axfrRecords
	}
	watchDoc struct {
		Index  uint64       `json:"index"`
		Events []WatchEvent `json:"events"`
	}
	targetGroupDoc struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	versionDoc struct{ Service, URL, Version string }
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// inJSON is an answer with status 200 in JSON.
func inJSON(about string, body reflect.Type) []answerDoc {
	return []answerDoc{{status: http.StatusOK, contentType: contentJSON, about: about, body: body}}
}

// inHTML are answers with pages for people.
func inHTML(statuses ...int) (answers []answerDoc) {
	for _, status := range statuses {
		answers = append(answers, answerDoc{status: status, contentType: "text/html", about: "a page for people"})
	}
	return answers
}

// inText is an answer with status 200 in plain text.
func inText(about string) []answerDoc {
	return []answerDoc{{status: http.StatusOK, contentType: contentText, about: about}}
}

var (
	anyText = schema{"type": "string"}
	filters = []parameterDoc{
		{name: "name", about: "instances with records of any type at this name", schema: anyText},
		{name: "app", about: "what the tasks are called, such as cart.shop, or the id of a Marathon app, such as /shop/cart", schema: anyText},
		{name: "framework", about: "name or id of the framework", schema: anyText},
		{name: "agent", about: "id, host name or address of the agent", schema: anyText},
		{name: "network", about: "name of a network on which the instance has addresses", schema: anyText},
		{name: "label", about: "key=value, or a key alone for any value; of the task or of one of its ports; all that are given must match", schema: anyText, repeatable: true},
		{name: "healthy", about: "true: not unhealthy; false: unhealthy", schema: schema{"enum": []string{"true", "false"}}},
	}
)

func withFilters(more ...parameterDoc) []parameterDoc { return append(more, filters...) }

// pathDocs are all paths.
var pathDocs = []pathDoc{
	{path: "/", summary: "the overview for people, a search, or a name",
		parameters: []parameterDoc{
			{name: "q", about: "what to search for: a part of the name, id or address of an app, a task, a framework or an agent, or a complete name", schema: anyText},
			{name: "kind", about: "the only kind of hits to list", schema: schema{"enum": []string{"app", "task", "framework", "agent"}}},
			{name: "after", about: "of a link to the next page", schema: anyText},
			{name: "name", about: "a name to look up and explain", schema: anyText},
		},
		answers: inHTML(http.StatusOK, http.StatusForbidden, http.StatusServiceUnavailable)},
	{path: "/app", summary: "the page of an app: its instances and names",
		parameters: []parameterDoc{
			{name: "app", about: "what the tasks are called", schema: anyText},
			{name: "framework", about: "id of the framework", schema: anyText},
			{name: "health", about: "unhealthy: those instances only", schema: anyText},
		},
		answers: inHTML(http.StatusOK, http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable)},
	{path: "/task", summary: "the page of a task: its addresses, ports and records",
		parameters: []parameterDoc{
			{name: "framework", about: "id of the framework", schema: anyText},
			{name: "task", about: "id of the task", schema: anyText},
		},
		answers: inHTML(http.StatusOK, http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable)},
	{path: "/framework", summary: "the page of a framework: its apps",
		parameters: []parameterDoc{
			{name: "id", about: "id of the framework", schema: anyText},
			{name: "after", about: "of a link to the next page", schema: anyText},
		},
		answers: inHTML(http.StatusOK, http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable)},
	{path: "/agent", summary: "the page of an agent: its instances",
		parameters: []parameterDoc{{name: "id", about: "id of the agent", schema: anyText}},
		answers:    inHTML(http.StatusOK, http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable)},
	{path: "/changes", summary: "the page of the last changes",
		parameters: []parameterDoc{{name: "name", about: "the only name whose changes are listed", schema: anyText}},
		answers:    inHTML(http.StatusOK, http.StatusBadRequest, http.StatusForbidden, http.StatusServiceUnavailable)},
	{path: "/forwarding", summary: "the page of upstream servers and the cache", answers: inHTML(http.StatusOK, http.StatusForbidden, http.StatusNotFound)},
	{path: "/secondaries", summary: "the page of secondaries", answers: inHTML(http.StatusOK, http.StatusForbidden)},
	{path: "/warnings", summary: "the page of what is omitted, ignored, shared or retained", answers: inHTML(http.StatusOK, http.StatusForbidden)},
	{path: "/settings", summary: "the page of the current settings, with where they were set",
		parameters: []parameterDoc{{name: "all", about: "1: the defaults as well", schema: anyText}},
		answers:    inHTML(http.StatusOK, http.StatusForbidden)},
	{path: "/healthz", summary: "whether the process serves", answers: inText("always ok")},
	{path: "/readyz", summary: "whether names of the cluster can be looked up",
		answers: append(inText("ok"), answerDoc{status: http.StatusServiceUnavailable, contentType: contentText, about: "no state of the cluster has arrived yet"})},
	{path: "/metrics", summary: "metrics for Prometheus", answers: inText("in Prometheus's text format")},
	{path: "/v1", summary: "always 404: the error names this document", errors: []int{http.StatusNotFound}},
	{path: "/v1/openapi.json", summary: "this document",
		answers: []answerDoc{{status: http.StatusOK, contentType: contentJSON, about: "an OpenAPI document", schema: schema{"type": "object"}}}},
	{path: "/v1/version", summary: "name and version of the program", answers: inJSON("the version", typeOf[versionDoc]())},
	{path: "/v1/config", summary: "the settings, without secrets",
		answers: []answerDoc{{status: http.StatusOK, contentType: contentJSON, about: "the settings by name", schema: schema{"type": "object"}}}},
	{path: "/v1/status", summary: "where the state comes from and how old it is", answers: inJSON("the status", typeOf[Status]())},
	{path: "/v1/status/trends", summary: "queries, latency, changes, cache hits and memory of the last hour", answers: inJSON("the figures", typeOf[Trends]())},
	{path: "/v1/top", summary: "what is asked most while the client waits: names, clients, codes. Without a rule of httpAuth, for clients on the same machine alone",
		parameters: []parameterDoc{
			{name: "wait", about: "how long queries are counted: a duration up to 20s, 2s by default", schema: anyText},
			{name: "limit", about: "at most so many names and clients, 20 by default", schema: schema{"type": "integer", "minimum": 1, "maximum": maxTopRows}},
		},
		answers: inJSON("the rates, the highest first", typeOf[Top]()), errors: []int{http.StatusBadRequest, http.StatusServiceUnavailable}},
	{path: "/v1/hosts/{host}", summary: "the addresses of a name; one object with empty members if there are none",
		parameters: []parameterDoc{{name: "host", about: "a name", schema: anyText}},
		answers:    inJSON("the addresses", typeOf[[]hostDoc]()), errors: []int{http.StatusServiceUnavailable}},
	{path: "/v1/hosts/{host}/ports", summary: "announced by Mesos-DNS, and never implemented",
		parameters: []parameterDoc{{name: "host", about: "a name", schema: anyText}},
		answers:    []answerDoc{{status: http.StatusNotImplemented, contentType: contentText, about: "always"}}},
	{path: "/v1/services/{service}", summary: "the SRV records of a name with addresses; one object with empty members if there are none",
		parameters: []parameterDoc{{name: "service", about: "a name such as _web._tcp.marathon.mesos", schema: anyText}},
		answers:    inJSON("the services", typeOf[[]serviceDoc]()), errors: []int{http.StatusServiceUnavailable}},
	{path: "/v1/explain", summary: "who owns the records of a name, for names that a path cannot have",
		parameters: []parameterDoc{{name: "name", about: "a name, or an address", schema: anyText}},
		answers:    inJSON("the explanation", typeOf[Explanation]()), errors: []int{http.StatusBadRequest, http.StatusServiceUnavailable}},
	{path: "/v1/explain/{name}", summary: "who owns the records of a name, and what is omitted and why",
		parameters: []parameterDoc{{name: "name", about: "a name, or an address", schema: anyText}},
		answers:    inJSON("the explanation", typeOf[Explanation]()), errors: []int{http.StatusBadRequest, http.StatusServiceUnavailable}},
	{path: "/v1/lookup", summary: "all records of a name and their owners, and the other names of the same tasks",
		parameters: []parameterDoc{{name: "name", about: "a name, the beginning of one such as web for web.marathon.mesos, or an address", schema: anyText}},
		answers:    inJSON("what there is; found says whether there is anything", typeOf[Lookup]()), errors: []int{http.StatusBadRequest, http.StatusServiceUnavailable}},
	{path: "/v1/watch", summary: "changes of records, as server-sent events or by long polls",
		parameters: []parameterDoc{
			{name: "index", about: "of the last version that the client knows", schema: schema{"type": "integer", "minimum": 0}},
			{name: "wait", about: "a duration such as 30s: one answer in JSON, after that time if nothing changes", schema: anyText},
			{name: "name", about: "only changes of this name", schema: anyText, repeatable: true},
			{name: "suffix", about: "only changes at or below this name", schema: anyText, repeatable: true},
			{name: "framework", about: "only changes of the names of this framework", schema: anyText, repeatable: true},
			{name: "type", about: "only changes of records of this type", schema: anyText, repeatable: true},
		},
		answers: []answerDoc{
			{status: http.StatusOK, contentType: contentJSON, about: "events, for a poll", body: typeOf[watchDoc]()},
			{status: http.StatusOK, contentType: "text/event-stream", about: "events without end; the data of each is a WatchEvent"},
		},
		errors: []int{http.StatusBadRequest, http.StatusForbidden, http.StatusGone, http.StatusServiceUnavailable}},
	{path: "/v1/axfr", summary: "all addresses and SRV records, as Mesos-DNS has them", answers: inJSON("the records", typeOf[axfrDoc]()), errors: []int{http.StatusServiceUnavailable}},
	{path: "/v1/vips", summary: "VIPs of DC/OS with their backends, where vipDomains is set", answers: inJSON("the VIPs", typeOf[[]vipDoc]()), errors: []int{http.StatusServiceUnavailable}},
	{path: "/v1/records", summary: "all addresses and SRV records, as dcos-net has them, with the profile dcos", answers: inJSON("the records", typeOf[[]dcosRecord]()), errors: []int{http.StatusServiceUnavailable}},
	{path: "/v1/enumerate", summary: "all tasks with their records, as Mesos-DNS has them", answers: inJSON("the tasks", typeOf[enumeration]()), errors: []int{http.StatusServiceUnavailable}},
	{path: "/v1/instances", summary: "tasks that have names, with where they and their ports can be reached",
		parameters: withFilters(
			parameterDoc{name: "limit", about: "at most so many instances", schema: schema{"type": "integer", "minimum": 1, "maximum": maxInstancesPage}},
			parameterDoc{name: "after", about: "next of an earlier answer: the instances that follow", schema: anyText},
		),
		answers: inJSON("the instances, ordered by framework id and task id", typeOf[instancesDoc]()), errors: []int{http.StatusBadRequest, http.StatusServiceUnavailable}},
	{path: "/v1/sd/prometheus", summary: "targets for Prometheus's HTTP service discovery",
		parameters: withFilters(parameterDoc{name: "source", about: "what to list; the other parameters are for tasks only", schema: schema{"enum": prometheusSources, "default": "tasks"}}),
		answers:    inJSON("target groups", typeOf[[]targetGroupDoc]()), errors: []int{http.StatusBadRequest, http.StatusServiceUnavailable}},
	{path: "/v1/sd/traefik", summary: "a configuration for Traefik's HTTP provider",
		parameters: withFilters(parameterDoc{name: "problems", about: "true: the apps that are left out instead", schema: schema{"enum": []string{"true", "false"}}}),
		answers: []answerDoc{{status: http.StatusOK, contentType: contentJSON, about: "a dynamic configuration, or problems",
			schema: schema{"anyOf": []any{typeOf[traefik.Configuration](), typeOf[traefikProblems]()}}}},
		errors: []int{http.StatusBadRequest, http.StatusServiceUnavailable}},
	{path: "/v1/sd/haproxy", summary: "a configuration for HAProxy, from the labels of Marathon-LB",
		parameters: []parameterDoc{
			{name: "group", about: "groups of apps, separated by commas", schema: anyText},
			{name: "dns", about: "address:port of the name server that HAProxy asks", schema: anyText},
			{name: "http", about: "where HAProxy listens for HTTP", schema: anyText},
			{name: "https", about: "where HAProxy listens for HTTPS", schema: anyText},
			{name: "stats", about: "where HAProxy shows statistics", schema: anyText},
			{name: "certs", about: "path of the certificates", schema: anyText},
			{name: "state", about: "path of the file with the state of servers", schema: anyText},
			{name: "head", about: "whether the sections global and defaults are in the answer", schema: anyText},
			{name: "wait", about: "a duration such as 20s: how long a client whose If-None-Match has the current version waits for the next one", schema: anyText},
		},
		answers: append(inText("a configuration; it has an ETag"), answerDoc{status: http.StatusNotModified, about: "the client has this version"}),
		errors:  []int{http.StatusBadRequest, http.StatusServiceUnavailable}},
}

// openAPI answers /v1/openapi.json.
func (s *Server) openAPI(w *response, _ *http.Request) {
	s.writeJSON(w, http.StatusOK, openAPIDocument(s.o.Version))
}

// openAPIPaths are the paths and schemas of the document, which never change.
var openAPIPaths = sync.OnceValues(func() (paths schema, all schemas) {
	paths, all = schema{}, schemas{}
	failure := all.of(typeOf[errorBody](), false)
	for _, p := range pathDocs {
		responses := map[string]schema{}
		for _, a := range p.answers {
			r := responses[strconv.Itoa(a.status)]
			if r == nil {
				r = schema{"description": a.about}
				responses[strconv.Itoa(a.status)] = r
			}
			if a.contentType == "" {
				continue
			}
			content, _ := r["content"].(schema)
			if content == nil {
				content = schema{}
				r["content"] = content
			}
			content[a.contentType] = schema{"schema": all.ofAnswer(a)}
		}
		for _, status := range append([]int{http.StatusUnauthorized, http.StatusForbidden}, p.errors...) {
			if responses[strconv.Itoa(status)] == nil {
				responses[strconv.Itoa(status)] = schema{"description": http.StatusText(status), "content": schema{contentJSON: schema{"schema": failure}}}
			}
		}
		get := schema{"summary": p.summary, "operationId": operationID(p.path), "responses": responses}
		if len(p.parameters) > 0 {
			get["parameters"] = parametersOf(p)
		}
		paths[p.path] = schema{"get": get}
	}
	return paths, all
})

// openAPIDocument is the document for a version of the program.
func openAPIDocument(version string) any {
	paths, all := openAPIPaths()
	return schema{
		"openapi": "3.1.0",
		"info": schema{
			"title": "Toponym", "version": version,
			"description": "All paths take GET and HEAD. Which of them there are depends on the settings; httpAuth says who may read them.",
		},
		"security": []schema{{}, {"token": []string{}}, {"certificate": []string{}}},
		"paths":    paths,
		"components": schema{
			"schemas":         all,
			"securitySchemes": schema{"token": schema{"type": "http", "scheme": "bearer"}, "certificate": schema{"type": "mutualTLS"}},
		},
	}
}

func (all schemas) ofAnswer(a answerDoc) schema {
	switch {
	case a.body != nil:
		return all.of(a.body, true)
	case a.schema == nil:
		return anyText
	}
	resolved := schema{}
	for key, value := range a.schema {
		if list, ok := value.([]any); ok {
			alternatives := []schema{}
			for _, one := range list {
				alternatives = append(alternatives, all.of(one.(reflect.Type), true))
			}
			value = alternatives
		}
		resolved[key] = value
	}
	return resolved
}

func parametersOf(p pathDoc) (list []schema) {
	for _, d := range p.parameters {
		s := schema{"name": d.name, "in": "query", "description": d.about, "schema": d.schema}
		if strings.Contains(p.path, "{"+d.name+"}") {
			s["in"], s["required"] = "path", true
		}
		if d.repeatable {
			s["schema"], s["explode"] = schema{"type": "array", "items": d.schema}, true
		}
		list = append(list, s)
	}
	return list
}

// operationID is a name for a path, such as "getV1HostsHost".
func operationID(path string) string {
	id := "get"
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/{}.", r) }) {
		id += strings.ToUpper(part[:1]) + part[1:]
	}
	if id == "get" {
		return "getPage"
	}
	return id
}
