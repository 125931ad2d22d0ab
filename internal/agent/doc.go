// Package agent is the terminal as a whole: it asks the broker, builds the
// session with the host, the decoders, the display, the sound and the input,
// owns their goroutines and decides what happens when one of them ends.
//
// States of the session, all shown in the window in words:
//
//	asking --> connecting --> live <--> interrupted     silent for a second
//	  ^ |  \        |          |            |
//	  | |   \       |          +-----+------+
//	  | |    `------+----> lost <----'
//	  | |                   | countdown, a key, another network
//	  +-+-------------------+   -> asking, for ever
//
// Asking is the broker's part and over at once without one: while the PC starts,
// sleeps (a key wakes it) or is maintained, the terminal stays there. After a
// host that dismissed us and a broker that revoked us, lost has no countdown: a
// key ends it. With Config.Once the first failure before any picture ends all.
// The last picture stays through all of them, dimmed, as do grab, focus, volume
// and layout, which belong to the display, the player and the agent.
//
// Countdowns and timeouts run on the monotonic clock: setting the clock moves
// none of them, and one that the machine slept through goes on where it was.
//
// Run must be called on the main OS thread, which SDL claims: the display's
// event loop runs there, everything else in one errgroup beside it. The first
// error of a part that cannot be restarted ends all.
package agent
