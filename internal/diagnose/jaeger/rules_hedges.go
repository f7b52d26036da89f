// SPDX-License-Identifier: Apache-2.0

package jaeger

import "time"

// hedges are the second runs after the calm quarter.
type hedges struct {
	second operations
	// delays are how long after its first run each second run began, where Jaeger has both.
	delays []time.Duration
}

func (w *window) hedges() hedges {
	h := hedges{second: w.fresh((*operation).second)}
	first := map[string]*operation{} // by trace
	for _, o := range w.ops {
		if !o.second() {
			first[o.trace] = o
		}
	}
	for _, o := range h.second {
		if f := first[o.trace]; f != nil && f.name == o.name {
			h.delays = append(h.delays, o.Begin.Sub(f.Begin))
		}
	}
	return h
}

// early reports whether most second runs began before an answer to the first could come.
// Those that a slow backend causes begin later.
func (h hedges) early(usual time.Duration) bool {
	early := 0
	for _, d := range h.delays {
		if d < usual {
			early++
		}
	}
	return usual > 0 && 2*early >= len(h.delays)
}

func hedgingOverload(w *window) *proof {
	h := w.hedges()
	if len(h.second) == 0 {
		return nil
	}
	read := func(o *operation) bool { return o.name == h.second[0].name }
	before := w.usual().where(read)
	if len(before) == 0 {
		before = w.usual()
	}
	usual := before.median((*operation).work)
	if !h.early(usual) {
		return nil
	}
	reads := w.plain().since(h.second[0].Begin).where(read)
	if hedged := reads.where((*operation).hedged); 2*len(hedged) < len(reads) {
		return nil
	}
	answered := append(reads, h.second...).where(func(o *operation) bool { return !o.lost() })
	took := answered.median((*operation).work)
	if took < 2*usual {
		return nil // twice the load, and room for it
	}
	return by(h.second, "%d operations were hedged before an answer could come, and reads take %v, %.1f times as long as before",
		len(h.second), took.Round(time.Millisecond), float64(took)/float64(usual))
}
