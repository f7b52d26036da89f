// SPDX-License-Identifier: Apache-2.0

// Package list is a doubly linked list of structs that hold their own links.
// Putting a struct into a list allocates nothing, and taking it out, wherever
// it is, takes constant time.
//
// A struct has one [Elem] for each list that it may be in:
//
//	type waiter struct {
//		place list.Elem[*waiter]
//		...
//	}
//
//	var queue list.List[*waiter]
//	queue.PushBack(&w.place, w)
//	for w := queue.First(); w != nil; w = w.place.Next() {
//		...
//	}
//
// A list and its elements are not safe for concurrent use.
package list

// List is a list of items of type T, which is most often a pointer to a struct
// with an [Elem]. The zero value is an empty list. A list must not be copied
// once an item was put into it.
type List[T any] struct {
	root Elem[T] // closes the ring: its next is the first element, its prev the last
	len  int
}

// Elem is the place of an item in a [List]. The zero value is in no list. An
// element must not be copied or cleared while it is in a list.
type Elem[T any] struct {
	prev, next *Elem[T] // nil while the element is in no list
	item       T        // the zero value while it is in no list, and in a root
}

// Len returns how many items are in l.
func (l *List[T]) Len() int { return l.len }

// First returns the first item of l, or the zero value of T if l is empty.
func (l *List[T]) First() T { return l.root.Next() }

// Last returns the last item of l, or the zero value of T if l is empty.
func (l *List[T]) Last() (item T) {
	if l.root.prev != nil {
		item = l.root.prev.item
	}
	return item
}

// Next returns the item behind e in its list, or the zero value of T if e is
// the last element or in no list.
func (e *Elem[T]) Next() (item T) {
	if e.next != nil {
		item = e.next.item
	}
	return item
}

// Listed reports whether e is in a list.
func (e *Elem[T]) Listed() bool { return e.next != nil }

// PushBack puts item, whose place is e, at the end of l. e must be in no list.
func (l *List[T]) PushBack(e *Elem[T], item T) {
	l.init()
	l.insert(e, item, &l.root)
}

// PushFront puts item, whose place is e, at the head of l. e must be in no
// list.
func (l *List[T]) PushFront(e *Elem[T], item T) {
	l.init()
	l.insert(e, item, l.root.next)
}

// InsertBefore puts item, whose place is e, before mark. mark must be in l, and
// e in no list.
func (l *List[T]) InsertBefore(e *Elem[T], item T, mark *Elem[T]) { l.insert(e, item, mark) }

// Remove takes e out of l, which must be its list. It does nothing if e is in
// no list.
func (l *List[T]) Remove(e *Elem[T]) {
	if e.next == nil {
		return
	}
	e.prev.next, e.next.prev = e.next, e.prev
	*e = Elem[T]{}
	l.len--
}

// init makes the zero value a ring.
func (l *List[T]) init() {
	if l.root.next == nil {
		l.root.next, l.root.prev = &l.root, &l.root
	}
}

func (l *List[T]) insert(e *Elem[T], item T, next *Elem[T]) {
	e.item, e.prev, e.next = item, next.prev, next
	e.prev.next, next.prev = e, e
	l.len++
}
