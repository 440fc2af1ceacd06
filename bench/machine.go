package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// machine is what a figure was measured on.
type machine struct {
	Cores     int    `json:"cores"`
	Processor string `json:"processor"`
	MemoryMiB int64  `json:"memory_mib"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	Commit    string `json:"commit"` // + where files differ from it
}

func describeMachine(ctx context.Context) machine {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	m.Processor = field("/proc/cpuinfo", "model name")
	kib, _, _ := strings.Cut(field("/proc/meminfo", "MemTotal"), " ")
	n, _ := strconv.ParseInt(kib, 10, 64) // 0 where it is not told
	m.MemoryMiB = n >> 10
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease") // empty where it is not told
	m.Kernel = "Linux " + string(bytes.TrimSpace(release))
	if out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty=+").Output(); err == nil {
		m.Commit = string(bytes.TrimSpace(out))
	}
	return m
}

// field gives the value of the first line "name : value" of a file.
func field(path, name string) string {
	text, _ := os.ReadFile(path) // nothing is known then
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg") // nothing is known then
	f := strings.Fields(string(text))
	return strings.Join(f[:min(3, len(f))], " ")
}

// ticks is the kernel's unit of processor time in /proc: a hundredth of a
// second on every platform that Go runs on.
const ticks = 100

// processTime gives the processor time that a process has used, in seconds.
func processTime(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name in the second field may hold anything but ends at the last ")".
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("process %d: no times in /proc", pid)
	}
	return sumTicks(f[11:13]) / ticks, nil
}

// busyTime gives the processor time that all processes have used, in seconds.
func busyTime() float64 {
	text, _ := os.ReadFile("/proc/stat") // others are not known then
	line, _, _ := strings.Cut(string(text), "\n")
	f := strings.Fields(line)
	if len(f) < 9 {
		return 0
	}
	// user nice system (idle iowait) irq softirq steal
	return (sumTicks(f[1:4]) + sumTicks(f[6:9])) / ticks
}

func sumTicks(fields []string) float64 {
	var sum float64
	for _, f := range fields {
		n, _ := strconv.ParseFloat(f, 64) // the kernel writes numbers
		sum += n
	}
	return sum
}
