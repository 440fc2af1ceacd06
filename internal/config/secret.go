package config

import (
	"fmt"
	"io"
	"log/slog"
)

// mask is what a Secret shows in place of its text.
const mask = "***"

// Secret is a text that must not be seen: whichever way it is printed, encoded or logged, it shows "***". The zero value
// holds the empty text. It keeps its text behind a pointer, so that printing a struct which holds a Secret in an
// unexported field shows an address. Two secrets are to be compared by what they reveal, not by ==.
type Secret struct {
	text *string
}

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{text: &text} }

// Reveal gives the text itself. Only what opens a connection has a reason to call it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String gives "***".
func (s Secret) String() string { return mask }

// GoString gives "***".
func (s Secret) GoString() string { return mask }

// Format writes "***" whatever the verb is.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, mask) }

// MarshalText gives "***".
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON gives "***" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// LogValue gives "***".
func (s Secret) LogValue() slog.Value { return slog.StringValue(mask) }
