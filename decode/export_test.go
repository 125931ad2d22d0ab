package decode

import (
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// FakeLink stands for a link in tests.
type FakeLink struct {
	Name, Driver     string
	Hardware, Export bool
	Lacks            media.Codec // of hardware
	Open             func(media.Codec) (Backend, error)
}

// NewChain is [OpenHardware] with fakes in place of what the machine has. sum
// is that of the pictures that backends have to give in the proof.
func NewChain(cfg HardwareConfig, sum string, links ...FakeLink) *Hardware {
	h := newHardware(cfg)
	h.proof = func(codec media.Codec) proof {
		p := proofOf(codec)
		p.sums = [2]string{sum, sum}
		return p
	}
	for _, f := range links {
		l := link{name: f.Name, driver: f.Driver, device: "/dev/fake", hardware: f.Hardware, export: f.Export, open: f.Open}
		l.limits = func(c media.Codec) (limits, error) {
			switch {
			case !f.Hardware:
				return softwareLimits(c), nil
			case f.Lacks == c:
				return limits{}, libav.ErrNoProfile
			}
			return hardwareLimits(c, libav.DeviceProfiles{ConstrainedBaseline: true, Main: true, High: true}), nil
		}
		h.links = append(h.links, l)
	}
	h.proveAll(openMemory(h.cfg.Memory, h.log))
	return h
}

// SumOf is what a proof compares.
var SumOf = sumOf

// CheckSurface is what a proof wants of an exported picture.
var CheckSurface = checkSurface

// ProofUnits are the access units of a proof.
func ProofUnits(codec media.Codec) []*media.AccessUnit { return proofOf(codec).units(codec) }

// ProofSums are the sums of their pictures.
func ProofSums(codec media.Codec) [2]string { return proofOf(codec).sums }

// CheckStream is what hardware with every profile says to an access unit.
func CheckStream(au *media.AccessUnit, p libav.DeviceProfiles) error {
	l := hardwareLimits(au.Codec, p)
	return l.check(au)
}

// CheckSoftware is what software says to an access unit.
func CheckSoftware(au *media.AccessUnit) error {
	l := softwareLimits(au.Codec)
	return l.check(au)
}

// CheckMemory is what software says to a size and as many references.
var CheckMemory = checkMemory
