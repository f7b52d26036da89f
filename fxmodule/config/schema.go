// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// node is a part of a JSON schema.
type node map[string]any

// Schema returns a JSON schema (draft 7) of the files that Load takes with o, for editors:
// they complete the settings, and mark wrong ones. texts has what an editor shows of a
// setting, by its key. Contradictions between settings are left to Load.
func Schema(o Options, texts map[string]string) ([]byte, error) {
	settings, err := Settings(o)
	if err != nil {
		return nil, err
	}
	client := node{}
	for _, s := range settings {
		value := s.schema()
		if text := texts[s.Key]; text != "" {
			value["description"] = text
		}
		parts := strings.Split(s.Key, ".")
		at := client
		for _, part := range parts[:len(parts)-1] {
			if at[part] == nil {
				at[part] = object(node{})
			}
			at = at[part].(node)["properties"].(node)
		}
		at[parts[len(parts)-1]] = value
	}
	// An editor needs each section once: it stands at the top, and below each client.
	definitions, top := node{}, node{}
	for _, name := range sorted(client) {
		definitions[name] = client[name]
		top[name] = node{"$ref": "#/definitions/" + name}
	}
	definitions["client"] = object(top)
	whole := node{}
	for name, ref := range top {
		whole[name] = ref
	}
	whole["clients"] = node{
		"description":          "The clients by name. A setting here overrides the one at the top of the file.",
		"type":                 []string{"object", "null"},
		"propertyNames":        node{"pattern": clientName.String()},
		"additionalProperties": node{"$ref": "#/definitions/client"},
	}
	root := object(whole)
	root["$schema"], root["definitions"] = "http://json-schema.org/draft-07/schema#", definitions
	root["title"] = "Configuration of Penstock"
	text, err := json.MarshalIndent(root, "", "  ")
	return append(text, '\n'), err
}

// object is a section, which may be empty.
func object(properties node) node {
	return node{"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties}
}

// schema returns the schema of the values of a setting. Each may be left empty.
func (s Setting) schema() node {
	of := s.valueSchema()
	if texts := sorted(words[s.Key]); len(texts) > 0 {
		return node{"anyOf": []node{of, {"enum": texts}}}
	}
	return of
}

func (s Setting) valueSchema() node {
	typed := func(types ...string) node { return node{"type": append(types, "null")} }
	text := typed("string")
	if s.FromFile {
		return text
	}
	if reflect.PointerTo(s.Type).Implements(unmarshaler) {
		if texts := s.enum(); len(texts) > 0 {
			return node{"enum": append(texts, nil)}
		}
		if !s.Secret {
			return typed("string", "number", "boolean")
		}
		return text
	}
	switch kind := s.Type.Kind(); {
	case s.Type == duration:
		text["pattern"] = `^\+?([0-9]+(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h))+$`
		return text
	case kind == reflect.String:
		return text
	case kind == reflect.Bool:
		return typed("boolean")
	case kind == reflect.Slice:
		return node{"type": []string{"array", "null"}, "minItems": 1, "items": s.item().listed()}
	case s.size:
		return typed("integer", "string")
	case kind == reflect.Float32 || kind == reflect.Float64:
		return s.above("exclusiveMinimum", typed("number"))
	default:
		return s.above("minimum", typed("integer"))
	}
}

// above adds the bound of a number.
func (s Setting) above(keyword string, of node) node {
	if !s.any {
		of[keyword] = map[string]int{"minimum": 1}[keyword]
	}
	return of
}

// listed returns the schema of a value in a list, which must not be empty.
func (s Setting) listed() node {
	of := s.valueSchema()
	if types, ok := of["type"].([]string); ok {
		of["type"] = slices.DeleteFunc(types, func(t string) bool { return t == "null" })
	}
	if s.Type.Kind() == reflect.String {
		of["minLength"] = 1
	}
	return of
}

// enum returns the texts of an enumerated type, nil if the type is none.
func (s Setting) enum() (texts []any) {
	if kind := s.Type.Kind(); kind != reflect.Uint8 && kind != reflect.Int8 {
		return nil
	}
	for n := range 32 {
		v := reflect.New(s.Type).Elem()
		if v.CanUint() {
			v.SetUint(uint64(n))
		} else {
			v.SetInt(int64(n))
		}
		m, ok := v.Interface().(encoding.TextMarshaler)
		if !ok {
			return nil
		}
		if text, err := m.MarshalText(); err == nil {
			texts = append(texts, string(text))
		}
	}
	return texts
}
