// SPDX-License-Identifier: Apache-2.0

package milvus_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/penstock-go/penstock/pool/milvus"
	"github.com/penstock-go/penstock/pool/milvus/milvustest"
)

// holders are types of an application that hold a T in each place that a type has.
type (
	exported[T any]   struct{ Value T }
	unexported[T any] struct{ value T }
	pointers[T any]   struct {
		Value *T
		value *T
	}
	nested[T any] struct{ inner unexported[exported[T]] }
	lists[T any]  struct {
		Value []T
		value [1]T
	}
	maps[T any] struct {
		Value map[string]T
		value map[string]T
	}
	anys struct {
		Value any
		value any
	}
	embedding struct {
		milvus.Config
		Port int
	}
	embeddingPointer struct {
		*milvus.Config
		Port int
	}
	embeddingSecret struct {
		milvus.Secret
		Port int
	}
	embeddingCredentials struct {
		milvus.Credentials
		Port int
	}
)

func holders[T any](v T) []any {
	return []any{
		v, &v, exported[T]{v}, &exported[T]{v}, unexported[T]{v}, &unexported[T]{v}, pointers[T]{&v, &v}, nested[T]{unexported[exported[T]]{exported[T]{v}}},
		lists[T]{[]T{v}, [1]T{v}}, maps[T]{map[string]T{"a": v}, map[string]T{"a": v}}, anys{v, v}, anys{&v, &v},
		[]T{v}, map[string]T{"a": v}, []any{v},
	}
}

func TestNothingPrintsASecretWhereverItIsHeld(t *testing.T) {
	secret := milvus.NewSecret("hunter2")
	owner := milvus.Credentials{Username: "root", Password: secret, APIKey: milvus.NewSecret("k3y")}
	cfg := milvus.Config{Username: "root", Password: secret, APIKey: milvus.NewSecret("k3y")}
	all := append(holders(secret), holders(owner)...)
	all = append(append(all, holders(cfg)...), holders(map[milvus.Secret]int{secret: 1})...)
	all = append(all, embedding{cfg, 1}, embeddingPointer{&cfg, 1}, embeddingSecret{secret, 1}, embeddingCredentials{owner, 1})
	for _, v := range all {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%t"} {
			wantNoSecret(t, fmt.Sprintf(verb, v))
		}
		wantNoSecret(t, fmt.Sprint(v))
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "v", v, "group", slog.GroupValue(slog.Any("v", v)))
		for _, encode := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
			text, err := encode(v)
			fmt.Fprintf(&out, "%s %v", text, err) // an encoder may refuse the value, but not show it
		}
		dump(&out, reflect.ValueOf(v), 0)
		wantNoSecret(t, out.String())
	}
}

// dump writes every string that reflection finds in v, through pointers and unexported
// fields, as the dumps of test libraries do.
func dump(out *bytes.Buffer, v reflect.Value, depth int) {
	if depth > 12 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		out.WriteString(v.String() + "\n")
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			dump(out, v.Elem(), depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			dump(out, v.Field(i), depth+1)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			dump(out, v.Index(i), depth+1)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			dump(out, key, depth+1)
			dump(out, v.MapIndex(key), depth+1)
		}
	}
}

func TestASecretSaysWhetherThereIsOneAndNotHowLongItIs(t *testing.T) {
	for text, want := range map[string]string{"": "", "hunter2": "[redacted]"} {
		if got := fmt.Sprintf("%v", milvus.NewSecret(text)); got != want {
			t.Errorf("%%v = %q, want %q", got, want)
		}
	}
	size := func(s milvus.Secret) int { return reflect.ValueOf(s).Field(0).Len() }
	if short, long := size(milvus.NewSecret("a")), size(milvus.NewSecret(strings.Repeat("a", 40))); short != long {
		t.Errorf("the sizes are %d and %d, want no difference", short, long)
	}
}

func TestSecretsOfOneTextAreEqual(t *testing.T) {
	long := strings.Repeat("a", 1000)
	for _, text := range []string{"", "a", "hunter2", long} {
		for _, other := range []string{"", "a", "hunter2", "hunter3", long} {
			if got := milvus.NewSecret(text) == milvus.NewSecret(other); got != (text == other) {
				t.Errorf("the secrets of %.9q and %.9q are equal: %v", text, other, got)
			}
		}
	}
}

func TestASecretIsReadFromAFileButNotFromAPrintedOne(t *testing.T) {
	type settings struct{ Password milvus.Secret }
	var s settings
	if err := json.Unmarshal([]byte(`{"Password": "hunter2"}`), &s); err != nil || s.Password != milvus.NewSecret("hunter2") {
		t.Errorf("Unmarshal = %v, or another secret", err)
	}
	printed, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(printed, &s); err == nil || !strings.Contains(err.Error(), "was printed") {
		t.Errorf("Unmarshal of %s = %v, want an error that says what happened", printed, err)
	}
}

// Long ones and such with odd bytes arrive at the server as they are.
func TestTheServerGetsTheTextOfASecret(t *testing.T) {
	for _, text := range []string{"x", "right", strings.Repeat("long", 100), "umlaut ä \x00 :"} {
		srv := start(t, milvustest.Config{Username: "root", Password: text})
		dial(t, newFactory(t, milvus.Config{Address: srv.Addr(), Username: "root", Password: milvus.NewSecret(text)}))
	}
}
