package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// number writes a count with commas.
func number[N int | int64 | uint64](n N) string {
	return message.NewPrinter(language.English).Sprintf("%d", n)
}

// size writes a number of bytes.
func size[N int64 | uint64](n N) string {
	switch f := float64(n); {
	case f >= 1<<30:
		return fmt.Sprintf("%.1f GiB", f/(1<<30))
	case f >= 1<<20:
		return fmt.Sprintf("%.1f MiB", f/(1<<20))
	case f >= 1<<10:
		return fmt.Sprintf("%.1f KiB", f/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

// brief writes a duration as finely as people want to see it.
func brief(d time.Duration) string {
	if d >= 10*time.Second {
		return d.Round(time.Second).String()
	}
	if d >= time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Millisecond).String()
}

// bar draws how much of a total is done.
func bar(done, total uint64) string {
	done = min(done, total)
	b := progressbar.NewOptions64(int64(max(total, 1)),
		progressbar.OptionSetWriter(io.Discard),
		progressbar.OptionSetWidth(28),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░"}))
	_ = b.RenderBlank() // both write to nowhere
	_ = b.Set64(int64(done))
	return strings.TrimSpace(b.String())
}
