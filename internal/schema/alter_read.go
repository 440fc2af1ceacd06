package schema

func tokensOf(text string) []token {
	var out []token
	l := lexer{s: text}
	for t := l.next(); t.kind != tokenEnd && !t.punct(';'); t = l.next() {
		out = append(out, t)
	}
	return out
}

// split cuts tokens at a separator outside of brackets.
func split(tokens []token, sep byte) [][]token {
	var out [][]token
	depth, start := 0, 0
	for i, t := range tokens {
		switch {
		case t.punct('('):
			depth++
		case t.punct(')'):
			depth--
		case depth == 0 && t.punct(sep):
			out = append(out, tokens[start:i])
			start = i + 1
		}
	}
	return append(out, tokens[start:])
}

// A clauseReader goes over the tokens of one clause.
type clauseReader struct {
	tokens []token
	at     int
	table  *Table // whose clause it is, as it was; what is not said is inherited from it
}

func (r *clauseReader) tok() token {
	if r.at < len(r.tokens) {
		return r.tokens[r.at]
	}
	return token{}
}

func (r *clauseReader) accept(words ...string) bool {
	if !r.tok().isAny(words...) {
		return false
	}
	r.at++
	return true
}

func (r *clauseReader) punct(c byte) bool {
	if !r.tok().punct(c) {
		return false
	}
	r.at++
	return true
}

func (r *clauseReader) done() bool { return r.at >= len(r.tokens) }

// name reads a name.
func (r *clauseReader) name() string {
	t := r.tok()
	if t.kind == tokenWord || t.kind == tokenName || t.kind == tokenString {
		r.at++
		return t.text
	}
	return ""
}

// rest goes to the end.
func (r *clauseReader) rest() { r.at = len(r.tokens) }

// brackets goes behind what stands in brackets and gives the tokens in them.
func (r *clauseReader) brackets() []token {
	if !r.punct('(') {
		return nil
	}
	start, depth := r.at, 1
	for ; !r.done(); r.at++ {
		switch {
		case r.tok().punct('('):
			depth++
		case r.tok().punct(')'):
			depth--
		}
		if depth == 0 {
			r.at++
			return r.tokens[start : r.at-1]
		}
	}
	return r.tokens[start:]
}

// maybe goes behind IF [NOT] EXISTS.
func (r *clauseReader) maybe() bool {
	if !r.tok().is("IF") {
		return false
	}
	r.at++
	r.accept("NOT")
	r.accept("EXISTS")
	return true
}
