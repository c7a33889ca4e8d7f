package masters

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toponym/sim/scenario"
)

// TestMastersDieByTheControlAPI: each action on a master does what its name
// says, and what cannot be done is an error.
func TestMastersDieByTheControlAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		simulation, err := scenario.New(&scenario.Scenario{Agents: scenario.Agents{Count: 2}}, scenario.Options{})
		noError(t, err)
		s := newStageOf(t, simulation, Options{Session: time.Second})
		do := func(i int, action, want string) {
			t.Helper()
			status, _, body := s.at[s.options.Listen[i]].Do(t, "POST", "/sim/do", action)
			if (status == 200) != (want == "") || !strings.Contains(body, want) {
				t.Errorf("%s: status %d %s, want %q", action, status, body, want)
			}
		}
		leader := func(want int) {
			t.Helper()
			if o := simulation.Overview(); o.Leader != want || len(o.Masters) != 3 {
				t.Errorf("the leader is %d of %d masters, want %d of 3", o.Leader, len(o.Masters), want)
			}
		}
		leader(0)
		do(1, `{"do":"master-freeze"}`, "")
		do(1, `{"do":"master-freeze"}`, "frozen")
		time.Sleep(1100 * time.Millisecond)
		leader(1)
		do(1, `{"do":"master-thaw","master":0}`, "") // it finds another leader and ends
		do(1, `{"do":"master-start","master":0}`, "")
		do(1, `{"do":"master-start","master":9}`, "no master 9")
		do(0, `{"do":"streams-break"}`, "")
		do(0, `{"do":"master-kill"}`, "")
		time.Sleep(1100 * time.Millisecond)
		leader(2)
	})
}
