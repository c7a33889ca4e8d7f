package master

import "time"

const (
	// restFactor is how long publications rest after one, as a multiple of the time
	// that it took: publishing takes at most a third of a core, however many changes
	// come.
	restFactor = 2
	// minRest is the shortest rest where nobody follows the changes.
	minRest = time.Millisecond
	// minRestFollowed is the shortest rest where secondaries or watchers do: each version
	// then costs more than its publication. With 1 ms a server with six secondaries on a
	// busy machine fell behind 1,000 changes per second.
	minRestFollowed = 4 * time.Millisecond
	// maxRest is the longest rest. A publication that another program held up does
	// not hold up the next one for longer.
	maxRest = 8 * time.Millisecond
)

// pace decides when changes are published. A change that comes alone is published
// at once. Where changes follow each other closely, several share a publication: it
// costs much that does not depend on their number. So after each publication there is
// a rest, in which they gather.
type pace struct {
	waiting bool      // whether there are changes that are not published
	resting time.Time // until when publications rest
}

// changed notes that there is something to publish.
func (p *pace) changed() { p.waiting = true }

// due is when to publish; not ok where there is nothing.
func (p *pace) due() (at time.Time, ok bool) { return p.resting, p.waiting }

// published notes that all changes have been published, between two times, and whether
// secondaries or watchers follow them.
func (p *pace) published(from, to time.Time, followed bool) {
	least := minRest
	if followed {
		least = minRestFollowed
	}
	p.waiting = false
	p.resting = to.Add(min(max(restFactor*to.Sub(from), least), maxRest))
}
