package obbinlog

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/go-mysql-org/go-mysql/replication"
)

func (c *relay) binlogEvents(match []string, status uint16) error {
	s, numbers, _ := c.rig.log.end()
	number := numbers[0]
	if match[1] != "" {
		number, _ = strconv.Atoi(strings.TrimPrefix(match[1], logPrefix))
	}
	from, skip, most := int64(4), 0, -1
	if match[2] != "" {
		from, _ = strconv.ParseInt(match[2], 10, 64)
	}
	if match[3] != "" {
		skip, _ = strconv.Atoi(match[3])
	}
	if match[4] != "" {
		most, _ = strconv.Atoi(match[4])
	}
	end, err := s.length(c.rig.log.dir, number)
	if err != nil {
		return c.client.fail(1220, "HY000", "Error when executing command SHOW BINLOG EVENTS: Could not find target log")
	}
	file, err := os.Open(filepath.Join(c.rig.log.dir, fileName(number)))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	var rows [][]any
	for r := (&eventReader{file: file, at: from}); r.at < end && len(rows) != most; {
		at := r.at
		event, err := r.next()
		if err != nil {
			return c.client.fail(1220, "HY000", "Error when executing command SHOW BINLOG EVENTS: Wrong offset or I/O error")
		}
		if skip--; skip >= 0 {
			continue
		}
		rows = append(rows, []any{fileName(number), at, typeName(event), binary.LittleEndian.Uint32(event[5:]), r.at, describe(event)})
	}
	return c.client.rows(status, []field{{"Log_name", false}, {"Pos", true}, {"Event_type", false}, {"Server_id", true},
		{"End_log_pos", true}, {"Info", false}}, rows)
}

// typeName is what SHOW BINLOG EVENTS calls an event's type,
// https://dev.mysql.com/doc/refman/5.7/en/show-binlog-events.html
func typeName(event []byte) string {
	names := map[replication.EventType]string{
		replication.QUERY_EVENT: "Query", replication.ROTATE_EVENT: "Rotate", replication.FORMAT_DESCRIPTION_EVENT: "Format_desc",
		replication.XID_EVENT: "Xid", replication.TABLE_MAP_EVENT: "Table_map", replication.WRITE_ROWS_EVENTv2: "Write_rows",
		replication.UPDATE_ROWS_EVENTv2: "Update_rows", replication.DELETE_ROWS_EVENTv2: "Delete_rows",
		replication.GTID_EVENT: "Gtid", replication.PREVIOUS_GTIDS_EVENT: "Previous_gtids",
	}
	return cmp.Or(names[eventType(event)], "Unknown")
}

// describe says of an event what people want to see.
func describe(event []byte) string {
	body := event[headerSize : len(event)-checksumSize]
	switch eventType(event) {
	case 2: // QUERY
		skip := 13 + int(binary.LittleEndian.Uint16(body[11:])) + int(body[8]) + 1
		return string(body[skip:])
	case 33: // GTID
		number, uuid := binary.LittleEndian.Uint64(body[17:]), [16]byte(body[1:17])
		return fmt.Sprintf("SET @@SESSION.GTID_NEXT= '%s:%d'", formatUUID(uuid), number)
	}
	return ""
}
