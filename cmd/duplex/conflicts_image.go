package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// A field is one column of a row image, for people.
type field struct{ name, text string }

// fields reads an image as change.AppendJSON writes it, in the order of the
// columns; nil: no row. The table's definition of today plays no part.
func fields(raw []byte) []field {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil {
		return nil
	}
	out := []field{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			break
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			break
		}
		out = append(out, field{plain(fmt.Sprint(name)), fieldText(value)})
	}
	return out
}

func fieldText(value json.RawMessage) string {
	switch value[0] {
	case 'n':
		return "NULL"
	case '"':
		var s string
		if json.Unmarshal(value, &s) == nil {
			return `"` + plain(s) + `"`
		}
	case '{':
		var b struct{ Base64 []byte }
		if json.Unmarshal(value, &b) == nil {
			return fmt.Sprintf("0x%x", b.Base64)
		}
	}
	return string(value)
}

// plain makes a text from data fit for a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '·'
		}
		return r
	}, s)
}

// shorten cuts a text to a number of columns.
func shorten(s string, columns int) string {
	if uniseg.StringWidth(s) <= columns {
		return s
	}
	return cut(s, columns-1) + "…"
}

// valueWidth is how much of one value a difference shows.
const valueWidth = 24

// difference says in short how two images differ: from → to.
func difference(from, to []byte) string {
	a, b := fields(from), fields(to)
	switch {
	case a == nil && b == nil:
		return "no row"
	case a == nil:
		return "no row → " + row(b)
	case b == nil:
		return row(a) + " → no row"
	}
	var parts []string
	for _, x := range a {
		if y, ok := named(b, x.name); ok && x.text != y {
			parts = append(parts, x.name+" "+shorten(x.text, valueWidth)+" → "+shorten(y, valueWidth))
		}
	}
	if len(parts) == 0 {
		return "the same"
	}
	return strings.Join(parts, ", ")
}

func row(fs []field) string {
	parts := make([]string, len(fs))
	for i, f := range fs {
		parts[i] = f.name + "=" + shorten(f.text, valueWidth)
	}
	return strings.Join(parts, ", ")
}

func named(fs []field, name string) (string, bool) {
	for _, f := range fs {
		if f.name == name {
			return f.text, true
		}
	}
	return "", false
}

// pad fills a text to a width, counted as a terminal does.
func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-uniseg.StringWidth(s)))
}

// grid writes lines of cells with aligned columns.
func grid(b *strings.Builder, lines [][]string) {
	var widths []int
	for _, line := range lines {
		for i, cell := range line {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	for _, line := range lines {
		var text strings.Builder
		for i, cell := range line {
			text.WriteString(pad(cell, widths[i]+2))
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
}
