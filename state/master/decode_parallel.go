package master

import (
	"bytes"
	"io"
	"slices"
	"sync"

	"toponym/internal/jsonscan"
	"toponym/state"
)

// Tasks are nearly all of a large state, and are decoded on several cores while there is
// nothing else to do for them:
//
//  1. The document is read in blocks, and cut into chunks where it looks as if one task of
//     a list ended and the next one began: there stands what stood before the second task.
//  2. Workers decode chunks as tasks, up to the end of the chunk or of the list.
//  3. The decoder of the document comes by. Where it expects a task, and a chunk begins,
//     the cut was right: it takes the tasks over and goes on where the worker ended.
//     Elsewhere it decodes by itself, and what a worker made of a chunk is not used.
//
// So a wrong cut costs time and nothing else. A worker that meets an error leaves the task
// to the decoder of the document, which meets it again at the same place.

// parallelSizes are sizes that tests choose smaller.
type parallelSizes struct {
	tasks int // that are decoded before there are workers
	chunk int // bytes of a chunk, about
}

var usualSizes = parallelSizes{tasks: 512, chunk: 256 << 10}

const (
	// maxDecoders bounds the workers: cutting and reading keep a core busy with more.
	maxDecoders = 4
	// maxChunk is how many times as large a chunk may become while no cut is found.
	maxChunk = 4
	// chunksPerDecoder is how many chunks may be pending for each worker, so that none
	// waits for the others.
	chunksPerDecoder = 2
	// maxCut bounds what is looked for.
	maxCut = 64
)

// chunk is a part of a document.
type chunk struct {
	text  []byte
	start int64         // in the document
	made  chan struct{} // closed when the fields below are set; nil: nobody decodes it

	tasks  []*state.Task
	issues decodeIssues
	end    int64 // in the document: where a task is expected, or the end of the list
	closed bool  // it is the end of the list
}

func (c *chunk) after() int64 { return c.start + int64(len(c.text)) }

// parallelTasks has workers decode tasks ahead of the decoder of a document. As an
// io.Reader it is the document from where that decoder goes on.
type parallelTasks struct {
	src    io.Reader // what has not been read of the document
	err    error     // of src
	cut    []byte    // stands between two tasks
	depth  int       // of the list
	limit  int       // of pending chunks
	size   int       // of chunks
	given  chan *chunk
	ending sync.WaitGroup

	chunks  []*chunk // what has been read and may be needed, without gaps
	spare   [][]byte // to use again
	rest    []byte   // what has been read after that
	atCut   bool     // rest begins where a task is expected
	next    int64    // where rest begins in the document
	at      int64    // where Read goes on
	resumed int64    // where the decoder expected a task that no chunk begins with
}

// startParallel gets workers for the tasks that follow, or nil if they do not look like what
// can be cut. The decoder expects a task.
func startParallel(d *decoder) *parallelTasks {
	unread, src := d.Rest()
	end := bytes.IndexByte(unread[:min(len(unread), maxCut)], ':')
	if end < 0 || unread[0] != '{' {
		return nil
	}
	n := min(d.decoders, maxDecoders)
	p := &parallelTasks{
		src: src, cut: append([]byte("},"), unread[:end+1]...), depth: d.Depth(), limit: n * chunksPerDecoder, size: d.sizes.chunk,
		given: make(chan *chunk, n*chunksPerDecoder),
		rest:  bytes.Clone(unread), atCut: true, next: d.Offset(),
	}
	p.goOn(d, p.next)
	for range n {
		w := newDecoder(nil, d.keepLabels)
		p.ending.Go(func() {
			for c := range p.given {
				w.chunk(c, p.depth)
			}
		})
	}
	return p
}

// stop waits for the workers to end.
func (p *parallelTasks) stop() {
	close(p.given)
	p.ending.Wait()
}

// goOn lets the decoder of the document go on at another place.
func (p *parallelTasks) goOn(d *decoder, at int64) {
	p.at = at
	d.Continue(p, at)
}

// take gives the decoder, which expects a task, those that the workers have made from there
// on. It reports whether the list ends after them; else a task is expected still.
func (p *parallelTasks) take(d *decoder) (closed bool) {
	for {
		at := d.Offset()
		p.drop(at)
		if d.Depth() != p.depth {
			return false
		}
		if !p.pending() {
			if at < p.resumed+int64(p.size/2) {
				return false // lists are short here
			}
			p.resume(at)
		}
		p.readAhead()
		if len(p.chunks) == 0 || p.chunks[0].start != at || p.chunks[0].made == nil {
			return false
		}
		c := p.chunks[0]
		<-c.made
		c.made = nil
		if c.end == at {
			return false
		}
		d.doc.Tasks = append(d.doc.Tasks, c.tasks...)
		d.doc.issues.join(c.issues)
		d.taken += len(c.tasks)
		p.goOn(d, c.end)
		if c.closed {
			p.resumed = c.end
			return true
		}
	}
}

