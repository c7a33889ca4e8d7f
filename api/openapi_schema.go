package api

import (
	"net/netip"
	"path"
	"reflect"
	"strings"
	"time"

	"toponym/records"
)

// schema is a JSON Schema, as OpenAPI 3.1 uses it.
type schema map[string]any

// schemas are the schemas of named types, by name.
type schemas map[string]schema

// notNull are types whose lists are never null.
var notNull = map[reflect.Type]bool{
	reflect.TypeFor[records.Instance](): true, reflect.TypeFor[records.InstanceFramework](): true, reflect.TypeFor[records.InstanceAgent](): true,
	reflect.TypeFor[records.InstanceAddresses](): true, reflect.TypeFor[records.InstanceNetwork](): true, reflect.TypeFor[records.InstancePort](): true,
}

// special are the schemas of types that encode themselves.
var special = map[reflect.Type]schema{
	reflect.TypeFor[time.Time]():          {"type": "string", "format": "date-time"},
	reflect.TypeFor[netip.Addr]():         {"type": "string", "description": "an IP address"},
	reflect.TypeFor[netip.AddrPort]():     {"type": "string", "description": "address:port, with brackets around IPv6 addresses"},
	reflect.TypeFor[Seconds]():            {"type": "number", "description": "seconds"},
	reflect.TypeFor[records.NameText]():   {"type": "string"},
	reflect.TypeFor[records.Timestamp]():  {"type": []string{"string", "null"}, "format": "date-time"},
	reflect.TypeFor[records.Endpoint]():   {"type": "array", "items": schema{"type": "string", "description": "address:port, with brackets around IPv6 addresses"}},
	reflect.TypeFor[records.HealthText](): {"enum": []string{string(records.HealthyText), string(records.UnhealthyText), string(records.UnknownText)}},
	reflect.TypeFor[records.PortSide]():   {"enum": []string{string(records.SideNone), string(records.SideAgent), string(records.SideContainer)}},
}

// of returns the schema of a type as encoding/json writes it, and adds those of the
// named structs that it refers to. Members without omitempty are required, and
// there are no others.
func (all schemas) of(t reflect.Type, nullable bool) schema {
	if s, ok := special[t]; ok {
		return s
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schema{"anyOf": []schema{all.of(t.Elem(), nullable), {"type": "null"}}}
	case reflect.Slice:
		if nullable {
			return schema{"type": []string{"array", "null"}, "items": all.of(t.Elem(), nullable)}
		}
		return schema{"type": "array", "items": all.of(t.Elem(), nullable)}
	case reflect.Array:
		return schema{"type": "array", "items": all.of(t.Elem(), nullable)}
	case reflect.Map:
		kind := any("object")
		if nullable {
			kind = []string{"object", "null"}
		}
		return schema{"type": kind, "additionalProperties": all.of(t.Elem(), nullable)}
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Float64:
		return schema{"type": "number"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Struct:
		return all.ofStruct(t)
	case reflect.Interface:
		return schema{}
	}
	return schema{"type": "integer"}
}

func (all schemas) ofStruct(t reflect.Type) schema {
	name := strings.TrimSuffix(t.Name(), "Doc")
	if name == "" {
		return all.members(t)
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	if pkg := path.Base(t.PkgPath()); pkg != "api" && pkg != "records" { // others have types with the same names
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	if all[name] == nil {
		all[name] = schema{} // for types that refer to themselves
		all[name] = all.members(t)
	}
	return schema{"$ref": "#/components/schemas/" + name}
}

func (all schemas) members(t reflect.Type) schema {
	properties, required := schema{}, []string{}
	all.addMembers(t, properties, &required)
	return schema{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

func (all schemas) addMembers(t reflect.Type, properties schema, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			all.addMembers(f.Type, properties, required)
			continue
		case !f.IsExported() || name == "-":
			continue
		case name == "":
			name = f.Name
		}
		properties[name] = all.of(f.Type, !notNull[t])
		if !strings.Contains(options, "omitempty") {
			*required = append(*required, name)
		}
	}
}
