package project

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"duplex/internal/checkpoint"
	"duplex/internal/config"
)

// Statements gives the statements that change definitions and that the links have
// met, with what was done about each, by link and seq.
func (s *Sites) Statements(ctx context.Context) ([]checkpoint.Statement, error) {
	var out []checkpoint.Statement
	for _, l := range s.Project.Links() {
		all, err := checkpoint.Statements(ctx, s.Tenant(l.To), s.Project.Name)
		if err != nil {
			return nil, err
		}
		out = append(out, slices.DeleteFunc(all, func(st checkpoint.Statement) bool { return st.Link != l.String() })...)
	}
	return out, nil
}

// SetStatement says what becomes of a statement that stops a link: Done where the
// other side has what it does, Ignored where nothing follows.
func (s *Sites) SetStatement(ctx context.Context, link string, seq uint64, state string) error {
	links := s.Project.Links()
	i := slices.IndexFunc(links, func(l config.Link) bool { return l.String() == link })
	if i < 0 {
		return fmt.Errorf("%w: the project has no link %q", checkpoint.ErrNoStatement, link)
	}
	ok, err := checkpoint.SetStatement(ctx, s.Tenant(links[i].To), s.Project.Name, link, seq, state)
	if err == nil && !ok {
		err = fmt.Errorf("%w: link %s has met none with seq %d", checkpoint.ErrNoStatement, link, seq)
	}
	return err
}

// statement names the newest statement that stands in a link's way.
func (s *Sites) statement(ctx context.Context, l config.Link) (string, error) {
	all, err := checkpoint.Statements(ctx, s.Tenant(l.To), s.Project.Name)
	for _, st := range slices.Backward(all) {
		if st.Link != l.String() || st.State != checkpoint.Refused && st.State != checkpoint.Before {
			continue
		}
		text := fmt.Sprintf("%s (seq %d, %s)", strings.Join(strings.Fields(st.Text), " "), st.Seq, st.State)
		if st.Reason != "" {
			text += ": " + st.Reason
		}
		return text, err
	}
	return "", err
}
