// Package agent is the terminal as a whole: it builds the session with the
// host, the decoders, the display, the sound and the input, owns their
// goroutines and decides what happens when one of them ends.
//
// States of the session, all shown in the window in words:
//
//	connecting -> live -> lost -> (countdown) -> connecting -> ...
//	    |                   |
//	    +-- first attempt fails, Config.Once ----> end with the error
//
// Run must be called on the main OS thread, which SDL claims: the display's
// event loop runs there, everything else in one errgroup beside it. The first
// error of a part that cannot be restarted ends all.
package agent
