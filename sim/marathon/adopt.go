package marathon

import (
	"fmt"
)

// Adopt takes over an app of which instances run already, as a Marathon does
// that starts again. There should be as many as the app has.
func (m *Marathon) Adopt(a *App, running []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.apps[a.ID] != nil {
		return fmt.Errorf("marathon: app %s is there already", a.ID)
	}
	if err := m.admit(change{a.ID: a}); err != nil {
		return err
	}
	m.rootVersion = m.version()
	m.put(a, m.rootVersion, running)
	return nil
}

// Replace puts another instance in the place of one that runs. Start starts
// it and ends the old one, and gives the new id; it is called like a Launcher.
func (m *Marathon) Replace(id string, start func() (string, error)) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.apps {
		for i := range e.tasks {
			if e.tasks[i].id != id {
				continue
			}
			next, err := start()
			if err != nil {
				return "", err
			}
			e.tasks[i].id = next
			return next, nil
		}
	}
	return "", fmt.Errorf("marathon: no app has the task %q", id)
}
