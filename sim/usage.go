package sim

// usage is what is held, by role. /master/state shows the sum, the operator
// API the parts.
type usage []roleUsage

type roleUsage struct {
	role string
	Resources
}

func (u *usage) add(role string, r Resources) {
	for i := range *u {
		if (*u)[i].role == role {
			(*u)[i].add(r)
			return
		}
	}
	first := roleUsage{role: role}
	first.add(r)
	*u = append(*u, first)
}

func (u usage) total() Resources {
	if len(u) == 1 {
		return u[0].Resources
	}
	var r Resources
	for _, part := range u {
		r.add(part.Resources)
	}
	return r
}