// drop forgets the chunks before a place. Their memory is used again, unless a worker may
// be reading it.
func (p *parallelTasks) drop(before int64) {
	for len(p.chunks) > 0 && p.chunks[0].after() <= before {
		if c := p.chunks[0]; c.made == nil {
			p.spare = append(p.spare, c.text)
		}
		p.chunks = slices.Delete(p.chunks, 0, 1)
	}
}

// pending reports whether a worker has or will get a chunk that may be taken.
func (p *parallelTasks) pending() bool {
	for _, c := range p.chunks {
		if c.made != nil {
			return true
		}
	}
	return p.atCut
}

// resume begins to cut again, at a place where a task is expected.
func (p *parallelTasks) resume(at int64) {
	var rest []byte
	for _, c := range p.chunks {
		rest = append(rest, c.text[max(0, at-c.start):]...)
	}
	p.rest = append(rest, p.rest[max(0, min(int64(len(p.rest)), at-p.next)):]...)
	p.chunks, p.next, p.atCut, p.resumed = nil, at, true, at
}

// readAhead reads until enough chunks are pending.
func (p *parallelTasks) readAhead() {
	for p.atCut && len(p.chunks) < p.limit && (p.err == nil || len(p.rest) > 0) {
		p.readBlock()
		i := bytes.LastIndex(p.rest, p.cut)
		switch {
		case i >= 0:
			p.addChunk(i+2, true)
		case p.err != nil:
			p.addChunk(len(p.rest), true)
		case len(p.rest) > maxChunk*p.size:
			p.addChunk(len(p.rest), true)
			p.atCut = false
		}
	}
}

// readBlock reads until rest has the size of a chunk, half of that more than before, or
// there is no more.
func (p *parallelTasks) readBlock() {
	have := len(p.rest)
	size := max(p.size, have+(p.size+1)/2)
	if last := len(p.spare) - 1; cap(p.rest) < size && last >= 0 && cap(p.spare[last]) >= size {
		p.rest, p.spare = append(p.spare[last][:0], p.rest...), p.spare[:last]
	} else if cap(p.rest) < size {
		p.rest = append(make([]byte, 0, size), p.rest...)
	}
	p.rest = p.rest[:size]
	for idle := 0; have < size && p.err == nil; {
		var n int
		n, p.err = p.src.Read(p.rest[have:])
		if have += n; n > 0 {
			idle = 0
		} else if idle++; idle == 100 && p.err == nil {
			p.err = io.ErrNoProgress
		}
	}
	p.rest = p.rest[:have]
}

// addChunk makes the beginning of rest a chunk.
func (p *parallelTasks) addChunk(size int, give bool) {
	c := &chunk{text: p.rest[:size], start: p.next}
	p.rest = bytes.Clone(p.rest[size:])
	p.next += int64(size)
	p.chunks = append(p.chunks, c)
	if give {
		c.made = make(chan struct{})
		p.given <- c // has room: see limit
	}
}

// Read reads the document for its own decoder.
func (p *parallelTasks) Read(b []byte) (int, error) {
	for {
		for _, c := range p.chunks {
			if p.at < c.after() {
				n := copy(b, c.text[p.at-c.start:])
				p.at += int64(n)
				return n, nil
			}
		}
		if len(p.rest) == 0 && p.err != nil {
			return 0, p.err
		}
		// The decoder is beyond the chunks, but for what it has read itself.
		p.drop(p.at - jsonscan.MaxUnread)
		if len(p.rest) == 0 {
			p.readBlock()
		}
		p.atCut = false
		p.addChunk(len(p.rest), false)
	}
}

// chunk decodes a chunk of tasks.
func (d *decoder) chunk(c *chunk, depth int) {
	defer close(c.made)
	d.doc = &document{}
	d.ResetPart(c.text, c.start, depth)
	for {
		tasks, issues := d.doc.Tasks, d.doc.issues
		c.tasks, c.issues, c.end = tasks, issues, d.Offset()
		if c.end == c.after() || d.oneTask() != nil {
			return
		}
		more, err := d.More()
		if err != nil {
			return
		}
		if !more {
			c.tasks, c.issues, c.end, c.closed = d.doc.Tasks, d.doc.issues, d.Offset(), true
			return
		}
	}
}
