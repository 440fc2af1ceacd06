package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"duplex/internal/config"
	"duplex/internal/demo"
	"duplex/internal/project"
)

// lostAndKept is a conflict in a line: the row, and what gave way to what.
// Columns that are added up gave way to nothing.
func (c *screen) lostAndKept(of *project.Conflict) string {
	short, tail := *of, ""
	database, table, _ := strings.Cut(of.Table, ".")
	if rule := c.stage.project.Rule(database, table); of.Policy == string(config.PolicyDelta) {
		short.Local, short.Incoming = without(of.Local, rule.Columns), without(of.Incoming, rule.Columns)
		tail = "; " + strings.Join(rule.Columns, ", ") + " added up"
	}
	return fmt.Sprintf("%s %s: %s%s", plain(of.Table), shorten(plain(of.Key), keyWidth), shorten(decided(&short), differenceWidth), tail)
}

// without takes columns out of a row image as change.AppendJSON writes it.
func without(image []byte, columns []string) []byte {
	d := json.NewDecoder(bytes.NewReader(image))
	if t, err := d.Token(); err != nil || t == nil {
		return image
	}
	var parts []string
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err == nil {
			err = d.Decode(&value)
		}
		if err != nil {
			return image
		}
		if text := fmt.Sprint(name); !slices.Contains(columns, text) {
			head, _ := json.Marshal(text) // a string has a form
			parts = append(parts, string(head)+":"+string(value))
		}
	}
	return []byte("{" + strings.Join(parts, ",") + "}")
}

// kinds lists counts by kind, the most frequent first.
func kinds(of map[string]uint64) string {
	names := slices.SortedFunc(maps.Keys(of), func(x, y string) int {
		return cmp.Or(cmp.Compare(of[y], of[x]), strings.Compare(x, y))
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = number(of[name]) + " " + name
	}
	return strings.Join(parts, ", ")
}

// fought prints what became of the rows that both sides wrote.
func (c *screen) fought(v *demo.Verdict) {
	a := c.app
	for i, s := range v.Sites {
		head := ""
		if i == 0 {
			head = "conflicts"
		}
		d := s.Decided
		a.printf("%-9s %s decided %s", head, s.Name, number(d.Total))
		if d.Total > 0 {
			a.printf(": %s; %s ambiguous", kinds(d.Kinds), number(d.Ambiguous))
		}
		a.printf("\n")
	}
	if v.Last != nil {
		a.printf("%9s the last one: %s\n", "", c.lostAndKept(v.Last))
		a.printf("%9s all of them, while a project runs or after: duplex conflicts list FILE\n", "")
	}
	same := "the same at both sides"
	if len(v.Parked) > 0 {
		same = c.paint(red, "not the same at both sides")
	}
	a.printf("parked    %s and %s rows wait for a unique value, %s\n", number(v.Sites[0].Decided.Parked), number(v.Sites[1].Decided.Parked), same)
	k, says := v.Stock, "both tables say so, product by product"
	if len(k.Wrong) > 0 {
		says = c.paint(red, fmt.Sprintf("the tables say %s and %s", number(k.Held[0]), number(k.Held[1])))
	}
	a.printf("stock     %s pieces, %s %s, %s %s: %s; %s\n", number(k.Start), v.Sites[0].Name, signed(k.Added[0]),
		v.Sites[1].Name, signed(k.Added[1]), number(k.Start+k.Added[0]+k.Added[1]), says)
}

// signed writes a number with its sign.
func signed(n int64) string {
	if n < 0 {
		return "−" + number(-n)
	}
	return "+" + number(n)
}

// unequal prints what is known of rows that are not the same, beyond the
// comparison itself.
func (c *screen) unequal(v *demo.Verdict) {
	if n := len(v.Parked) + len(v.Stock.Wrong); n > 0 {
		c.app.printf("\n%s\n", strings.Join(slices.Concat(v.Parked, v.Stock.Wrong), "\n"))
	}
	if len(v.History) > 0 {
		doc := conflictList{Total: uint64(len(v.History))}
		c.app.printf("\nwhat was decided about these rows:\n%s", conflictTable(v.History, &doc))
	}
}
