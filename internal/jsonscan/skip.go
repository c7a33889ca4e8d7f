package jsonscan

// Skip skips the value that comes next and checks its syntax. It allocates
// nothing.
func (s *Scanner) Skip() error {
	base := s.depth
	for {
		// A value comes next.
		switch c := s.next(); c {
		case '{', '[':
			if err := s.enter(); err != nil {
				return err
			}
			s.push(c == '{')
			after := s.next()
			if after == c+2 { // '}' is two behind '{', and ']' behind '['
				s.pos++
				s.depth--
				break
			}
			if c == '{' {
				if err := s.skipName(); err != nil {
					return err
				}
			}
			continue
		case '"':
			s.pos++
			if err := s.skipString(); err != nil {
				return err
			}
		case 't':
			if err := s.literal("true"); err != nil {
				return err
			}
		case 'f':
			if err := s.literal("false"); err != nil {
				return err
			}
		case 'n':
			if err := s.literal("null"); err != nil {
				return err
			}
		default:
			if c != '-' && (c < '0' || c > '9') {
				return s.fail("no value")
			}
			if err := s.skipNumber(); err != nil {
				return err
			}
		}
		// A value has ended, and the objects and arrays around it may end too.
		for {
			if s.depth == base {
				return nil
			}
			c := s.next()
			if c == ',' {
				s.pos++
				if s.inObject() {
					if err := s.skipName(); err != nil {
						return err
					}
				}
				break
			}
			if inObject := s.inObject(); inObject && c != '}' || !inObject && c != ']' {
				return s.fail("neither ',' nor an end after a value")
			}
			s.pos++
			s.depth--
		}
	}
}

func (s *Scanner) push(object bool) {
	bit := uint64(1) << (s.depth % 64)
	if object {
		s.objects[s.depth/64] |= bit
	} else {
		s.objects[s.depth/64] &^= bit
	}
}

func (s *Scanner) inObject() bool { return s.objects[s.depth/64]>>(s.depth%64)&1 == 1 }

// skipName skips a member's name and the colon behind it.
func (s *Scanner) skipName() error {
	if s.next() != '"' {
		return s.fail("no object member name")
	}
	s.pos++
	if err := s.skipString(); err != nil {
		return err
	}
	if s.next() != ':' {
		return s.fail("no ':' after a name")
	}
	s.pos++
	return nil
}

func (s *Scanner) literal(word string) error {
	if s.end-s.pos < len(word) { // next has read ahead, so the document ends
		s.pos = s.end
		return s.fail("no value")
	}
	if string(s.buf[s.pos:s.pos+len(word)]) != word {
		return s.fail("no value")
	}
	s.pos += len(word)
	return nil
}
