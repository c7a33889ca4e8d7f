package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Programs read log lines by their keys, so that these are documented, and each one is
// used.
func TestKeysOfLogLinesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "## Keys")
	table, _, _ = strings.Cut(table, "## ")
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		documented[m[1]] = true
	}
	used := loggedKeys(t)
	for key, at := range used {
		if !documented[key] {
			t.Errorf("%s: the key %q is not in docs/logs.md", at, key)
		}
	}
	for key := range documented {
		if used[key] == "" {
			t.Errorf("docs/logs.md has the key %q, which nothing uses", key)
		}
	}
}

// loggedKeys are the keys of all log lines of the server, each with a place where it is
// used: those given to WithField and WithFields, and those of literals of type
// logrus.Fields, or set in variables or parameters of that type.
func loggedKeys(t *testing.T) map[string]string {
	used := map[string]string{"error": "logrus.WithError"}
	files := token.NewFileSet()
	literal := func(e ast.Expr) {
		if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
			key, _ := strconv.Unquote(l.Value)
			used[key] = files.Position(l.Pos()).String()
		}
	}
	isFields := func(e ast.Expr) bool {
		s, ok := e.(*ast.SelectorExpr)
		return ok && s.Sel.Name == "Fields"
	}
	for _, dir := range []string{"../../cmd/toponym", "../../internal", "../../resolver", "../../state", "../../api", "../../zone"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "WithField" && len(n.Args) == 2 {
						literal(n.Args[0])
					}
				case *ast.CompositeLit:
					if isFields(n.Type) {
						for _, e := range n.Elts {
							literal(e.(*ast.KeyValueExpr).Key)
						}
					}
				case *ast.FuncDecl:
					// Variables and parameters of the type that get further keys.
					var names []string
					for _, p := range n.Type.Params.List {
						if isFields(p.Type) {
							for _, id := range p.Names {
								names = append(names, id.Name)
							}
						}
					}
					ast.Inspect(n, func(n ast.Node) bool {
						if a, ok := n.(*ast.AssignStmt); ok && len(a.Lhs) == 1 && len(a.Rhs) == 1 {
							if c, ok := a.Rhs[0].(*ast.CompositeLit); ok && isFields(c.Type) {
								if id, ok := a.Lhs[0].(*ast.Ident); ok {
									names = append(names, id.Name)
								}
							}
							if i, ok := a.Lhs[0].(*ast.IndexExpr); ok {
								if id, ok := i.X.(*ast.Ident); ok && slices.Contains(names, id.Name) {
									literal(i.Index)
								}
							}
						}
						return true
					})
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return used
}
