package master

import "time"

const (
	// restFactor is how long publications rest after one, as a multiple of the time
	// that it took: publishing takes about a third of a core at most, however many
	// changes come.
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
	// restUnit is what the rests after changes are multiples of, rounded down: the
	// scheduler of Go waits in whole milliseconds and rounds up.
	restUnit = time.Millisecond
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

// published notes that all changes have been published, between two times, whether
// answers have changed, and whether secondaries or watchers follow them. Where answers
// have not, as with a task that does not run yet, there is no least rest: it often
// runs a moment later.
func (p *pace) published(from, to time.Time, changed, followed bool) {
	rest := restFactor * to.Sub(from)
	if changed {
		least := minRest
		if followed {
			least = minRestFollowed
		}
		rest = max(rest.Truncate(restUnit), least)
	}
	p.waiting = false
	p.resting = to.Add(min(rest, maxRest))
}
