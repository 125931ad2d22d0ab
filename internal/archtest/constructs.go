package archtest

import (
	"go/ast"
	"go/build/constraint"
	"strings"
)

// cgo checks where C is called, and that a file with C in it, its own or
// go-sdl2's, is left out under the nonative tag.
func (c *checker) cgo(s source, imported string) {
	if imported == "C" && !withinAny(s.dir, cgoAreas) {
		c.report(s.path, `imports "C": C is called only in %s`, strings.Join(cgoAreas, ", "))
	}
	if withinAny(imported, nativeImports) && builtWithoutNative(s.ast) {
		c.report(s.path, "imports %q, so it needs //go:build linux && cgo && !nonative", imported)
	}
}

// builtWithoutNative reports whether the file could be built under the
// nonative tag: whether its constraint holds when every tag is set.
func builtWithoutNative(f *ast.File) bool {
	for _, group := range f.Comments {
		if group.Pos() > f.Package {
			break
		}
		for _, line := range group.List {
			if !constraint.IsGoBuild(line.Text) {
				continue
			}
			expr, err := constraint.Parse(line.Text)
			return err != nil || expr.Eval(func(string) bool { return true })
		}
	}
	return true
}

// initFunctions refuses init, except in a program or a test for what can be
// nowhere else: binding main's goroutine to its thread.
func (c *checker) initFunctions(s source) {
	for _, decl := range s.ast.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || fn.Name.Name != "init" {
			continue
		}
		if (s.test || s.ast.Name.Name == "main") && onlyLocksThread(fn) {
			continue
		}
		c.report(s.path, "has an init function: only a main package may, and only to lock its thread")
	}
}

// onlyLocksThread reports whether the body is runtime.LockOSThread() alone.
func onlyLocksThread(fn *ast.FuncDecl) bool {
	if len(fn.Body.List) != 1 {
		return false
	}
	stmt, ok := fn.Body.List[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := stmt.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "LockOSThread" {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "runtime"
}
