package config

import (
	"encoding/json"
	"testing"
)

func TestV1IsTheAnswerOfMesosDNSWithoutSecrets(t *testing.T) {
	c, _, err := Load("testdata/mesos-dns.json", []string{
		`TOPONYM_ZONERESOLVERS={"weave.local": ["10.0.0.1", "[fd00::1]:5353"]}`,
		"TOPONYM_MESOSCREDENTIALS_PRINCIPAL=dns", "TOPONYM_MESOSCREDENTIALS_SECRET=hunter2", "TOPONYM_MESOSAUTHENTICATION=basic",
	})
	if err != nil {
		t.Fatal(err)
	}
	c.File = "/etc/mesos-dns/config.json"
	text, err := json.MarshalIndent(c.V1(4294967295), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/v1.json", string(text)+"\n")
}

// Clients distinguish null, [] and {}.
func TestV1OfTheDefaultsHasTheRightKindsOfNothing(t *testing.T) {
	text, err := json.Marshal(Defaults().V1(0))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"Masters": `null`, "ZoneResolvers": `{}`, "Resolvers": `[]`, "Zk": `""`, "MesosAuthentication": `""`,
		"MesosCredentials": `{"Principal":"","Secret":""}`,
	} {
		if string(got[key]) != want {
			t.Errorf("%s: got %s, want %s", key, got[key], want)
		}
	}
	if len(got) != 40 {
		t.Errorf("got %d keys, want 40", len(got))
	}
}
