package api

import (
	"encoding/json"
	"strings"
	"testing"

	"toponym/api/traefik"
)

func TestTraefikConfiguration(t *testing.T) {
	s := labelsServer(
		taskWith("shop.1", "traefik.enable=true", "traefik.http.routers.shop.rule=Host(`shop.example`)"),
		taskWith("shop.2", "traefik.enable=true", "traefik.http.routers.shop.rule=Host(`shop.example`)", "tier=2"),
	)
	golden(t, "traefik.json", get(s, "/v1/sd/traefik").Body.Bytes())
	for target, want := range map[string]string{
		"?label=tier%3D2": "http://10.0.0.2:31000", "?app=other": "{}", "?problems=false": "http://10.0.0.2:31000", "?problems=true": `"problems": []`,
	} {
		if body := get(s, "/v1/sd/traefik"+target).Body.String(); !strings.Contains(body, want) {
			t.Errorf("%q: got %s, want %s", target, body, want)
		}
	}
	for _, target := range []string{"?problems=x", "?limit=5", "?healthy=x"} {
		if w := get(s, "/v1/sd/traefik"+target); w.Code != 400 {
			t.Errorf("%q: got status %d, want 400", target, w.Code)
		}
	}
}

// An app that is left out says why.
func TestTraefikProblems(t *testing.T) {
	s := labelsServer(taskWith("shop.1", "traefik.enable=true", "traefik.http.routers.shop.rul=Host(`shop.example`)"))
	var a struct{ Problems []traefik.Problem }
	if err := json.Unmarshal(get(s, "/v1/sd/traefik?problems=true").Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	if len(a.Problems) != 1 || a.Problems[0].Label != "traefik.http.routers.shop.rul" || a.Problems[0].App != "shop" {
		t.Errorf("got %+v, want the wrong label of the app", a.Problems)
	}
	if body := get(s, "/v1/sd/traefik").Body.String(); body != "{}" {
		t.Errorf("got %s, want an empty configuration", body)
	}
}
