package sdl

import "github.com/blade-shadow/terminal/display"

// Config describes the windows.
type Config = display.Config
