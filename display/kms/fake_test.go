package kms

import (
	"errors"
	"fmt"
	"image"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/mode"
)

// fake is a card in memory that keeps the kernel's rules: one commit in flight
// for each CRTC, no mode set without leave, no property that does not exist,
// nothing for who is not master. Flips come at the blanks of the mode.
type fake struct {
	mu      sync.Mutex
	objects map[uint32]*fakeObject
	names   map[uint32]string // of properties
	ids     map[string]uint32
	next    uint32
	top     topology
	ports   map[uint32]*connector
	blobs   map[uint32][]byte
	buffers map[uint32]drawing // frame buffers, what is in them
	pending map[uint32]bool    // CRTCs
	master  bool
	held    bool // another program is master
	epoch   time.Time
	seqs    map[uint32]uint32
	last    map[uint32]time.Time // flips, for variable refresh

	flips       chan flip     // capacity 64, never closed
	interrupted chan struct{} // closed by Interrupt
	changed     func()
	leave       func()
	enter       func()
	commits     []commit
	asked       commit // last, accepted or not

	// What a test wants to go wrong, nil: nothing. They are called with mu.
	refuse func(c *commit) error
	lose   func(crtc uint32) bool
	stale  func(crtc uint32, modeset bool) time.Duration
	draws  func(s *gl.Scene) error
	gpu    time.Duration     // that it draws on after Swap; 0: there are no fences
	fences map[int]time.Time // by descriptor: when they are signalled
	atOnce bool              // flips are there when a commit returns, without a timer
	bare   bool              // commits are not remembered
	open   int               // canvases
	closed bool
}

type fakeObject struct {
	kind  objectKind
	props map[uint32]*property
}

// commit is one that was accepted.
type commit struct {
	flags  uint32
	values map[string]uint64 // "crtc 1 ACTIVE"
	at     time.Time
}

// drawing is what is in a frame buffer.
type drawing struct {
	size   image.Point
	frame  uint32 // of the picture, 0: none
	dim    bool
	words  bool
	panel  bool
	cursor bool
}

var testModes = []mode.Mode{
	{Clock: 148500, HDisplay: 1920, HSyncStart: 2008, HSyncEnd: 2052, HTotal: 2200, VDisplay: 1080, VSyncStart: 1084, VSyncEnd: 1089, VTotal: 1125, Type: mode.Preferred, Name: "1920x1080"},
	{Clock: 74250, HDisplay: 1280, HSyncStart: 1390, HSyncEnd: 1430, HTotal: 1650, VDisplay: 720, VSyncStart: 725, VSyncEnd: 730, VTotal: 750, Name: "1280x720"},
	{Clock: 25175, HDisplay: 640, HSyncStart: 656, HSyncEnd: 752, HTotal: 800, VDisplay: 480, VSyncStart: 490, VSyncEnd: 492, VTotal: 525, Name: "640x480"},
}

// newFake returns a card with so many connectors, each with its CRTC, a
// primary and a cursor plane, as fbcon leaves it: all on.
func newFake(connectors int) *fake {
	f := &fake{
		objects: make(map[uint32]*fakeObject), names: make(map[uint32]string), ids: make(map[string]uint32), next: 100,
		ports: make(map[uint32]*connector), blobs: make(map[uint32][]byte), buffers: make(map[uint32]drawing),
		fences: make(map[int]time.Time), pending: make(map[uint32]bool), seqs: make(map[uint32]uint32), last: make(map[uint32]time.Time), master: true, epoch: time.Now(),
		flips: make(chan flip, 64), interrupted: make(chan struct{}),
	}
	fbcon := f.id()
	f.buffers[fbcon] = drawing{size: image.Pt(1280, 720)}
	console := f.id()
	f.blobs[console] = encodeMode(testModes[1])
	for i := range connectors {
		f.addPipe(i, fbcon, console)
	}
	return f
}

func (f *fake) id() uint32 { f.next++; return f.next }

