package obbinlog

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
)

// A relay is one client's connection and the one to the kernel behind it.
// Commands are carried one at a time: what a client sends ahead waits in its
// socket, as with a server.
type relay struct {
	rig            *Rig
	client, kernel *side
	awake          chan error // the kernel has sent something, or its connection has ended
	listening      bool       // awake will be told

	inTrans  bool
	settings map[string]string // user variables that the session set
}

// serve carries a connection until an end of it closes.
func (r *Rig) serve(ctx context.Context, conn net.Conn) error {
	kernel, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.opt.Kernel)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	c := &relay{rig: r, client: newSide(conn), kernel: newSide(kernel), awake: make(chan error, 1), settings: map[string]string{}}
	stop := context.AfterFunc(ctx, c.close)
	defer func() {
		stop()
		c.close()
		r.gate.leave(c)
		if c.listening {
			_ = c.answer() // until who listens has ended
		}
	}()
	if err := c.login(); err != nil {
		return ignoreEnd(err)
	}
	for {
		c.listen()
		command, err := c.client.read()
		if err != nil {
			return ignoreEnd(err)
		}
		if len(command) == 0 {
			return errMalformed
		}
		if command[0] == comQuit {
			return nil
		}
		if err := c.carry(ctx, command); err != nil {
			return ignoreEnd(err)
		}
		if err := c.client.out.Flush(); err != nil {
			return ignoreEnd(err)
		}
	}
}

func (c *relay) close() {
	_ = c.client.conn.Close()
	_ = c.kernel.conn.Close()
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return err
}

// listen waits in the background for the kernel to send something. Between
// commands that is the end of the connection, of which the client has to hear
// although it sends nothing: somebody has killed it.
func (c *relay) listen() {
	if c.listening {
		return
	}
	c.listening = true
	go func() {
		_, err := c.kernel.in.Peek(1)
		if err != nil {
			_ = c.client.conn.Close()
		}
		c.awake <- err
	}()
}

// answer waits until the kernel's answer begins.
func (c *relay) answer() error {
	c.listen()
	err := <-c.awake
	c.listening = false
	return err
}

// login carries the handshake. What the relay could not read is taken out of
// what the kernel offers.
func (c *relay) login() error {
	greeting, err := c.kernel.read()
	if err != nil {
		return err
	}
	if len(greeting) > 0 && greeting[0] == 10 {
		hide(greeting)
	}
	for packet := greeting; ; {
		c.client.seq = c.kernel.seq - 1
		if err := errors.Join(c.client.write(packet), c.client.out.Flush()); err != nil {
			return err
		}
		if len(packet) > 0 && packet[0] == 0xff {
			return io.EOF
		}
		if len(packet) > 0 && packet[0] == 0 {
			return nil
		}
		reply, err := c.client.read()
		if err != nil {
			return err
		}
		c.kernel.seq = c.client.seq - 1
		if err := errors.Join(c.kernel.write(reply), c.kernel.out.Flush()); err != nil {
			return err
		}
		if packet, err = c.kernel.read(); err != nil {
			return err
		}
	}
}

// hide takes capabilities out of a greeting.
func hide(greeting []byte) {
	at := 1
	for at < len(greeting) && greeting[at] != 0 {
		at++
	}
	at += 1 + 4 + 8 + 1
	if at+7 > len(greeting) {
		return
	}
	var hidden [4]byte
	binary.LittleEndian.PutUint32(hidden[:], hiddenCapabilities)
	for i, place := range []int{at, at + 1, at + 5, at + 6} {
		greeting[place] &^= hidden[i]
	}
}

// carry takes one command to whoever answers it.
func (c *relay) carry(ctx context.Context, command []byte) error {
	reads := command[0] != comStmtExecute && command[0] != comChangeUser
	switch command[0] {
	case comRegisterSlave:
		return c.client.ok(0)
	case comBinlogDump, comBinlogDumpGTID:
		return c.dump(ctx, command)
	case comQuery:
		text := string(command[1:])
		parts := statements(text)
		c.noteSettings(text)
		if slices.ContainsFunc(parts, func(p string) bool { return special(p) != kernels }) {
			return c.own(ctx, parts)
		}
		reads = !slices.ContainsFunc(parts, writes)
	case comStmtPrepare:
		if special(string(command[1:])) != kernels {
			return c.client.fail(1295, "HY000", "This command is not supported in the prepared statement protocol yet")
		}
	}
	if err := c.rig.gate.enter(ctx, c, reads); err != nil {
		return err
	}
	defer func() { c.rig.gate.exit(c, c.inTrans) }()
	return c.forward(command)
}

