package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Violation is one broken rule.
type Violation struct {
	Path string // file or folder, relative to the root, with slashes
	Text string // what is wrong and what would be right
}

// String returns path: text.
func (v Violation) String() string { return v.Path + ": " + v.Text }

// Check returns what in the tree at root breaks a rule, in the order of
// paths. The error is about reading or parsing the tree.
func Check(root string) ([]Violation, error) {
	c := checker{root: root, fset: token.NewFileSet()}
	if err := c.rootEntries(); err != nil {
		return nil, err
	}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name != root && ignored(d.Name()) {
			return fs.SkipDir
		}
		return c.directory(name)
	})
	slices.SortStableFunc(c.found, func(a, b Violation) int { return strings.Compare(a.Path, b.Path) })
	return c.found, err
}

// ignored reports whether a folder is no part of the source.
func ignored(name string) bool {
	return name == "testdata" || name == "build" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

// checker collects violations.
type checker struct {
	root  string
	fset  *token.FileSet
	found []Violation
}

// source is one parsed file.
type source struct {
	path string // relative to the root
	dir  string
	test bool
	ast  *ast.File
}

func (c *checker) report(at, format string, args ...any) {
	c.found = append(c.found, Violation{Path: at, Text: fmt.Sprintf(format, args...)})
}

func (c *checker) rootEntries() error {
	entries, err := os.ReadDir(c.root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(rootEntries, e.Name()) {
			c.report(e.Name(), "may not stand at the root")
		}
	}
	return nil
}

// directory checks one folder's package.
func (c *checker) directory(name string) error {
	files, err := filepath.Glob(filepath.Join(name, "*.go"))
	if err != nil || len(files) == 0 {
		return err
	}
	var sources []source
	for _, file := range files {
		s, err := c.parse(file)
		if err != nil {
			return err
		}
		sources = append(sources, s)
		c.file(s)
	}
	c.folder(sources)
	return nil
}

func (c *checker) parse(file string) (source, error) {
	f, err := parser.ParseFile(c.fset, file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return source{}, err
	}
	rel, err := filepath.Rel(c.root, file)
	if err != nil {
		return source{}, err
	}
	rel = filepath.ToSlash(rel)
	return source{path: rel, dir: path.Dir(rel), test: strings.HasSuffix(rel, "_test.go"), ast: f}, nil
}

// folder checks what belongs to a package as a whole.
func (c *checker) folder(sources []source) {
	dir := sources[0].dir
	if _, known := areaOf(dir); !known {
		c.report(dir, "no rule knows this package: give it a place in internal/archtest/rules.go")
	}
	if slices.Contains(vagueNames, path.Base(dir)) {
		c.report(dir, "the name says nothing about what is inside")
	}
	c.packageComment(dir, sources)
}

// packageComment wants exactly one package comment, in a file that is no test
// unless the package is nothing but tests.
func (c *checker) packageComment(dir string, sources []source) {
	plain := slices.DeleteFunc(slices.Clone(sources), func(s source) bool { return s.test })
	if len(plain) == 0 {
		plain = sources
	}
	var with []string
	for _, s := range plain {
		if s.ast.Doc == nil || s.ast.Doc.Text() == "" {
			continue
		}
		with = append(with, path.Base(s.path))
		if name := s.ast.Name.Name; name != "main" && !strings.HasPrefix(s.ast.Doc.Text(), "Package "+name+" ") {
			c.report(s.path, "the package comment must begin with %q", "Package "+name)
		}
	}
	switch len(with) {
	case 0:
		c.report(dir, "no package comment")
	case 1:
	default:
		c.report(dir, "%d package comments (%s): keep one", len(with), strings.Join(with, ", "))
	}
}

// file checks what belongs to one file.
func (c *checker) file(s source) {
	for _, spec := range s.ast.Imports {
		// The parser has accepted the literal, so this cannot fail.
		imported, _ := strconv.Unquote(spec.Path.Value)
		c.edge(s, imported)
		c.cgo(s, imported)
	}
	c.initFunctions(s)
}

// testKit reports whether a package is made for tests: its name is that of what
// it stands for and "test", such as decodetest. Real things are tested with
// the same kit as their fakes, wherever they are.
func testKit(target string) bool {
	return strings.HasSuffix(target, "test") && path.Base(target) != "test"
}

// edge checks one import against the layers.
func (c *checker) edge(s source, imported string) {
	from, known := areaOf(s.dir)
	if !known {
		return // reported once, for the folder
	}
	if from.pure && !s.test && withinAny(imported, ioImports) {
		c.report(s.path, "imports %q, but %s does no I/O", imported, from.path)
	}
	target, inside := strings.CutPrefix(imported, module+"/")
	if !inside {
		return
	}
	to, known := areaOf(target)
	switch {
	case !known:
		c.report(s.path, "imports %s, which no rule knows", target)
	case to.path == from.path:
	case s.test && (to.otherEnd || testKit(target)):
	case s.test && from.otherEnd && to.layer == parts && to.importers == nil:
	case to.importers != nil && !withinAny(s.dir, to.importers):
		c.report(s.path, "imports %s, which only %s may", target, strings.Join(to.importers, " and "))
	case to.layer == parts && from.layer == parts:
		c.report(s.path, "imports %s, but %s and %s are parts that never meet: move what they share below them", target, from.path, to.path)
	case to.layer > from.layer:
		c.report(s.path, "imports %s, which is above %s", target, from.path)
	case to.layer == programs:
		c.report(s.path, "imports %s, but a program cannot be imported", target)
	}
}
