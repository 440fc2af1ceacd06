package binlog

import (
	"testing"

	"github.com/stretchr/testify/require"

	"duplex/internal/change"
)

const (
	uuidA = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	uuidB = "4e11fa47-71ca-11e1-9e33-c80aa9429562"
)

func TestPosition(t *testing.T) {
	for _, text := range []change.Position{
		"1|gtid||0|0|0|0|",
		"1|gtid|" + uuidA + ":1-5:8:10-12," + uuidB + ":3|0|7|1700000000000000|12|14-15,20",
		"1|gtid|" + uuidA + ":1-5," + uuidA + ":blue:2-3|1|7|-3|0|",
		"1|mariadb|0-1-55,3-4-18446744073709551615|0|18446744073709551615|9|0|5",
		"1|file|binlog.000001:4|0|0|0|0|",
		"1|file|a:b:4|2|0|0|0|",
		"1|gtid|" + uuidA + ":1-5|0|7|9|12||" + uuidA + ":5@1700000000000001*2",
		"1|gtid|" + uuidA + ":1-5|0|7|9|12|14|" + uuidA + ":5@-1*0",
	} {
		p, err := parsePosition(text)
		require.NoError(t, err, text)
		require.Equal(t, text, p.text())
		q := position{cursor: p.clone(), seq: p.seq, version: p.version, seen: p.seen}
		require.Equal(t, text, q.text())
	}
}

func TestPositionMalformed(t *testing.T) {
	for text, want := range map[change.Position]string{
		"":                                     `format ""`,
		"2|gtid||0|0|0|0|":                     `format "2", want "1"`,
		"1|gtid||0|0|0":                        "6 fields, want 8 or 9",
		"1|xid||0|0|0|0|":                      `mode "xid" is unknown`,
		"1|gtid|x:1|0|0|0|0|":                  `"x" is no UUID`,
		"1|gtid|" + uuidA + "|0|0|0|0|":        "no interval in",
		"1|gtid|" + uuidA + ":0|0|0|0|0|":      `"0" is no interval`,
		"1|gtid|" + uuidA + ":5-3|0|0|0|0|":    `"5-3" is no interval`,
		"1|mariadb|1-2|0|0|0|0|":               `"1-2": not of the form domain-server-sequence`,
		"1|mariadb|1-2-3,1-3-4|0|0|0|0|":       "names domain 1 twice",
		"1|mariadb|4294967296-2-3|0|0|0|0|":    "not of the form",
		"1|file|:4|0|0|0|0|":                   `place ":4" is not file:offset`,
		"1|file|a:x|0|0|0|0|":                  `place "a:x" is not file:offset`,
		"1|file|a:4|x|0|0|0|":                  "parts: ",
		"1|file|a:4|0|-1|0|0|":                 "seq: ",
		"1|file|a:4|0|0|x|0|":                  "version: ",
		"1|file|a:4|0|0|0||":                   "seen below: ",
		"1|file|a:4|0|0|0|0|9-3":               "seen above: ",
		"1|gtid||0|0|0|0||":                    "last transaction: \"\" is not uuid:number@time*count",
		"1|gtid||0|0|0|0||" + uuidA + ":x@1*1": "number: ",
		"1|gtid||0|0|0|0||" + uuidA + ":1@x*1": "time: ",
		"1|gtid||0|0|0|0||" + uuidA + ":1@1*x": "count: ",
		"1|gtid||0|0|0|0||x:1@1*1":             "is no UUID",
	} {
		_, err := parsePosition(text)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "position ")
	}
}

func TestGTIDSet(t *testing.T) {
	g, err := parseGTIDSet(uuidB + ":1-3:7,\n" + uuidA + ":5, " + uuidB + ":4-6:blue:1")
	require.NoError(t, err)
	require.Equal(t, uuidA+":5,"+uuidB+":1-7,"+uuidB+":blue:1", string(g.append(nil)))
	a, err := parseUUID(uuidA)
	require.NoError(t, err)
	require.False(t, g.has(a[:], "", 4))
	require.True(t, g.has(a[:], "", 5))
	require.False(t, g.has(a[:], "blue", 5))
	g.add(a[:], "", 6)
	g.add(a[:], "", 9)
	g.add(a[:], "red", 1)
	require.Equal(t, uuidA+":5-6:9,"+uuidA+":red:1,"+uuidB+":1-7,"+uuidB+":blue:1", string(g.append(nil)))
	for n := range uint64(20) {
		g.add(a[:], "", n+1)
	}
	require.Equal(t, uuidA+":1-20,"+uuidA+":red:1,"+uuidB+":1-7,"+uuidB+":blue:1", string(g.append(nil)))
}

func TestMariaPos(t *testing.T) {
	p, err := parseMariaPos("7-1-5,0-2-9")
	require.NoError(t, err)
	require.Equal(t, "0-2-9,7-1-5", string(p.append(nil)))
	require.True(t, p.has(mariaGTID{7, 1, 5}))
	require.False(t, p.has(mariaGTID{7, 1, 4}))
	p.set(mariaGTID{7, 3, 4})
	p.set(mariaGTID{5, 1, 1})
	require.Equal(t, "0-2-9,5-1-1,7-3-4", string(p.append(nil)))
}

func TestGTIDSetWithout(t *testing.T) {
	g, err := parseGTIDSet(uuidA + ":1-5:8," + uuidB + ":7")
	require.NoError(t, err)
	a, _ := parseUUID(uuidA)
	b, _ := parseUUID(uuidB)
	for n, want := range map[uint64]string{
		1: uuidA + ":2-5:8", 3: uuidA + ":1-2:4-5:8", 5: uuidA + ":1-4:8", 8: uuidA + ":1-5", 9: uuidA + ":1-5:8",
	} {
		less := g.without(a[:], n)
		require.Equal(t, want+","+uuidB+":7", string(less.append(nil)), n)
	}
	less := g.without(b[:], 7)
	require.Equal(t, uuidA+":1-5:8", string(less.append(nil)))
	require.Equal(t, uuidA+":1-5:8,"+uuidB+":7", string(g.append(nil)))
}

func FuzzPosition(f *testing.F) {
	f.Add("1|gtid|" + uuidA + ":1-5|0|7|9|12|14|" + uuidA + ":5@1700000000000001*2")
	f.Add("1|gtid|" + uuidA + ":1-5:8:10-12," + uuidB + ":3|0|7|1700000000000000|12|14-15,20")
	f.Add("1|mariadb|0-1-55,3-4-5|0|1|9|0|5")
	f.Add("1|file|binlog.000001:4|0|0|0|0|")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePosition(change.Position(text))
		if err != nil {
			return
		}
		again, err := parsePosition(p.text())
		require.NoError(t, err)
		require.Equal(t, p.text(), again.text())
	})
}

func BenchmarkPosition(b *testing.B) {
	p, err := parsePosition("1|gtid|" + uuidA + ":1-500000," + uuidB + ":1-700000|0|7|1700000000000000|12|14-15,20")
	if err != nil {
		b.Fatal(err)
	}
	id, _ := parseUUID(uuidA)
	n := uint64(500000)
	b.ReportAllocs()
	for b.Loop() {
		n++
		p.gtids.add(id[:], "", n)
		_ = p.text()
	}
}
