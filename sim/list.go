package sim

// list keeps values in a reproducible order and finds them by key. Removing
// moves the last value into the gap: like Mesos, it promises no order.
type list[K comparable, V any] struct {
	keys   []K
	values []*V
	at     map[K]int
}

func (l *list[K, V]) get(key K) (*V, bool) {
	i, ok := l.at[key]
	if !ok {
		return nil, false
	}
	return l.values[i], true
}

// put adds v, or replaces what has the same key.
func (l *list[K, V]) put(key K, v *V) {
	if i, ok := l.at[key]; ok {
		l.values[i] = v
		return
	}
	if l.at == nil {
		l.at = make(map[K]int)
	}
	l.at[key] = len(l.values)
	l.keys = append(l.keys, key)
	l.values = append(l.values, v)
}

func (l *list[K, V]) remove(key K) {
	i, ok := l.at[key]
	if !ok {
		return
	}
	last := len(l.values) - 1
	l.keys[i], l.values[i] = l.keys[last], l.values[last]
	l.at[l.keys[i]] = i
	l.values[last] = nil
	clear(l.keys[last:])
	l.keys, l.values = l.keys[:last], l.values[:last]
	delete(l.at, key)
}
