// SPDX-License-Identifier: Apache-2.0

package enum_test

import (
	"testing"

	"github.com/penstock-go/penstock/internal/enum"
)

type fruit uint8

func (f fruit) String() string { return [...]string{"apple", "pear", "plum"}[f%3] }

var fruits = []fruit{0, 1, 2}

func TestTextAndParse(t *testing.T) {
	for _, f := range fruits {
		text, err := enum.Text(f, fruits...)
		var back fruit
		if perr := enum.Parse(&back, text, fruits...); err != nil || perr != nil || back != f || string(text) != f.String() {
			t.Errorf("%v became %q, %v, and then %v, %v", f, text, err, back, perr)
		}
	}
}

func TestWhatIsNoValueIsAnError(t *testing.T) {
	const noText = `3 is no enum_test.fruit, want apple, pear or plum`
	if text, err := enum.Text(fruit(3), fruits...); text != nil || err == nil || err.Error() != noText {
		t.Errorf("Text = %q, %v, want %s", text, err, noText)
	}
	f := fruit(1)
	const noValue = `"Plum" is no enum_test.fruit, want apple, pear or plum`
	if err := enum.Parse(&f, []byte("Plum"), fruits...); f != 1 || err == nil || err.Error() != noValue {
		t.Errorf("Parse = %v, %v, want %s", f, err, noValue)
	}
}
