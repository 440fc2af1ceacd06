package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"duplex/internal/metrics"
	"duplex/internal/project"
)

// headLimit is how long who asks for metrics may take to say so.
const headLimit = 5 * time.Second

// serveMetrics answers GET /metrics at address until the run is over. It fails at
// once where the address cannot be listened at.
func serveMetrics(ctx context.Context, address, name string, progress func() project.Progress, log *slog.Logger) (stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("--metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler(name, progress))
	s := &http.Server{Handler: mux, ReadHeaderTimeout: headLimit, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("metrics are not served any more", "error", err)
		}
	}()
	log.Info("metrics", "url", "http://"+listener.Addr().String()+"/metrics")
	return func() {
		_ = s.Close() // nobody needs the rest of an answer
		<-ended
	}, nil
}
