// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"testing"
)

// BenchmarkChain runs one subject of one case, for profiles. To compare
// subjects, use the program: it lets them take turns.
func BenchmarkChain(b *testing.B) {
	for _, c := range benchCases {
		for _, m := range c.makers() {
			b.Run(c.name+"/"+m.name, func(b *testing.B) {
				s, err := m.open(c.setup)
				if err != nil {
					b.Fatal(err)
				}
				defer s.close()
				ctx, cancel := c.context()
				defer cancel()
				b.ReportAllocs()
				b.ResetTimer()
				if err := turn(b, c, ctx, s); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

func turn(b *testing.B, c benchCase, ctx context.Context, s subject) error {
	if !c.parallel {
		return s.turns(ctx, b.N)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.turns(ctx, 1); err != nil {
				b.Error(err)
				return
			}
		}
	})
	return nil
}
