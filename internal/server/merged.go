package server

import (
	"github.com/sirupsen/logrus"

	"toponym/records"
)

// logMerged warns of names that more frameworks share than before. The caller holds
// mu.
func (p *pipeline) logMerged(merged []records.Merged) {
	for _, m := range merged {
		if p.mergedLogged == maxLogged {
			return
		}
		p.mergedLogged++
		p.o.log.WithFields(logrus.Fields{"name": m.Name, "frameworks": m.Frameworks, "more": m.More}).
			Warn("several frameworks share the names of their tasks; names by role or framework id tell them apart")
	}
}