func (f *fake) addPipe(i int, fb, blob uint32) {
	crtc, conn := f.id(), f.id()
	f.top.CRTCs = append(f.top.CRTCs, crtc)
	f.top.Connectors = append(f.top.Connectors, conn)
	f.object(crtc, kindCRTC, map[string]uint64{"ACTIVE": 1, "MODE_ID": uint64(blob), "VRR_ENABLED": 0, "GAMMA_LUT": 0})
	f.object(conn, kindConnector, map[string]uint64{"CRTC_ID": uint64(crtc), "max bpc": 16, "vrr_capable": 0, "link-status": 0, "DPMS": 0})
	f.ports[conn] = &connector{
		ID: conn, Kind: connectorDisplayPort, Name: fmt.Sprintf("DP-%d", i+1), Connected: true,
		CRTCs: 0xff, CRTC: crtc, Modes: testModes, WidthMM: 600, HeightMM: 340,
	}
	for _, kind := range [...]uint64{planePrimary, planeCursor} {
		p := f.id()
		f.top.Planes = append(f.top.Planes, plane{ID: p, CRTCs: 1 << i, Type: kind})
		values := map[string]uint64{"type": kind, "FB_ID": 0, "CRTC_ID": 0, "IN_FENCE_FD": ^uint64(0), "rotation": 1}
		for _, n := range [...]string{"SRC_X", "SRC_Y", "SRC_W", "SRC_H", "CRTC_X", "CRTC_Y", "CRTC_W", "CRTC_H"} {
			values[n] = 0
		}
		if kind == planePrimary {
			values["FB_ID"], values["CRTC_ID"] = uint64(fb), uint64(crtc)
		}
		f.object(p, kindPlane, values)
	}
}

func (f *fake) object(id uint32, kind objectKind, values map[string]uint64) {
	o := &fakeObject{kind: kind, props: make(map[uint32]*property)}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if f.ids[name] == 0 {
			f.ids[name] = f.id()
			f.names[f.ids[name]] = name
		}
		p := &property{ID: f.ids[name], Name: name, Value: values[name]}
		switch name {
		case "MODE_ID", "GAMMA_LUT":
			p.Flags = propBlob
		case "max bpc":
			p.Flags, p.Min, p.Max = propRange, 6, 16
		case "type", "vrr_capable":
			p.Flags = propImmutable
		}
		o.props[p.ID] = p
	}
	f.objects[id] = o
}

// value reads a property.
func (f *fake) value(id uint32, name string) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.valueLocked(id, name)
}

func (f *fake) valueLocked(id uint32, name string) uint64 {
	if p := f.objects[id].props[f.ids[name]]; p != nil {
		return p.Value
	}
	return 0
}

// set changes a property as the driver does.
func (f *fake) set(id uint32, name string, v uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.objects[id].props[f.ids[name]].Value = v
}

// edit changes anything under the lock.
func (f *fake) edit(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// state is every value of every object.
func (f *fake) state() map[string]uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make(map[string]uint64)
	for id, o := range f.objects {
		for _, p := range o.props {
			out[fmt.Sprintf("%s %d %s", o.kind, id, p.Name)] = p.Value
		}
	}
	return out
}

// on returns what a connector shows; ok is false when it is off.
func (f *fake) on(i int) (d drawing, m mode.Mode, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	crtc := uint32(f.valueLocked(f.top.Connectors[i], "CRTC_ID"))
	if crtc == 0 || f.valueLocked(crtc, "ACTIVE") == 0 {
		return drawing{}, mode.Mode{}, false
	}
	m, err := decodeMode(f.blobs[uint32(f.valueLocked(crtc, "MODE_ID"))])
	if err != nil {
		return drawing{}, mode.Mode{}, false
	}
	for _, p := range f.top.Planes {
		if p.Type == planePrimary && uint32(f.valueLocked(p.ID, "CRTC_ID")) == crtc {
			d, ok = f.buffers[uint32(f.valueLocked(p.ID, "FB_ID"))]
		}
	}
	return d, m, ok
}

// plug changes what is on a connector and says so.
func (f *fake) plug(i int, connected bool) {
	f.mu.Lock()
	f.ports[f.top.Connectors[i]].Connected = connected
	changed := f.changed
	f.mu.Unlock()
	changed()
}

func (f *fake) Topology() (topology, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.top, nil
}

func (f *fake) Connector(id uint32) (connector, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := *f.ports[id]
	c.CRTC = uint32(f.valueLocked(id, "CRTC_ID"))
	if !c.Connected {
		c.Modes = nil
	}
	return c, nil
}

func (f *fake) Properties(kind objectKind, id uint32) ([]property, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.objects[id]
	if o == nil || o.kind != kind {
		return nil, syscall.ENOENT
	}
	var out []property
	for _, p := range o.props {
		out = append(out, *p)
	}
	return out, nil
}

func (f *fake) Blob(id uint32) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.blobs[id]
	if !ok {
		return nil, syscall.ENOENT
	}
	return slices.Clone(b), nil
}

func (f *fake) CreateBlob(data []byte) (uint32, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.id()
	f.blobs[id] = slices.Clone(data)
	return id, nil
}

// DestroyBlob keeps what a CRTC uses, as the kernel does.
func (f *fake) DestroyBlob(id uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.blobs[id]; !ok {
		return syscall.ENOENT
	}
	for _, o := range f.objects {
		for _, p := range o.props {
			if p.Flags&propBlob != 0 && p.Value == uint64(id) {
				return nil
			}
		}
	}
	delete(f.blobs, id)
	return nil
}

