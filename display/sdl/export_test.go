package sdl

// What the tests reach of the parts that know no SDL.
var (
	UsageOf   = usageOf
	CommandOf = commandOf
	Letterbox = letterbox
	Absolute  = absolute
	BlendRow  = blendRow
	Units     = units
	BlueFirst = blueFirst
)
