package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"duplex/internal/config"
	"duplex/internal/demo"
	"duplex/internal/project"
	"duplex/test/tenant"
)

// demoFlags say how the demo is played.
type demoFlags struct {
	kind    string
	length  time.Duration
	keep    bool
	orders  int
	writers int
	rate    int
	clashes int
}

func (a *app) demoCommand() *cobra.Command {
	var f demoFlags
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show it: two local tenants of its own, both written, kept equal, compared at the end",
		Long: "Starts two tenants on this machine, fills a small shop on one of them, and runs an active-active\n" +
			"project between them while people order, ship and cancel on both sides, and a few times a second write\n" +
			"the same row on both at once. ^C or --for ends it: then every row is compared, the verdict printed with\n" +
			"what was decided, and everything removed. The exit code is the verdict.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			kinds, err := kindsOf(f.kind)
			switch {
			case err != nil:
			case f.length < 0 || f.orders < 100 || f.writers < 1 || f.rate < 1 || f.clashes < 0 || f.clashes > 1000:
				err = errors.New("--for may not be negative, --orders is at least 100, --writers and --rate at least 1, --clashes 0 to 1000")
			}
			if err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			levels, stop := a.interruptible(c.Context(), 2)
			defer stop()
			return interrupted(levels[1], a.demo(levels[1], levels[0], kinds, f))
		},
	}
	c.Flags().StringVar(&f.kind, "kind", string(tenant.MariaDB), "kind of server: mariadb, mysql56, oceanbase (its kernel with a stand-in for the Binlog Service), or one for each side: mariadb+mysql56")
	c.Flags().DurationVar(&f.length, "for", 0, "end after this time, such as 30s; 0 goes on until ^C")
	c.Flags().BoolVar(&f.keep, "keep", false, "keep the servers' folders, for a look at what is in them")
	c.Flags().IntVar(&f.orders, "orders", 20000, "orders in the shop at the start")
	c.Flags().IntVar(&f.writers, "writers", 4, "connections that write at each side")
	c.Flags().IntVar(&f.rate, "rate", 150, "transactions a second that are written at each side")
	c.Flags().IntVar(&f.clashes, "clashes", 5, "times a second that both sides write the same row at once; 0: never")
	return c
}

// demoKinds are those that --kind may name.
func demoKinds() []tenant.Kind {
	return []tenant.Kind{tenant.MariaDB, tenant.MySQL56, tenant.OceanBase}
}

// kindsOf reads --kind.
func kindsOf(text string) (kinds [2]tenant.Kind, err error) {
	first, second, two := strings.Cut(text, "+")
	if !two {
		second = first
	}
	for i, name := range []string{first, second} {
		for _, k := range demoKinds() {
			if string(k) == name {
				kinds[i] = k
			}
		}
		if kinds[i] == "" {
			return kinds, fmt.Errorf("--kind %q: not one of %v, nor two of them with a + between", text, demoKinds())
		}
	}
	return kinds, nil
}

// demo sets the stage, plays, and takes everything away again. The end of show
// ends the performance with a verdict, that of ctx without one.
func (a *app) demo(ctx, show context.Context, kinds [2]tenant.Kind, f demoFlags) (err error) {
	s, err := a.setStage(show, kinds, f.keep)
	defer func() { err = errors.Join(err, s.clear(a)) }()
	if err != nil {
		return interrupted(show, err)
	}
	screen := newScreen(a, s)
	v, err := demo.Run(ctx, show.Done(), demo.Config{
		Project: s.project, Sites: s.sites, Orders: f.orders, Writers: f.writers, Rate: f.rate, Clashes: f.clashes, For: f.length,
		Log: s.log, Show: screen.show, Every: screen.every(),
	})
	screen.close()
	if errors.Is(err, demo.ErrEarly) {
		return errInterrupted
	}
	if err != nil {
		return err
	}
	if a.json {
		err = a.document(verdictOf(v))
	} else {
		err = screen.verdict(v)
	}
	if err == nil && !v.Equal {
		err = project.ErrDiffers
	}
	return err
}

// A stage is what a demo needs on this machine: two servers and a folder with
// the project file and the log.
type stage struct {
	folder  string
	file    string // the project file
	keep    bool
	servers [2]*tenant.Server
	sites   [2]demo.Site
	project *config.Project
	log     *slog.Logger
	logFile *os.File
}

