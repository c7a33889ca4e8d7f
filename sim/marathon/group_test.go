package marathon

import (
	"net/http"
	"strings"
	"testing"
)

const product = `{
  "id": "/product",
  "groups": [
    {"id": "/product/database", "apps": [{"id": "/product/database/mongo", "cmd": "m"}, {"id": "mysql", "cmd": "m"}]},
    {"id": "service", "dependencies": ["../database"], "apps": [{"id": "rails", "cmd": "r", "instances": 2}]}
  ]
}`

func TestGroupIsCreatedChangedAndRemoved(t *testing.T) {
	s := newServer(t)
	s.do("POST", "/v2/groups", product, http.StatusCreated)
	s.want("mongo.database.product mysql.database.product rails.service.product rails.service.product")
	s.do("POST", "/v2/groups", product, http.StatusConflict)

	g := get[groupView](s, "/v2/groups/product")
	if len(g.Groups) != 2 || g.Groups[1].ID != "/product/service" || g.Groups[1].Dependencies[0] != "/product/database" ||
		len(g.Groups[0].Apps) != 2 || g.Groups[1].Apps[0].TasksRunning != 2 {
		t.Errorf("%+v", g)
	}
	if root := get[groupView](s, "/v2/groups"); len(root.Groups) != 1 || root.ID != "/" {
		t.Errorf("%+v", root)
	}
	get[[]string](s, "/v2/groups/product/versions")
	if apps := get[[]appView](s, "/v2/groups/product/service/apps"); len(apps) != 1 {
		t.Errorf("%v", apps)
	}

	s.do("PUT", "/v2/groups/product/service", `{"scaleBy":1.5}`, http.StatusOK)
	s.want("mongo.database.product mysql.database.product rails.service.product rails.service.product rails.service.product")
	s.do("PUT", "/v2/groups/nowhere", `{"scaleBy":2}`, http.StatusNotFound)

	// A list of apps takes the place of the apps that were there, and what is
	// not written stays.
	s.do("PUT", "/v2/groups/product/database", `{"apps":[{"id":"mysql","cmd":"m"},{"id":"redis","cmd":"r"}]}`, http.StatusOK)
	s.want("mysql.database.product rails.service.product rails.service.product rails.service.product redis.database.product")
	s.do("PUT", "/v2/groups/product", `{"groups":[{"id":"database"},{"id":"web/front","apps":[{"id":"a","cmd":"a"}]}]}`, http.StatusOK)
	s.want("a.front.web.product mysql.database.product redis.database.product")
	s.do("GET", "/v2/groups/product/service", "", http.StatusNotFound)
	get[groupView](s, "/v2/groups/product/web")

	s.do("POST", "/v2/apps", `{"id":"/product/web","cmd":"x"}`, http.StatusConflict)
	s.do("POST", "/v2/apps", `{"id":"/product/database/redis/below","cmd":"x"}`, http.StatusConflict)
	s.do("PUT", "/v2/groups/product/database/redis", `{"apps":[]}`, http.StatusConflict)

	s.do("DELETE", "/v2/groups/product/web", "", http.StatusOK)
	s.want("mysql.database.product redis.database.product")
	s.do("DELETE", "/v2/groups/product/web", "", http.StatusNotFound)
	s.do("DELETE", "/v2/groups", "", http.StatusOK)
	s.want("")
	s.do("GET", "/v2/groups/product", "", http.StatusNotFound)
	get[groupView](s, "/v2/groups/")
}

func TestGroupsThatAreRefused(t *testing.T) {
	s := newServer(t)
	for body, want := range map[string]string{
		`{"id":"/a","apps":[{"id":"/b/c","cmd":"x"}]}`:                     childRule[:20],
		`{"id":"/a","groups":[{"id":"/b"}]}`:                               childRule[:20],
		`{"id":"/a","groups":[{"id":"b"},{"id":"/a/b"}]}`:                  "/groups(1)/id",
		`{"id":"/a","apps":[{"id":"b","cmd":"x"},{"id":"./b","cmd":"x"}]}`: "/apps(1)/id",
		`{"id":"/a","groups":[{"apps":[]}]}`:                               "/groups(0)/id",
		`{"id":"/A"}`:                                                      patternRule[:20],
		`{"id":"/a","groups":[{"id":"b","apps":[{"id":"c","networks":[{"mode":"host"},{"mode":"container"}]}]}]}`: "/groups(0)/apps(0)/networks",
		`{"id":"/a","apps":[{"id":"c","container":{"docker":{"image":"i","network":"NONE"}}}]}`:                   "/apps(0)",
	} {
		if got := s.do("POST", "/v2/groups", body, http.StatusUnprocessableEntity); !strings.Contains(got, want) {
			t.Errorf("%s\n%s", body, got)
		}
	}
	s.do("PUT", "/v2/groups/a", `{"scaleBy":-1}`, http.StatusNotFound)
	s.do("PUT", "/v2/groups", `{"scaleBy":-1}`, http.StatusUnprocessableEntity)
	s.do("PUT", "/v2/groups/a", `{"version":"2014-03-01T23:29:30.158Z"}`, http.StatusNotImplemented)
	s.do("PUT", "/v2/groups/a?dryRun=true", `{}`, http.StatusNotImplemented)
	s.do("POST", "/v2/groups", `{"apps":[]}`, http.StatusConflict)
	s.do("POST", "/v2/groups", strings.Repeat(`{"id":"a","groups":[`, 300), http.StatusBadRequest)
	s.want("")
}

func TestGroupGivesAllItsApps(t *testing.T) {
	apps, ok, err := ParseGroup([]byte(product), Settings{})
	if err != nil || !ok || len(apps) != 3 || apps[2].ID != "/product/service/rails" {
		t.Errorf("%v %v %v", apps, ok, err)
	}
	if _, ok, err := ParseGroup([]byte(`{"id":"a","cmd":"x"}`), Settings{}); ok || err != nil {
		t.Errorf("an app is taken for a group: %v", err)
	}
	if _, _, err := ParseGroup([]byte(`{"apps":[{"id":"a"}]}`), Settings{}); err == nil {
		t.Error("no error")
	}
}

func TestRelativeIDsAreResolved(t *testing.T) {
	for _, c := range []struct{ id, base, want, name string }{
		{"a", "/", "/a", "a"},
		{"/a/b/c", "/x", "/a/b/c", "c.b.a"},
		{"b", "/a", "/a/b", "b.a"},
		{"../b/./c", "/a/x", "/a/b/c", "c.b.a"},
		{"../../../b", "/a", "/b", "b"},
		{"//a//b/", "/", "/a/b", "b.a"},
		{"/", "/a", "/", ""},
	} {
		p := parsePathID(c.id).in(parsePathID(c.base))
		if p.String() != c.want || p.taskName() != c.name {
			t.Errorf("%s in %s is %s, task %s", c.id, c.base, p, p.taskName())
		}
	}
	if id := parsePathID("/group/app").taskID("u"); id != "group_app.u" {
		t.Errorf("task id %s", id)
	}
	for id, ok := range map[string]bool{
		"/a": true, "/a-b/c.d": true, "/0": true, "/a.b-c.d": true,
		"/": false, "/A": false, "/a_b": false, "/-a": false, "/a-": false, "/a..b": false, "/a.": false, "/a/versions": false,
		"/versions/a": true, "/" + strings.Repeat("a", 2000): false,
	} {
		if got := len(parsePathID(id).violations()) == 0; got != ok {
			t.Errorf("%.40s: valid %t", id, got)
		}
	}
}
