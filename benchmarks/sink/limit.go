package main

import (
	"sync"
	"time"
)

// limit lets a number of requests pass a second; what comes above it is refused.
type limit struct {
	mutex  sync.Mutex
	rate   float64 // requests a second; 0 = no limit
	tokens float64
	filled time.Time
}

// burst is the time whose requests may come at once.
const burst = 100 * time.Millisecond

// pass returns whether one more request may pass now.
func (l *limit) pass(now time.Time) bool {
	if l.rate == 0 {
		return true
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	most := max(1, l.rate*burst.Seconds())
	l.tokens = min(most, l.tokens+l.rate*now.Sub(l.filled).Seconds())
	l.filled = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}
