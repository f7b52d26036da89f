// SPDX-License-Identifier: Apache-2.0

package list_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/penstock-go/penstock/internal/list"
)

type item struct {
	place list.Elem[*item]
	n     int
}

func Example() {
	var queue list.List[*item]
	for n := range 3 {
		i := &item{n: n}
		queue.PushBack(&i.place, i)
	}
	for i := queue.First(); i != nil; i = i.place.Next() {
		fmt.Println(i.n)
	}
	// Output:
	// 0
	// 1
	// 2
}

// all returns the items from the first to the last.
func all(l *list.List[*item]) []*item {
	var items []*item
	for i := l.First(); i != nil; i = i.place.Next() {
		items = append(items, i)
	}
	return items
}

// check compares l with the items that it should hold.
func check(t *testing.T, l *list.List[*item], want []*item) {
	t.Helper()
	if got := all(l); !slices.Equal(got, want) || l.Len() != len(want) {
		t.Fatalf("the list holds %v, Len = %d, want %v", got, l.Len(), want)
	}
	last := (*item)(nil)
	if len(want) > 0 {
		last = want[len(want)-1]
	}
	if got := l.Last(); got != last {
		t.Fatalf("Last = %v, want %v", got, last)
	}
	for _, i := range want {
		if !i.place.Listed() {
			t.Fatalf("Listed = false for %v, which is in the list", i)
		}
	}
}

func TestAnEmptyListHasNeitherFirstNorLast(t *testing.T) {
	var l list.List[*item]
	check(t, &l, nil)
	i := &item{}
	l.PushFront(&i.place, i)
	l.Remove(&i.place)
	check(t, &l, nil)
}

func TestAnElementOutsideOfAListIsLeftAlone(t *testing.T) {
	var l list.List[*item]
	in, out := &item{n: 1}, &item{n: 2}
	l.PushBack(&in.place, in)
	if out.place.Listed() || out.place.Next() != nil {
		t.Errorf("Listed = %t, Next = %v, want false and nil", out.place.Listed(), out.place.Next())
	}
	l.Remove(&out.place)
	check(t, &l, []*item{in})
	l.Remove(&in.place)
	l.Remove(&in.place)
	check(t, &l, nil)
	if in.place.Listed() || in.place.Next() != nil {
		t.Errorf("after Remove: Listed = %t, Next = %v, want false and nil", in.place.Listed(), in.place.Next())
	}
}

// TestAListAgreesWithASlice does the same to a list and to a slice.
func TestAListAgreesWithASlice(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var (
		l    list.List[*item]
		want []*item
	)
	for n := range 5000 {
		i := &item{n: n}
		switch op := rnd.IntN(7); {
		case op < 1:
			l.PushFront(&i.place, i)
			want = slices.Insert(want, 0, i)
		case op < 2:
			l.PushBack(&i.place, i)
			want = append(want, i)
		case len(want) == 0:
		case op < 4:
			at := rnd.IntN(len(want))
			l.InsertBefore(&i.place, i, &want[at].place)
			want = slices.Insert(want, at, i)
		default:
			at := rnd.IntN(len(want))
			l.Remove(&want[at].place)
			want = slices.Delete(want, at, at+1)
		}
		check(t, &l, want)
	}
}

func TestAListAllocatesNothing(t *testing.T) {
	var l list.List[*item]
	first, second := &item{}, &item{}
	if n := testing.AllocsPerRun(100, func() {
		l.PushBack(&first.place, first)
		l.InsertBefore(&second.place, second, &first.place)
		l.Remove(&first.place)
		l.PushFront(&first.place, first)
		l.Remove(&second.place)
		l.Remove(&first.place)
	}); n != 0 {
		t.Errorf("allocations: %v, want 0", n)
	}
}

func BenchmarkPushAndRemove(b *testing.B) {
	var l list.List[*item]
	items := make([]item, 64)
	for i := range items {
		l.PushBack(&items[i].place, &items[i])
	}
	b.ReportAllocs()
	for b.Loop() {
		i := l.First()
		l.Remove(&i.place)
		l.PushBack(&i.place, i)
	}
}
