package tenant

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"duplex/internal/schema"
)

// part is a partition or subpartition; partitions are the rows of one table.
type part struct {
	name, description, comment string
	subs                       []part
}

type partitions struct {
	method, expression, subMethod, subExpression string
	parts                                        []part
}

func (c *catalogue) readPartitions(ctx context.Context, database, name string, tables map[string]*schema.Table) error {
	where, args := within(database, name)
	query := "SELECT table_name, partition_name, subpartition_name, partition_method, subpartition_method, partition_expression, " +
		"subpartition_expression, partition_description, partition_comment, " + c.column("partitions", "subpartition_description") +
		" FROM information_schema.partitions" + where + " AND partition_name IS NOT NULL" +
		" ORDER BY table_name, partition_ordinal_position, subpartition_ordinal_position"
	found := map[string]*partitions{}
	err := c.each(ctx, query, args, func(f []sql.NullString) error {
		if tables[f[0].String] == nil {
			return nil
		}
		p := found[f[0].String]
		if p == nil {
			p = &partitions{method: f[3].String, subMethod: f[4].String, expression: f[5].String, subExpression: f[6].String}
			found[f[0].String] = p
		}
		n := len(p.parts) - 1
		if n < 0 || p.parts[n].name != f[1].String {
			p.parts = append(p.parts, part{name: f[1].String, description: f[7].String, comment: f[8].String})
			n++
		}
		if f[2].Valid && f[2].String != "" {
			p.parts[n].subs = append(p.parts[n].subs, part{name: f[2].String, description: f[9].String})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for n, p := range found {
		if p.method == "SYSTEM_TIME" {
			tables[n].Unsupported = append(tables[n].Unsupported, "the table is partitioned by system time")
			continue
		}
		tables[n].Partition = p.sql(c.t.Kind)
	}
	return nil
}

// sql writes the PARTITION BY clause. Partitions that bear the names which the
// server gives are only counted.
func (p *partitions) sql(kind Kind) string {
	out := "PARTITION BY " + p.method + " (" + operands(p.method, p.expression) + ")"
	if p.subMethod != "" {
		out += " SUBPARTITION BY " + p.subMethod + " (" + operands(p.subMethod, p.subExpression) + ")"
	}
	plainSubs := p.subMethod != "" && counted(p.subMethod)
	for _, q := range p.parts {
		plainSubs = plainSubs && len(q.subs) == len(p.parts[0].subs) && generated(q.subs, q.name+"sp")
	}
	if plainSubs {
		out += " SUBPARTITIONS " + strconv.Itoa(len(p.parts[0].subs))
	}
	if counted(p.method) && (p.subMethod == "" || plainSubs) && generated(p.parts, "p") {
		return out + " PARTITIONS " + strconv.Itoa(len(p.parts))
	}
	list := make([]string, 0, len(p.parts))
	for _, q := range p.parts {
		s := "PARTITION " + schema.Ident(q.name) + values(p.method, q.description, kind)
		if q.comment != "" {
			s += " COMMENT = " + schema.Quote(q.comment)
		}
		if len(q.subs) > 0 && !plainSubs {
			subs := make([]string, 0, len(q.subs))
			for _, sub := range q.subs {
				subs = append(subs, "SUBPARTITION "+schema.Ident(sub.name)+values(p.subMethod, sub.description, kind))
			}
			s += " (" + strings.Join(subs, ", ") + ")"
		}
		list = append(list, s)
	}
	return out + " (" + strings.Join(list, ", ") + ")"
}

// counted reports whether partitions of the method have no values.
func counted(method string) bool {
	return strings.Contains(method, "HASH") || strings.Contains(method, "KEY")
}

func generated(parts []part, prefix string) bool {
	for i, q := range parts {
		if q.name != prefix+strconv.Itoa(i) || q.comment != "" {
			return false
		}
	}
	return true
}

// operands quotes the columns of a method that takes columns; the expression
// of another is left as it is.
func operands(method, text string) string {
	if text == "" || !strings.Contains(method, "COLUMNS") && !strings.Contains(method, "KEY") {
		return text
	}
	columns := strings.Split(text, ",")
	for i, column := range columns {
		column = strings.TrimSpace(column)
		if !strings.HasPrefix(column, "`") {
			column = schema.Ident(column)
		}
		columns[i] = column
	}
	return strings.Join(columns, ",")
}

func values(method, description string, kind Kind) string {
	switch {
	case strings.Contains(method, "RANGE"):
		return " VALUES LESS THAN (" + description + ")"
	case strings.Contains(method, "LIST"):
		if kind == MariaDB && strings.EqualFold(description, "DEFAULT") {
			return " DEFAULT"
		}
		return " VALUES IN (" + description + ")"
	}
	return ""
}
