package names

// chunkSize is how many values lie together in memory.
const chunkSize = 1024

// Values holds a value for each id. It grows without moving what it holds, so that
// pointers to values remain valid and growth takes no long pause.
type Values[T any] struct {
	chunks []*[chunkSize]T
}

// At returns the place of the value of an id for which there has been a Grow.
func (v *Values[T]) At(id ID) *T { return &v.chunks[id/chunkSize][id%chunkSize] }

// Grow makes room for an id and returns the place of its value.
func (v *Values[T]) Grow(id ID) *T {
	for int(id/chunkSize) >= len(v.chunks) {
		v.chunks = append(v.chunks, new([chunkSize]T))
	}
	return v.At(id)
}

// Cap is the number of ids for which there is room.
func (v *Values[T]) Cap() int { return len(v.chunks) * chunkSize }