func (f *fake) Commit(r *request, flags uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.master {
		return syscall.EACCES
	}
	crtcs, err := f.check(r, flags)
	if err != nil {
		return err
	}
	if flags&flagTestOnly != 0 {
		return nil
	}
	for i, id := range r.objects {
		f.objects[id].props[r.properties[i]].Value = r.values[i]
	}
	if flags&flagEvent != 0 {
		for n, id := range f.top.CRTCs {
			if crtcs&(1<<n) != 0 {
				f.pending[id] = true
				f.schedule(id, flags&flagModeset != 0, f.fence(r))
			}
		}
	}
	return nil
}

// check is what the kernel checks. It returns which CRTCs are part of it.
func (f *fake) check(r *request, flags uint32) (crtcs uint32, err error) {
	c := &f.asked
	*c = commit{flags: flags, at: time.Now()}
	if !f.bare {
		c.values = make(map[string]uint64)
	}
	modeset := false
	for i, id := range r.objects {
		o := f.objects[id]
		if o == nil {
			return 0, syscall.ENOENT
		}
		p := o.props[r.properties[i]]
		if p == nil {
			return 0, syscall.ENOENT
		}
		v := r.values[i]
		if c.values != nil {
			c.values[fmt.Sprintf("%s %d %s", o.kind, id, p.Name)] = v
		}
		if p.Flags&propImmutable != 0 || p.Name == "DPMS" {
			return 0, syscall.EINVAL
		}
		crtc := uint32(0)
		switch {
		case o.kind == kindCRTC:
			crtc = id
			modeset = modeset || p.Value != v && (p.Name == "ACTIVE" || p.Name == "MODE_ID")
		case p.Name == "CRTC_ID":
			crtc = uint32(v)
			modeset = modeset || o.kind == kindConnector && p.Value != v
		case o.kind == kindPlane:
			crtc = uint32(f.valueLocked(id, "CRTC_ID"))
		}
		if p.Name == "FB_ID" && v != 0 {
			if _, ok := f.buffers[uint32(v)]; !ok {
				return 0, syscall.EINVAL
			}
		}
		for n, known := range f.top.CRTCs {
			if known == crtc {
				crtcs |= 1 << n
			}
		}
	}
	if modeset && flags&flagModeset == 0 {
		return 0, syscall.EINVAL
	}
	for n, id := range f.top.CRTCs {
		if crtcs&(1<<n) != 0 && f.pending[id] && flags&(flagTestOnly|flagNonblock) == flagNonblock {
			return 0, syscall.EBUSY
		}
	}
	if f.refuse != nil {
		if err := f.refuse(c); err != nil {
			return 0, err
		}
	}
	if flags&flagTestOnly == 0 && !f.bare {
		f.commits = append(f.commits, *c)
	}
	return crtcs, nil
}

// period is that of a CRTC's mode.
func (f *fake) period(crtc uint32) time.Duration {
	m, err := decodeMode(f.blobs[uint32(f.valueLocked(crtc, "MODE_ID"))])
	if err != nil {
		return time.Second / 60
	}
	return m.Period()
}

// fence is when a request may be shown; zero: at once.
func (f *fake) fence(r *request) time.Time {
	for i, id := range r.properties {
		if f.names[id] == "IN_FENCE_FD" {
			return f.fences[int(r.values[i])]
		}
	}
	return time.Time{}
}

func (f *fake) FenceTime(fence int) (at time.Time, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, ok = f.fences[fence]
	return at, ok && !time.Now().Before(at)
}

// schedule has the flip come at the next blank once it is drawn.
func (f *fake) schedule(crtc uint32, modeset bool, drawn time.Time) {
	if f.lose != nil && f.lose(crtc) {
		return
	}
	now := time.Now()
	if f.atOnce {
		f.seqs[crtc]++
		f.pending[crtc] = false
		f.flips <- flip{CRTC: crtc, At: now, Seq: f.seqs[crtc]}
		return
	}
	period := f.period(crtc)
	start := now
	if drawn.After(start) {
		start = drawn
	}
	n := start.Sub(f.epoch)/period + 1
	at := f.epoch.Add(n * period)
	if f.valueLocked(crtc, "VRR_ENABLED") == 1 {
		if at = f.last[crtc].Add(period); at.Before(now) {
			at = now
		}
		f.last[crtc] = at
	}
	out := flip{CRTC: crtc, At: at, Seq: uint32(n)}
	if f.stale != nil {
		out.At = at.Add(-f.stale(crtc, modeset))
	}
	time.AfterFunc(at.Sub(now), func() {
		f.mu.Lock()
		f.pending[crtc] = false
		f.mu.Unlock()
		f.flips <- out
	})
}