// forward sends a command to the kernel and its answer to the client.
func (c *relay) forward(command []byte) error {
	c.kernel.seq = 0
	if err := c.kernel.write(command); err != nil {
		return err
	}
	if err := c.kernel.out.Flush(); err != nil {
		return err
	}
	return c.response(command[0], c.client)
}

// response passes the kernel's answer to a command on.
func (c *relay) response(command byte, to *side) error {
	if command == comStmtClose || command == comStmtSendLongData {
		return nil
	}
	if err := c.answer(); err != nil {
		return err
	}
	switch command {
	case comStmtPrepare:
		return c.prepared(to)
	case comFieldList, comStmtFetch:
		_, err := c.until(to)
		return err
	case comChangeUser:
		return c.changeUser(to)
	case comStatistics:
		_, err := pass(c.kernel, to)
		return err
	case comQuery, comStmtExecute:
		return c.results(to)
	}
	g, err := pass(c.kernel, to)
	if err != nil {
		return err
	}
	return c.took(g)
}

// took notes the status of an OK or EOF packet. An error says nothing about
// the transaction.
func (c *relay) took(g glimpse) error {
	if g.isErr() {
		return nil
	}
	status, err := g.status()
	if err == nil {
		c.inTrans = status&statusInTrans != 0
	}
	return err
}

// results passes the answers to a query on, of which a text of several
// statements has as many.
func (c *relay) results(to *side) error {
	for {
		g, err := pass(c.kernel, to)
		if err != nil {
			return err
		}
		switch {
		case g.isErr():
			return nil
		case g.isOK(): // no rows
		case len(g.head) > 0 && g.head[0] == 0xfb:
			if err := c.localFile(to); err != nil {
				return err
			}
			continue
		default:
			if g, err = c.until(to); err != nil { // the columns
				return err
			}
			if status, err := g.status(); g.isEOF() && err == nil && status&statusCursorExists != 0 {
				return c.took(g)
			}
			if g, err = c.until(to); err != nil || g.isErr() { // the rows
				return err
			}
		}
		status, err := g.status()
		if err != nil {
			return err
		}
		c.inTrans = status&statusInTrans != 0
		if status&statusMoreResults == 0 {
			return nil
		}
	}
}

// until passes packets on until one that ends a list.
func (c *relay) until(to *side) (glimpse, error) {
	for {
		g, err := pass(c.kernel, to)
		if err != nil || g.isEOF() || g.isErr() {
			return g, err
		}
	}
}

// prepared passes on what describes a prepared statement.
func (c *relay) prepared(to *side) error {
	g, err := pass(c.kernel, to)
	if err != nil || !g.isOK() {
		return err
	}
	if len(g.head) < 9 {
		return errMalformed
	}
	columns, parameters := int(g.head[5])|int(g.head[6])<<8, int(g.head[7])|int(g.head[8])<<8
	for _, n := range []int{parameters, columns} {
		if n == 0 {
			continue
		}
		if _, err := c.until(to); err != nil {
			return err
		}
	}
	return nil
}

// localFile carries the file of a LOAD DATA LOCAL to the kernel.
func (c *relay) localFile(to *side) error {
	if err := to.out.Flush(); err != nil {
		return err
	}
	for {
		g, err := pass(c.client, c.kernel)
		if err != nil {
			return err
		}
		if g.total == 0 {
			return c.kernel.out.Flush()
		}
	}
}

// changeUser carries a login on an open connection.
func (c *relay) changeUser(to *side) error {
	for {
		g, err := pass(c.kernel, to)
		if err != nil {
			return err
		}
		if g.isErr() || g.isOK() {
			return c.took(g)
		}
		if err := to.out.Flush(); err != nil {
			return err
		}
		if _, err := pass(c.client, c.kernel); err != nil {
			return err
		}
		if err := c.kernel.out.Flush(); err != nil {
			return err
		}
	}
}
