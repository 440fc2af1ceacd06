package copy

import (
	"context"
	"fmt"
	"sync"

	"duplex/internal/change"
)

// marks remembers the latest watermark. Any mark that was taken before rows
// are read is a low watermark for them; a later one only makes the link touch
// fewer of them.
type marks struct {
	source Watermarks

	mu   sync.Mutex
	last change.Watermark
}

// take asks for a new mark.
func (m *marks) take(ctx context.Context) error {
	_, err := m.high(ctx)
	return err
}

// high asks for a new mark and gives it.
func (m *marks) high(ctx context.Context) (change.Watermark, error) {
	w, err := m.source.Mark(ctx)
	if err != nil {
		return w, fmt.Errorf("copy: watermark of the source: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if w.Seq > m.last.Seq || w.Seq == m.last.Seq && w.Version >= m.last.Version {
		m.last = w
	}
	return w, nil
}

// latest never goes back from one call to the next.
func (m *marks) latest() change.Watermark {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}
