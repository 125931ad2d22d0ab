package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tree is what a program and everything that it started take of the machine.
type tree struct {
	cpu map[int]time.Duration // by process, also of those that have ended
	pss int64                 // bytes, shared pages divided among those that share them
}

// look adds what the processes below pid have used by now.
func (t *tree) look(pid int) error {
	if t.cpu == nil {
		t.cpu = map[int]time.Duration{}
	}
	parents, err := parentsOfAll()
	if err != nil {
		return err
	}
	t.pss = 0
	for child := range parents {
		if !descends(parents, child, pid) {
			continue
		}
		// A process may end between two looks; what it had used stays counted.
		if cpu, err := cpuOf(child); err == nil {
			t.cpu[child] = cpu
		}
		if n, err := pssOf(child); err == nil {
			t.pss += n
		}
	}
	if len(t.cpu) == 0 {
		return fmt.Errorf("processor time of process %d: %w", pid, syscall.ESRCH)
	}
	return nil
}

func (t *tree) total() (sum time.Duration) {
	for _, cpu := range t.cpu {
		sum += cpu
	}
	return sum
}

// parentsOfAll maps each process to its parent.
func parentsOfAll() (map[int]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	parents := map[int]int{}
	for _, path := range dirs {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(raw), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 {
			parents[pid], _ = strconv.Atoi(fields[1])
		}
	}
	return parents, nil
}

// descends reports whether a process is ancestor or was started below it.
func descends(parents map[int]int, pid, ancestor int) bool {
	for range 64 {
		if pid == ancestor {
			return true
		}
		parent, ok := parents[pid]
		if !ok || parent <= 1 {
			return false
		}
		pid = parent
	}
	return false
}

// pssOf returns a process's proportional set size in bytes
// (proc(5), /proc/pid/smaps_rollup).
func pssOf(pid int) (int64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "Pss:"); ok {
			var kb int64
			if _, err := fmt.Sscan(rest, &kb); err != nil {
				return 0, err
			}
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("memory of process %d: %w", pid, syscall.EINVAL)
}
