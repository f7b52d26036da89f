// SPDX-License-Identifier: Apache-2.0

package lab

// Rows returns the tables of the faults, of the healthy services and of the faults that
// no rule knows.
func Rows() (named, well, others []Row) { return faults, healthy, heldOut }

// Prepared returns the service of a case before its start.
func Prepared(c Case) *Service {
	row, _, _ := c.row()
	random, _ := c.randoms()
	s := newService(random)
	row.Scenario(s)
	return s
}

// Wire is the network between a client and its server.
type Wire = wire

func NewWire(to string) (*Wire, error) { return newWire(to) }

func (w *wire) Addr() string { return w.addr }
func (w *wire) Refuse()      { w.refuse() }
func (w *wire) Swallow()     { w.swallow() }
func (w *wire) Close()       { w.close() }

// Manners returns how the caller asks now.
func (r *Route) Manners() Manners { return *r.manners.Load() }
