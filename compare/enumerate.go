package compare

import (
	"errors"
	"io"
)

// Task is a task as /v1/enumerate lists it.
type Task struct {
	Framework string // the name of its framework
	ID        string
}

var errNotEnumerate = errors.New("this is no answer of /v1/enumerate")

// ReadEnumerate reads the tasks that an answer of /v1/enumerate lists.
func ReadEnumerate(r io.Reader, limits Limits) (map[Task]bool, error) {
	p := &enumerateParser{scanner: newScanner(r, limits), found: map[Task]bool{}}
	err := p.document(func(name []byte) error {
		if string(name) != "frameworks" || p.Kind() != '[' {
			return p.Skip()
		}
		return p.Array(p.framework)
	}, errNotEnumerate)
	return p.found, err
}

type enumerateParser struct {
	*scanner
	found map[Task]bool
}

// framework reads a framework. Its name may come behind its tasks.
func (p *enumerateParser) framework() error {
	if p.Kind() != '{' {
		return p.Skip()
	}
	var name string
	var ids []string
	err := p.Object(func(member []byte) (err error) {
		switch {
		case string(member) == "name":
			name, err = p.text()
			return err
		case string(member) == "tasks" && p.Kind() == '[':
			return p.Array(func() error {
				id, err := p.task()
				ids = append(ids, id)
				return err
			})
		}
		return p.Skip()
	})
	for _, id := range ids {
		p.found[Task{name, id}] = true
	}
	return err
}

// task reads the id of a task.
func (p *enumerateParser) task() (id string, err error) {
	if p.Kind() != '{' {
		return "", p.Skip()
	}
	if err := p.count(); err != nil {
		return "", err
	}
	err = p.Object(func(member []byte) (err error) {
		if string(member) != "id" {
			return p.Skip()
		}
		id, err = p.text()
		return err
	})
	return id, err
}
