package sim

// list keeps values in a reproducible order and finds them by id. Removing
// moves the last value into the gap: like Mesos, it promises no order.
type list[T any] struct {
	ids    []string
	values []*T
	at     map[string]int
}

func (l *list[T]) get(id string) (*T, bool) {
	i, ok := l.at[id]
	if !ok {
		return nil, false
	}
	return l.values[i], true
}

// put adds v, or replaces what has the same id.
func (l *list[T]) put(id string, v *T) {
	if i, ok := l.at[id]; ok {
		l.values[i] = v
		return
	}
	if l.at == nil {
		l.at = make(map[string]int)
	}
	l.at[id] = len(l.values)
	l.ids = append(l.ids, id)
	l.values = append(l.values, v)
}

func (l *list[T]) remove(id string) {
	i, ok := l.at[id]
	if !ok {
		return
	}
	last := len(l.values) - 1
	l.ids[i], l.values[i] = l.ids[last], l.values[last]
	l.at[l.ids[i]] = i
	l.values[last] = nil
	l.ids, l.values = l.ids[:last], l.values[:last]
	delete(l.at, id)
}
