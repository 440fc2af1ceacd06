package demo

import (
	"context"
	"database/sql"
	"fmt"
)

// Database is where the shop is.
const Database = "shop"

// Conflict is what the project file says about rows that both sides wrote:
// what either side takes out of stock counts, else the newest write stays.
const Conflict = `conflict:
  policy: newest
  tables:
    shop.stock: {policy: delta, columns: [quantity, sold]}
`

// ddl makes the shop: keys of several kinds, a foreign key, decimals, texts of
// four-byte characters, times with fractions, an enumeration.
func ddl() []string {
	const options = " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
	return []string{
		"CREATE DATABASE shop DEFAULT CHARACTER SET utf8mb4",
		"CREATE TABLE shop.customers (" +
			"id bigint NOT NULL AUTO_INCREMENT, name varchar(80) NOT NULL, email varchar(120) NOT NULL, " +
			"city varchar(60) NOT NULL, street varchar(80) NOT NULL, note varchar(200) DEFAULT NULL, " +
			"created_at datetime(3) NOT NULL, " +
			"PRIMARY KEY (id), UNIQUE KEY email (email), KEY city (city))" + options,
		"CREATE TABLE shop.stock (" +
			"sku int NOT NULL, title varchar(80) NOT NULL, price decimal(10,2) NOT NULL, weight_kg double DEFAULT NULL, " +
			"quantity int NOT NULL, sold bigint unsigned NOT NULL DEFAULT 0, changed_at datetime(6) NOT NULL, " +
			"PRIMARY KEY (sku))" + options,
		"CREATE TABLE shop.orders (" +
			"id bigint NOT NULL AUTO_INCREMENT, customer_id bigint NOT NULL, " +
			"state enum('placed','paid','shipped','delivered','cancelled') NOT NULL DEFAULT 'placed', " +
			"total decimal(12,2) NOT NULL, placed_at datetime(3) NOT NULL, shipped_at datetime(3) DEFAULT NULL, " +
			"PRIMARY KEY (id), KEY customer (customer_id, placed_at), " +
			"CONSTRAINT order_of FOREIGN KEY (customer_id) REFERENCES shop.customers (id))" + options,
		"CREATE TABLE shop.order_lines (" +
			"order_id bigint NOT NULL, line smallint unsigned NOT NULL, sku int NOT NULL, " +
			"quantity int NOT NULL, price decimal(10,2) NOT NULL, " +
			"PRIMARY KEY (order_id, line), KEY sku (sku))" + options,
		"CREATE TABLE shop.carts (" +
			"customer_id bigint NOT NULL, sku int NOT NULL, quantity int NOT NULL, changed_at datetime(3) NOT NULL, " +
			"PRIMARY KEY (customer_id, sku))" + options,
	}
}

// A table of the shop and what the comparison of a moment reads of it.
type table struct {
	name    string
	columns string // comma-separated; NULL where a column may hold it is written as a dash
}

func tables() []table {
	return []table{
		{"customers", "id, name, email, city, street, COALESCE(note, '-'), created_at"},
		{"stock", "sku, title, price, COALESCE(weight_kg, '-'), quantity, sold, changed_at"},
		{"orders", "id, customer_id, state, total, placed_at, COALESCE(shipped_at, '-')"},
		{"order_lines", "order_id, line, sku, quantity, price"},
		{"carts", "customer_id, sku, quantity, changed_at"},
	}
}

// parked is where the rows of the shop are that wait for a unique value.
const parked = "duplex.parked"

// compared are the tables that have to be the same at any moment, by their full
// names: those of the shop and the rows that wait.
func compared() []table {
	all := tables()
	for i := range all {
		all[i].name = Database + "." + all[i].name
	}
	return append(all, table{parked, "table_name, HEX(row_id), HEX(image)"})
}

// create makes the empty shop.
func create(ctx context.Context, db *sql.DB) error {
	for _, q := range ddl() {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("make the shop: %w", err)
		}
	}
	return nil
}
