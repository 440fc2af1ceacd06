package tenant

import (
	"context"
	"database/sql"

	"duplex/internal/schema"
)

func (c *catalogue) readPartitions(ctx context.Context, database, name string, tables map[string]*schema.Table) error {
	where, args := within(database, name)
	query := "SELECT table_name, partition_name, subpartition_name, partition_method, subpartition_method, partition_expression, " +
		"subpartition_expression, partition_description, partition_comment, " + c.column("partitions", "subpartition_description") +
		" FROM information_schema.partitions" + where + " AND partition_name IS NOT NULL" +
		" ORDER BY table_name, partition_ordinal_position, subpartition_ordinal_position"
	values := func(text string) string { return text }
	if c.t.Kind == OceanBase {
		values = schema.PartitionValues
	}
	err := c.each(ctx, query, args, func(f []sql.NullString) error {
		table := tables[f[0].String]
		if table == nil {
			return nil
		}
		if table.Partition == nil {
			table.Partition = &schema.Partitioning{
				Method: f[3].String, Operands: schema.Operands(f[3].String, f[5].String),
				SubMethod: f[4].String, SubOperands: schema.Operands(f[4].String, f[6].String),
			}
		}
		p := table.Partition
		n := len(p.Parts) - 1
		if n < 0 || p.Parts[n].Name != f[1].String {
			p.Parts = append(p.Parts, schema.Partition{Name: f[1].String, Values: values(f[7].String), Comment: f[8].String})
			n++
		}
		if f[2].Valid && f[2].String != "" {
			p.Parts[n].Subs = append(p.Parts[n].Subs, schema.Partition{Name: f[2].String, Values: values(f[9].String)})
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, table := range tables {
		if table.Partition != nil && table.Partition.Method == "SYSTEM_TIME" {
			table.Partition = nil
			table.Unsupported = append(table.Unsupported, "the table is partitioned by system time")
		}
	}
	return nil
}
