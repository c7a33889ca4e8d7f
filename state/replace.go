package state

import "slices"

// replace makes the cluster that of a snapshot. The indexes change with what
// differs: mostly that is little.
func (c *Cluster) replace(s *FullState) Delta {
	before := c.tasks
	var d Delta
	c.tasks, d.Tasks = replace(before, without(s.Tasks, (*Task).Ended), func(t *Task) TaskKey { return t.Key }, (*Task).Equal)
	for _, k := range d.Tasks {
		c.reindex(before[k], c.tasks[k])
	}
	c.agents, d.Agents = replace(c.agents, s.Agents, func(a *Agent) string { return a.ID }, (*Agent).Equal)
	c.frameworks, d.Frameworks = replace(c.frameworks, s.Frameworks, func(f *Framework) string { return f.ID }, (*Framework).Equal)
	d.Masters = c.setMasters(s.Leader, s.Masters)
	return d
}

// without leaves values out. The list that was given stays as it is.
func without[V any](values []V, out func(V) bool) []V {
	if !slices.ContainsFunc(values, out) {
		return values
	}
	return slices.DeleteFunc(slices.Clone(values), out)
}

// replace gives a map of the values of news, with the old value where it is
// equal, and lists the keys whose value changed, in the order of news. Of two
// values with one key the later counts.
func replace[K comparable, V any](old map[K]*V, news []*V, key func(*V) K, equal func(a, b *V) bool) (next map[K]*V, changed []K) {
	next = make(map[K]*V, len(news))
	for _, v := range news {
		k := key(v)
		if o, ok := old[k]; ok && equal(o, v) {
			v = o
		}
		next[k] = v
	}
	for _, v := range news {
		if k := key(v); next[k] == v && old[k] != v {
			changed = append(changed, k)
		}
	}
	for k := range old {
		if _, ok := next[k]; !ok {
			changed = append(changed, k)
		}
	}
	return next, changed
}
