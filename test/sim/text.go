package sim

import (
	"fmt"
	"strings"

	"duplex/internal/change"
	"duplex/internal/conflict"
)

// A text is made only where a story is told.
type text func() string

func (t text) String() string { return t() }

func name(k conflict.Key) text { return func() string { return k.Table + k.ID } }

func image(row []change.Value) text { return func() string { return imageString(row) } }

func imageString(row []change.Value) string {
	if row == nil {
		return "-"
	}
	parts := make([]string, len(row))
	for i, v := range row {
		parts[i] = "NULL"
		if !v.IsNull() {
			parts[i] = fmt.Sprint(int64(v.Bits))
		}
	}
	return "(" + strings.Join(parts, " ") + ")"
}

func seqs(s change.Seqs) text { return func() string { return seqsString(s) } }

func seqsString(s change.Seqs) string {
	if len(s.Above) == 0 {
		return fmt.Sprintf("<%d", s.Low)
	}
	return fmt.Sprintf("<%d,%s", s.Low, change.FormatRanges(s.Above))
}

func rowsText(rows []rowChange) text { return func() string { return rowsTextString(rows) } }

func rowsTextString(rows []rowChange) string {
	parts := make([]string, len(rows))
	for i, r := range rows {
		parts[i] = fmt.Sprintf("%s %s→%s", name(r.key), image(r.before), image(r.after))
	}
	return strings.Join(parts, ", ")
}

func groupText(group []*txn) text { return func() string { return groupTextString(group) } }

func groupTextString(group []*txn) string {
	parts := make([]string, len(group))
	for i, t := range group {
		parts[i] = fmt.Sprintf("seq %d (version %d, seen %s: %s)", t.stamp.Seq, t.stamp.Version, seqs(t.stamp.Seen), rowsText(t.rows))
	}
	return strings.Join(parts, " and ")
}

func keysText(keys []conflict.Key) text { return func() string { return keysTextString(keys) } }

func keysTextString(keys []conflict.Key) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = name(k).String()
	}
	return strings.Join(parts, ", ")
}
