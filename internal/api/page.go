// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/constant"
	"go/types"
	"slices"
	"strconv"
	"strings"
	"time"
)

// page returns the exported API of a package: the number of its top-level
// names, then a line for each of them in alphabetical order. Below a type are
// its exported fields, in their order, and its exported methods, in
// alphabetical order.
//
// What is promoted from an embedded type is listed where the type cannot be
// looked up otherwise: it is of this package, and not exported.
func page(pkg *types.Package) string {
	p := printer{pkg: pkg, aliased: map[*types.Package]bool{}}
	for _, name := range pkg.Scope().Names() {
		if of := unimportable(pkg.Scope().Lookup(name)); of != nil {
			p.aliased[of.Obj().Pkg()] = true
		}
	}
	names := 0
	for _, name := range pkg.Scope().Names() { // sorted
		if obj := pkg.Scope().Lookup(name); obj.Exported() {
			names++
			p.object(obj)
		}
	}
	return fmt.Sprintf("top-level names: %d\n", names) + p.String()
}

type printer struct {
	strings.Builder
	pkg     *types.Package
	aliased map[*types.Package]bool // packages that no user can import, with an alias here
}

func (p *printer) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *printer) typ(t types.Type) string { return types.TypeString(t, p.qualifier) }

// qualifier writes names of other packages with the name of their package, except for a
// package whose types have names in this one.
func (p *printer) qualifier(other *types.Package) string {
	if other == p.pkg || p.aliased[other] {
		return ""
	}
	return other.Name()
}

func (p *printer) object(obj types.Object) {
	switch obj := obj.(type) {
	case *types.Const:
		p.line("const %s %s = %s", obj.Name(), p.typ(obj.Type()), p.value(obj))
	case *types.Var:
		p.line("var %s %s", obj.Name(), p.typ(obj.Type()))
	case *types.Func:
		p.line("func %s%s", obj.Name(), p.signature(obj))
	case *types.TypeName:
		if obj.IsAlias() {
			if of := unimportable(obj); of != nil {
				p.named(obj.Name(), of) // no other page has it
				return
			}
			p.line("type %s = %s", obj.Name(), p.typ(types.Unalias(obj.Type())))
			return
		}
		p.named(obj.Name(), obj.Type().(*types.Named))
	}
}

func (p *printer) value(c *types.Const) string {
	if p.typ(c.Type()) == "time.Duration" {
		if n, ok := constant.Int64Val(c.Val()); ok {
			return time.Duration(n).String()
		}
	}
	if c.Val().Kind() == constant.Float {
		return c.Val().String() // the exact one is a fraction
	}
	return c.Val().ExactString()
}

func (p *printer) signature(f *types.Func) string {
	return strings.TrimPrefix(p.typ(f.Type()), "func")
}

// unimportable returns the type that an exported alias stands for, if the type is of a
// package that no user can import. Else it returns nil.
func unimportable(obj types.Object) *types.Named {
	alias, ok := obj.(*types.TypeName)
	if !ok || !alias.IsAlias() || !alias.Exported() {
		return nil
	}
	of, ok := types.Unalias(alias.Type()).(*types.Named)
	if !ok || of.Obj().Pkg() == nil || !strings.Contains(of.Obj().Pkg().Path()+"/", "/internal/") {
		return nil
	}
	return of
}

// named prints a type under the name that it has in this package.
func (p *printer) named(name string, t *types.Named) {
	head := "type " + name + p.parameters(t)
	switch under := t.Underlying().(type) {
	case *types.Struct:
		p.line("%s struct", head)
		p.fields(name, under, map[types.Type]bool{t: true})
	case *types.Interface:
		p.line("%s interface", head)
		p.demands(name, under)
		return // its methods are these
	default:
		p.line("%s %s", head, p.typ(under))
	}
	p.methods(name, t)
}

func (p *printer) parameters(t *types.Named) string {
	var all []string
	for param := range t.TypeParams().TypeParams() {
		all = append(all, param.Obj().Name()+" "+p.typ(param.Constraint()))
	}
	if all == nil {
		return ""
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// fields lists the fields of the struct and of the hidden structs that it
// embeds. The map holds the types that were entered.
func (p *printer) fields(of string, s *types.Struct, entered map[types.Type]bool) {
	for i := range s.NumFields() {
		f := s.Field(i)
		tag := ""
		if s.Tag(i) != "" {
			tag = " " + strconv.Quote(s.Tag(i))
		}
		if inner := p.hidden(f); inner != nil {
			if under, ok := inner.Underlying().(*types.Struct); ok && !entered[inner] {
				entered[inner] = true
				p.fields(of, under, entered)
			}
		} else if f.Embedded() {
			p.line("type %s struct, embeds %s%s", of, p.typ(types.Unalias(f.Type())), tag)
		} else if f.Exported() {
			p.line("type %s struct, field %s %s%s", of, f.Name(), p.typ(f.Type()), tag)
		}
	}
}

// hidden returns the type of an embedded field whose type is of this package
// and is not exported, else nil.
func (p *printer) hidden(f *types.Var) *types.Named {
	if !f.Embedded() {
		return nil
	}
	t := types.Unalias(f.Type())
	if pointer, ok := t.(*types.Pointer); ok {
		t = types.Unalias(pointer.Elem())
	}
	named, ok := t.(*types.Named)
	if !ok || named.Obj().Exported() || named.Obj().Pkg() != p.pkg {
		return nil
	}
	return named
}

// demands lists what a type must have to be the interface.
func (p *printer) demands(of string, i *types.Interface) {
	for embedded := range i.EmbeddedTypes() {
		p.line("type %s interface, embeds %s", of, p.typ(embedded))
	}
	hidden := false
	for m := range i.ExplicitMethods() { // sorted
		if m.Exported() {
			p.line("type %s interface, method %s%s", of, m.Name(), p.signature(m))
		} else {
			hidden = true
		}
	}
	if hidden {
		p.line("type %s interface, with a method that is not exported", of)
	}
}

// methods lists the exported methods of the type and of its pointer.
func (p *printer) methods(name string, t *types.Named) {
	pointers := types.NewMethodSet(types.NewPointer(t))
	values := types.NewMethodSet(t)
	for selection := range pointers.Methods() { // sorted
		m := selection.Obj().(*types.Func)
		if !m.Exported() || !p.here(t, selection.Index()) {
			continue
		}
		receiver := "*" + name
		if values.Lookup(m.Pkg(), m.Name()) != nil {
			receiver = name
		}
		p.line("type %s, method (%s) %s%s", name, receiver, m.Name(), p.signature(m))
	}
}

// here tells whether the method at the end of the path is the type's own, or
// comes through embedded fields of hidden types alone.
func (p *printer) here(t *types.Named, path []int) bool {
	for _, i := range path[:len(path)-1] {
		s, ok := t.Underlying().(*types.Struct)
		if !ok {
			return false
		}
		if t = p.hidden(s.Field(i)); t == nil {
			return false
		}
	}
	return true
}

// firstDifference returns the number of the first line that differs, from one,
// and that line of both; 0 if none does.
func firstDifference(a, b string) (line int, inA, inB string) {
	linesA, linesB := slices.Collect(strings.Lines(a)), slices.Collect(strings.Lines(b))
	at := func(lines []string, i int) string {
		if i < len(lines) {
			return strings.TrimSuffix(lines[i], "\n")
		}
		return "(nothing)"
	}
	for i := range max(len(linesA), len(linesB)) {
		if inA, inB = at(linesA, i), at(linesB, i); inA != inB {
			return i + 1, inA, inB
		}
	}
	return 0, "", ""
}