// The sites of the demo, and the name of its project.
const (
	demoName   = "shop"
	firstSite  = "hangzhou"
	secondSite = "shanghai"
)

// setStage prepares everything. What it gives has to be cleared, also when it
// comes with an error.
func (a *app) setStage(ctx context.Context, kinds [2]tenant.Kind, keep bool) (*stage, error) {
	s := &stage{keep: keep}
	for _, k := range kinds {
		if _, err := tenant.Find(k); err != nil {
			return s, missing(k, err)
		}
	}
	var err error
	if s.folder, err = os.MkdirTemp("", "duplex-demo-"); err != nil {
		return s, err
	}
	if s.logFile, err = os.Create(filepath.Join(s.folder, "duplex.log")); err != nil {
		return s, err
	}
	s.log = logger(s.logFile, slog.LevelInfo)
	if err := s.startServers(ctx, kinds, a.notes()); err != nil {
		return s, err
	}
	if err := s.writeProject(); err != nil {
		return s, err
	}
	s.project, err = config.Load(s.file)
	return s, err
}

// missing says how to get a server.
func missing(k tenant.Kind, err error) error {
	if k == tenant.MariaDB {
		return fmt.Errorf("%w: install the package mariadb-server, or choose another with --kind", err)
	}
	return fmt.Errorf("%w: choose another with --kind, or fetch it", err)
}

// notes is where it says what takes time before there is a screen.
func (a *app) notes() io.Writer {
	if a.json {
		return a.err
	}
	return a.out
}

// startServers starts both servers side by side.
func (s *stage) startServers(ctx context.Context, kinds [2]tenant.Kind, out io.Writer) error {
	fmt.Fprintf(out, "starting two tenants: %s (%s) and %s (%s)\n", firstSite, kinds[0], secondSite, kinds[1])
	var g errgroup.Group
	for i, name := range []string{firstSite, secondSite} {
		g.Go(func() (err error) {
			o := tenant.Options{Kind: kinds[i], PoolMB: 128, LogMB: 64, Out: out}
			if s.keep {
				o.Dir = filepath.Join(s.folder, name)
			}
			if s.servers[i], err = tenant.Start(ctx, o); err != nil {
				return fmt.Errorf("site %s: %w", name, err)
			}
			s.sites[i], err = openSite(name, s.servers[i])
			return err
		})
	}
	return g.Wait()
}

func openSite(name string, server *tenant.Server) (demo.Site, error) {
	c, err := mysql.ParseDSN(server.DSN(""))
	if err != nil {
		return demo.Site{}, err
	}
	c.InterpolateParams = true // one round trip a statement
	c.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return demo.Site{}, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(32)
	return demo.Site{Name: name, DB: db}, nil
}

// writeProject writes the project file, which any other command takes as well
// while the demo goes on.
func (s *stage) writeProject() error {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\nscenario: active-active\nsites:\n", demoName)
	for i, server := range s.servers {
		file := s.sites[i].Name + ".password"
		if err := os.WriteFile(filepath.Join(s.folder, file), []byte(server.Password()+"\n"), 0o600); err != nil {
			return err
		}
		fmt.Fprintf(&b, "  %s:\n    address: %s\n    user: %s\n    password_file: %s\n", s.sites[i].Name, server.Addr(), server.User(), file)
	}
	fmt.Fprintf(&b, "source: %s\ntables:\n  include: [\"%s.*\"]\n%s", firstSite, demo.Database, demo.Conflict)
	s.file = filepath.Join(s.folder, demoName+".yaml")
	return os.WriteFile(s.file, []byte(b.String()), 0o600)
}

// clear ends the servers and removes what the demo made.
func (s *stage) clear(a *app) error {
	var errs []error
	for _, site := range s.sites {
		if site.DB != nil {
			errs = append(errs, site.DB.Close())
		}
	}
	for _, server := range s.servers {
		switch {
		case server == nil:
		case s.keep:
			errs = append(errs, server.Stop(context.Background()), server.Close())
		default:
			errs = append(errs, server.Close())
		}
	}
	if s.logFile != nil {
		errs = append(errs, s.logFile.Close())
	}
	switch {
	case s.folder == "":
	case s.keep:
		fmt.Fprintf(a.notes(), "kept: %s\n", s.folder)
	default:
		errs = append(errs, os.RemoveAll(s.folder))
	}
	return errors.Join(errs...)
}