func (f *fake) ReadFlips(into []flip) (int, error) {
	select {
	case into[0] = <-f.flips:
		return 1, nil
	case <-f.interrupted:
		return 0, nil
	}
}

func (f *fake) Interrupt() { close(f.interrupted) }

func (f *fake) CursorSize() image.Point { return image.Pt(64, 64) }

func (f *fake) NewImage(size image.Point) (*planeImage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fb := f.id()
	f.buffers[fb] = drawing{size: size}
	return &planeImage{FB: fb, Pix: make([]byte, size.X*size.Y*4), Stride: size.X * 4, free: func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.buffers, fb)
	}}, nil
}

func (f *fake) TakeMaster() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.held {
		return syscall.EBUSY
	}
	f.master = true
	return nil
}

func (f *fake) DropMaster() error { f.edit(func() { f.master = false }); return nil }

func (f *fake) Hotplug(stop <-chan struct{}, changed func()) error {
	f.edit(func() { f.changed = changed })
	<-stop
	return nil
}

func (f *fake) Console(stop <-chan struct{}, leave, enter func()) error {
	f.edit(func() { f.leave, f.enter = leave, enter })
	<-stop
	return nil
}

func (f *fake) Capabilities() Capabilities { return Capabilities{Card: "fake"} }

func (f *fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return errors.New("closed twice")
	}
	f.closed = true
	return nil
}

func (f *fake) NewCanvas() (canvas, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open++
	return &fakeCanvas{f: f}, nil
}

// fakeCanvas has three buffers, of which at most two are out, as on a GPU: one
// on the screen and one on its way.
type fakeCanvas struct {
	bytes      uint64 // of pictures in memory that were drawn
	f          *fake
	size       image.Point
	fbs        [3]uint32
	out        [3]bool
	old        []uint32
	generation int
	drawn      drawing
	has        bool
}

func (c *fakeCanvas) Resize(size image.Point) error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	for i, fb := range c.fbs {
		if fb != 0 {
			c.old = append(c.old, fb)
		}
		c.fbs[i] = c.f.id()
		c.f.buffers[c.fbs[i]] = drawing{size: size}
	}
	c.out = [3]bool{}
	c.size = size
	c.generation++
	return nil
}

func (c *fakeCanvas) Retire() {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	for _, fb := range c.old {
		delete(c.f.buffers, fb)
	}
	c.old = c.old[:0]
}

func (c *fakeCanvas) Draw(s *gl.Scene) error {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	if c.f.draws != nil {
		if err := c.f.draws(s); err != nil {
			return err
		}
	}
	c.drawn = drawing{
		size: c.size, dim: s.Dim, words: !s.Layers[placeWords].Area.Empty(), panel: !s.Layers[placePanel].Area.Empty(),
		cursor: s.Cursor != nil,
	}
	if s.Picture != nil {
		c.drawn.frame = s.Picture.FrameID
	}
	c.has = true
	return nil
}

func (c *fakeCanvas) Swap() (buffer, error) {
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	if !c.has {
		return buffer{}, errors.New("swap of nothing")
	}
	out, slot := 0, -1
	for i, o := range c.out {
		if o {
			out++
		} else {
			slot = i
		}
	}
	if out >= 2 {
		return buffer{}, errors.New("a third buffer: one was not released")
	}
	c.out[slot], c.has = true, false
	c.f.buffers[c.fbs[slot]] = c.drawn
	b := buffer{FB: c.fbs[slot], Fence: -1, Slot: slot, Generation: c.generation}
	if c.f.gpu > 0 {
		var err error
		if b.Fence, err = syscall.Open("/dev/null", syscall.O_RDONLY|syscall.O_CLOEXEC, 0); err != nil {
			return buffer{}, err
		}
		c.f.fences[b.Fence] = time.Now().Add(c.f.gpu)
	}
	return b, nil
}

func (c *fakeCanvas) Release(b buffer) {
	if b.Generation == c.generation {
		c.out[b.Slot] = false
	}
}

func (c *fakeCanvas) Copied() (bytes, imports uint64) { return c.bytes, 0 }

// Read gives every pixel the frame's number.
func (c *fakeCanvas) Read(into *image.RGBA) error {
	if !c.has {
		return errors.New("read of nothing")
	}
	for i := range into.Pix {
		into.Pix[i] = byte(c.drawn.frame)
	}
	return nil
}

func (c *fakeCanvas) Close() error {
	c.Retire()
	c.f.mu.Lock()
	defer c.f.mu.Unlock()
	for _, fb := range c.fbs {
		delete(c.f.buffers, fb)
	}
	c.f.open--
	return nil
}
