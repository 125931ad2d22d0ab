package wire

import "encoding/binary"

// What an FFEffect asks for.
const (
	FFUpload     = iota + 1 // a new effect, or new parameters of one that is there
	FFPlay                  // Value times
	FFStop                  //
	FFErase                 //
	FFGain                  // Value of 65535, for all effects of the device
	FFAutocentre            // Value of 65535
)

// Kinds of effect.
const (
	FFConstant = iota
	FFRamp
	FFPeriodic
	FFSpring
	FFDamper
	FFFriction
	FFInertia
)

// FFCondition is one axis of a spring, damper, friction or inertia, as in the
// kernel's struct ff_condition_effect.
type FFCondition struct {
	RightSaturation, LeftSaturation uint16
	RightCoeff, LeftCoeff           int16
	Deadband                        uint16
	Centre                          int16
}

// FFEffect drives the force feedback of a device. Fields that neither Op nor
// Kind needs are 0; units are those of the kernel's struct ff_effect.
type FFEffect struct {
	Number, Op, ID, Kind                             uint8
	Value                                            uint16
	Direction                                        uint16 // 0 down, 0x4000 left, 0x8000 up, 0xc000 right
	Delay, Length                                    uint16 // ms; length 0: until stopped
	AttackLength, AttackLevel, FadeLength, FadeLevel uint16 // ms, 0 to 32767
	Level, End                                       int16  // of a constant; start and end of a ramp; magnitude of a periodic
	Period, Phase                                    uint16 // ms, 1/65536 of a turn
	Offset                                           int16
	Wave                                             uint8 // 0 square, 1 triangle, 2 sine, 3 saw up, 4 saw down
	Axes                                             [2]FFCondition
}

// AppendFFEffect appends an FF_EFFECT message.
func AppendFFEffect(dst []byte, e FFEffect) []byte {
	dst, at := beginMessage(dst, MessageFFEffect)
	dst = append(dst, e.Number, e.Op, e.ID, e.Kind)
	for _, v := range [...]uint16{
		e.Value, e.Direction, e.Delay, e.Length, e.AttackLength, e.AttackLevel, e.FadeLength, e.FadeLevel,
		uint16(e.Level), uint16(e.End), e.Period, e.Phase, uint16(e.Offset),
	} {
		dst = binary.LittleEndian.AppendUint16(dst, v)
	}
	dst = append(dst, e.Wave, 0)
	for _, c := range e.Axes {
		for _, v := range [...]uint16{
			c.RightSaturation, c.LeftSaturation, uint16(c.RightCoeff), uint16(c.LeftCoeff), c.Deadband, uint16(c.Centre),
		} {
			dst = binary.LittleEndian.AppendUint16(dst, v)
		}
	}
	return endMessage(dst, at)
}

// FFEffect reads an FF_EFFECT message.
func (m Message) FFEffect() (FFEffect, error) {
	r := read(m, MessageFFEffect)
	e := FFEffect{
		Number: r.u8(), Op: r.u8(), ID: r.u8(), Kind: r.u8(),
		Value: r.u16(), Direction: r.u16(), Delay: r.u16(), Length: r.u16(),
		AttackLength: r.u16(), AttackLevel: r.u16(), FadeLength: r.u16(), FadeLevel: r.u16(),
		Level: int16(r.u16()), End: int16(r.u16()), Period: r.u16(), Phase: r.u16(), Offset: int16(r.u16()),
		Wave: r.u8(),
	}
	r.u8()
	for i := range e.Axes {
		e.Axes[i] = FFCondition{
			RightSaturation: r.u16(), LeftSaturation: r.u16(), RightCoeff: int16(r.u16()), LeftCoeff: int16(r.u16()),
			Deadband: r.u16(), Centre: int16(r.u16()),
		}
	}
	if err := r.err(); err != nil {
		return FFEffect{}, err
	}
	return e, nil
}
